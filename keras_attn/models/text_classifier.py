"""A classifier of texts: an encoder, pooled into one vector, and an output for each head."""

import keras
from keras import ops

from keras_attn import layers
from keras_attn.layers.layer import check_positive

POOLINGS = ("attention", "mean", "class")


def text_classifier(encoder, num_classes, pooling="attention", dropout=0.1, dtype=None):
    """Builds a classifier on an encoder.

    `attention` sums the encoder's outputs by learned weights, `mean` by equal ones; `class` takes the first output, and
    is for rows that begin with a token for the purpose, a tokenizer's `start_id`.

    Args:
        encoder: Functional model, integer ids [B, T] -> [B, T, D], such as `text_encoder` makes; it becomes a part of
            the classifier.
        num_classes: Number of classes of each head, a list.
        pooling: "attention", "mean" or "class".
        dropout: Share of the pooled vector set to zero in training.
        dtype: Dtype policy of the layers; the logits are float32 in any case.

    Returns:
        A functional `keras.Model` named `text_classifier`: integer ids [B, T], 0 at padding -> dict of logits [B, C] by
        output, `head_0` and so on.

    Raises:
        ValueError: If the pooling is unknown, or a number of classes is not positive.

    Example:
        >>> from keras_attn import models
        >>> encoder = models.text_encoder(50, num_layers=1, hidden_dim=8, num_heads=2, intermediate_dim=16)
        >>> model = models.text_classifier(encoder, [3, 2])
        >>> {name: tuple(logits.shape) for name, logits in model.output.items()}
        {'head_0': (None, 3), 'head_1': (None, 2)}

    Reference:
        Yang et al. 2016, "Hierarchical Attention Networks for Document Classification", equations 5 to 7 (attention);
        Devlin et al. 2019, "BERT", section 4.1 (class token).
    """
    if pooling not in POOLINGS:
        raise ValueError(f"`pooling` must be one of {', '.join(map(repr, POOLINGS))}. Received: pooling={pooling!r}")
    for count in num_classes:
        check_positive(num_classes=count)
    ids = keras.Input((None,), dtype="int32", name="ids")
    x = encoder(ids)  # [B, T, D]
    if pooling == "class":
        x = x[:, 0]  # [B, D]
    else:
        pool = (
            layers.AttentionPooling(name="pooling", dtype=dtype)
            if pooling == "attention"
            else keras.layers.GlobalAveragePooling1D(name="pooling", dtype=dtype)
        )
        x = pool(x, mask=ops.not_equal(ids, 0))  # [B, D]
    x = layers.Dropout(dropout, name="pooled_dropout", dtype=dtype)(x)
    heads = {
        f"head_{i}": keras.layers.Dense(count, name=f"head_{i}", dtype="float32") for i, count in enumerate(num_classes)
    }
    return keras.Model(ids, {name: head(x) for name, head in heads.items()}, name="text_classifier")


def token_weights(model, ids):
    """Tells how much of what a classifier pools comes from each token.

    The weights of the attention pooling; of a class token, the last block's attention from the first token, the mean
    over the heads; of a mean, equal weights.

    Args:
        model: A model made by `text_classifier`, or loaded from a file.
        ids: Integers [B, T], 0 at padding.

    Returns:
        Float tensor [B, T]; each row sums to 1.
    """
    encoder, pooling = model.get_layer("text_encoder"), _layer(model, "pooling")
    mask = ops.not_equal(ids, 0)
    if isinstance(pooling, layers.AttentionPooling):
        return ops.cast(pooling(encoder(ids), mask=mask, return_attention_scores=True)[1], "float32")
    if pooling is not None:
        return ops.cast(mask, "float32") / ops.sum(ops.cast(mask, "float32"), axis=1, keepdims=True)
    last = [layer for layer in encoder.layers if layer.name.startswith("encoder_block_")][-1]
    before = keras.Model(encoder.input, last.input[0] if isinstance(last.input, list) else last.input)(ids)
    x = last.self_attention_residual.enter(before)
    _, scores = last.self_attention(x, x, value_mask=mask, return_attention_scores=True)
    return ops.cast(ops.mean(scores[:, :, 0], axis=1), "float32")  # [B, T]


def _layer(model, name):
    return next((layer for layer in model.layers if layer.name == name), None)
