"""BERT: the encoder of Devlin et al., assembled so that weights trained elsewhere fit in."""

import keras
from keras import ops

from keras_attn import layers


def bert(
    vocabulary_size,
    num_layers=12,
    hidden_dim=768,
    num_heads=12,
    intermediate_dim=3072,
    max_length=512,
    num_segments=2,
    dropout=0.1,
    attention_dropout=0.1,
    activation="gelu",
    epsilon=1e-12,
    with_pooler=True,
    dtype=None,
):
    """Builds BERT's encoder: three embeddings and post-norm blocks.

    `x = norm(E[id] + P[position] + S[segment])`, the blocks, and `pooled = tanh(W y_0 + b)` of the first token. The
    layers are named as those of `text_encoder`: `embedding`, `position`, `encoder_block_0` and so on.

    Args:
        vocabulary_size: Number of ids V.
        num_layers: Number of blocks.
        hidden_dim: Width D of the model, a multiple of `num_heads`.
        num_heads: Number of attention heads.
        intermediate_dim: Width of the feed-forward networks.
        max_length: Number of positions; longer inputs are refused.
        num_segments: Number of segment ids.
        dropout: Share of each sublayer's output and of the embeddings set to zero in training.
        attention_dropout: Share of the attention probabilities set to zero in training.
        activation: Activation of the feed-forward networks.
        epsilon: Added to the variance by the normalizations.
        with_pooler: Whether there is a pooled output.
        dtype: Dtype policy of all layers; Keras's global one when None.

    Returns:
        A functional `keras.Model` named `bert`: `{"ids": [B, T], "segment_ids": [B, T], "padding_mask": [B, T]}`,
        integers, integers and booleans, True at tokens -> `{"sequence": [B, T, D], "pooled": [B, D]}`, the last
        hidden state and the pooled output. What stands at padded places means nothing.

    Raises:
        ValueError: If a size is not positive, or `num_heads` does not divide `hidden_dim`.

    Example:
        >>> import numpy as np
        >>> from keras_attn import models
        >>> model = models.bert(50, num_layers=1, hidden_dim=8, num_heads=2, intermediate_dim=16)
        >>> ids = np.array([[2, 7, 3]])
        >>> outputs = model({"ids": ids, "segment_ids": 0 * ids, "padding_mask": ids != 0})
        >>> tuple(outputs["sequence"].shape), tuple(outputs["pooled"].shape)
        ((1, 3, 8), (1, 8))

    Reference:
        Devlin et al. 2019, "BERT", section 3 and figure 2: their L, H, A are our num_layers, hidden_dim, num_heads. The
        exact GELU, the normalization's epsilon and the pooler are those of the authors' code.
    """
    common = {"dtype": dtype}
    normal = keras.initializers.TruncatedNormal(stddev=0.02)
    parts = [
        keras.layers.ReversibleEmbedding(
            vocabulary_size, hidden_dim, embeddings_initializer=normal.clone(), name="embedding", **common
        ),
        keras.layers.Embedding(num_segments, hidden_dim, normal.clone(), name="segment_embedding", **common),
        layers.LearnedPosition(max_length, name="position", **common),
        keras.layers.LayerNormalization(epsilon=epsilon, name="embedding_norm", **common),
        keras.layers.Dropout(dropout, name="embedding_dropout", **common),
    ]
    for i in range(num_layers):
        block = layers.TransformerEncoderBlock(
            num_heads,
            intermediate_dim,
            dropout=dropout,
            attention_dropout=attention_dropout,
            activation=activation,
            epsilon=epsilon,
            name=f"encoder_block_{i}",
            **common,
        )
        parts.append(block)
    if with_pooler:
        parts.append(keras.layers.Dense(hidden_dim, "tanh", kernel_initializer=normal, name="pooler", **common))
    named = {layer.name: layer for layer in parts}
    inputs = {
        "ids": keras.Input((None,), dtype="int32", name="ids"),
        "segment_ids": keras.Input((None,), dtype="int32", name="segment_ids"),
        "padding_mask": keras.Input((None,), dtype="bool", name="padding_mask"),
    }
    outputs = {"sequence": _encode(named, **inputs)}
    if with_pooler:
        outputs["pooled"] = named["pooler"](outputs["sequence"][:, 0])
    return keras.Model(inputs, outputs, name="bert")


def bert_text_encoder(model):
    """Takes the encoder of single texts out of a BERT: the same layers, shared, behind the inputs of `text_encoder`.

    All tokens are of segment 0, and the padding mask is `ids != 0`.

    Args:
        model: A model made by `bert`.

    Returns:
        A functional `keras.Model` named `text_encoder`: integer ids [B, T] -> [B, T, D].

    Example:
        >>> from keras_attn import models
        >>> model = models.bert(50, num_layers=1, hidden_dim=8, num_heads=2, intermediate_dim=16)
        >>> models.bert_text_encoder(model).output_shape
        (None, None, 8)
    """
    named = {layer.name: layer for layer in model.layers}
    ids = keras.Input((None,), dtype="int32", name="ids")
    return keras.Model(ids, _encode(named, ids, ops.zeros_like(ids), ops.not_equal(ids, 0)), name="text_encoder")


def _encode(layer, ids, segment_ids, padding_mask):
    x = layer["position"](layer["embedding"](ids)) + layer["segment_embedding"](segment_ids)  # [B, T, D]
    x = layer["embedding_dropout"](layer["embedding_norm"](x))
    i = 0
    while f"encoder_block_{i}" in layer:
        x = layer[f"encoder_block_{i}"](x, padding_mask=padding_mask)
        i += 1
    return x
