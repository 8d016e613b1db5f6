"""The Transformer that reads a text: what classifiers, taggers and language models stand on."""

import math

import keras
from keras import ops

from keras_attn import layers
from keras_attn.layers.attention_position import AttentionPosition
from keras_attn.layers.layer import check_positive
from keras_attn.layers.residual import new_normalization


def text_encoder(
    vocabulary_size,
    num_layers=2,
    hidden_dim=128,
    num_heads=4,
    intermediate_dim=256,
    dropout=0.1,
    attention_dropout=0.0,
    word_dropout=0.0,
    normalize_first=False,
    position="sinusoidal",
    activation="relu",
    use_causal_mask=False,
    implementation=None,
    dtype=None,
    ngram_buckets=None,
    ngram_order=2,
):
    """Builds the encoder: embedding, positions and Transformer blocks.

    Its layers are named `embedding` (a `keras.layers.ReversibleEmbedding`, which a language model's output can share),
    `position`, `encoder_block_0` and so on. The padding mask is `ids != 0`, and each block gets it.

    Args:
        vocabulary_size: Number of ids V; id 0 is padding.
        num_layers: Number of blocks; 0 leaves the embeddings, without positions, as they are.
        hidden_dim: Width D of the model; even, and a multiple of `num_heads`.
        num_heads: Number of attention heads.
        intermediate_dim: Width of the feed-forward networks.
        dropout: Share of each sublayer's output and of the embeddings set to zero in training.
        attention_dropout: Share of the attention probabilities set to zero in training.
        word_dropout: Share of the tokens whose embeddings are set to zero in training.
        normalize_first: Pre-norm rather than post-norm blocks.
        position: "sinusoidal"; a layer that adds to the embeddings, such as `layers.LearnedPosition(512)`; or one for
            attention, such as `layers.RotaryPosition()`, of which each block gets a copy of its own.
        activation: Activation of the feed-forward networks.
        use_causal_mask: Whether each token sees only those before it and itself.
        implementation: How attention is computed, see `layers.MultiHeadAttention`; None chooses.
        dtype: Dtype policy of all layers; Keras's global one when None.
        ngram_buckets: Rows of a table of n-grams of tokens that are added to the embeddings, see
            `layers.NgramEmbedding`; None leaves them out.
        ngram_order: Longest of those n-grams.

    Returns:
        A functional `keras.Model` named `text_encoder`: integer ids [B, T] -> [B, T, D]. What stands at padded places
        means nothing.

    Raises:
        ValueError: If a size is out of range, `num_heads` does not divide `hidden_dim`, or the position is unknown.

    Example:
        >>> from keras_attn import models
        >>> encoder = models.text_encoder(50, num_layers=1, hidden_dim=8, num_heads=2, intermediate_dim=16)
        >>> encoder.output_shape
        (None, None, 8)

    Reference:
        Vaswani et al. 2017, figure 1, left side; Devlin et al. 2019, "BERT", section 3 (an encoder alone).
    """
    if num_layers != 0:
        check_positive(num_layers=num_layers)
    added, in_attention = split_position(position)
    common = {"dtype": dtype}
    ids = keras.Input((None,), dtype="int32", name="ids")
    padding_mask = ops.not_equal(ids, 0)
    x = embedded(ids, vocabulary_size, hidden_dim, word_dropout, ngram_buckets, ngram_order, dtype)  # [B, T, D]
    if added is not None and num_layers:
        x = _copy(added, name="position", **common)(x)
    x = layers.Dropout(dropout, name="embedding_dropout", **common)(x)
    for i in range(num_layers):
        block = layers.TransformerEncoderBlock(
            num_heads,
            intermediate_dim,
            dropout=dropout,
            attention_dropout=attention_dropout,
            activation=activation,
            normalize_first=normalize_first,
            position=None if in_attention is None else _copy(in_attention, **common),
            implementation=implementation,
            name=f"encoder_block_{i}",
            **common,
        )
        x = block(x, padding_mask=padding_mask, use_causal_mask=use_causal_mask)
    if normalize_first and num_layers:
        x = new_normalization("layer", epsilon=1e-5, name="encoder_norm", **common)(x)
    return keras.Model(ids, x, name="text_encoder")


def embedded(ids, vocabulary_size, hidden_dim, word_dropout, ngram_buckets, ngram_order, dtype):
    """Embeds the ids of a functional model: vectors of unit variance, whole ones of which are left out in training.

    Args:
        ids: `keras.Input` of integers [B, T].
        vocabulary_size: Number of ids.
        hidden_dim: Width D of the vectors.
        word_dropout: Share of the tokens whose vectors are set to zero in training.
        ngram_buckets: Rows of the table of n-grams, or None.
        ngram_order: Longest n-grams.
        dtype: Dtype policy of the layers.

    Returns:
        Symbolic tensor [B, T, D].
    """
    check_positive(vocabulary_size=vocabulary_size, hidden_dim=hidden_dim)
    embedding = keras.layers.ReversibleEmbedding(
        vocabulary_size,
        hidden_dim,
        embeddings_initializer=keras.initializers.RandomNormal(stddev=hidden_dim**-0.5),
        name="embedding",
        dtype=dtype,
    )
    x = embedding(ids) * math.sqrt(hidden_dim)
    if ngram_buckets is not None:
        x = x + layers.NgramEmbedding(ngram_buckets, hidden_dim, ngram_order, name="ngrams", dtype=dtype)(ids)
    return layers.WordDropout(word_dropout, name="word_dropout", dtype=dtype)(x) if word_dropout else x


def split_position(position):
    """Tells where a position scheme acts.

    Args:
        position: "sinusoidal" or a position layer.

    Returns:
        The layer added to the embeddings and the one for the self-attentions; one of them is None.

    Raises:
        ValueError: If it is neither.
    """
    if position == "sinusoidal":
        return layers.SinusoidalPosition(), None
    if isinstance(position, AttentionPosition):
        return None, position
    if isinstance(position, keras.layers.Layer):
        return position, None
    raise ValueError(
        "`position` must be 'sinusoidal' or a position layer, such as `layers.RotaryPosition()`. "
        f"Received: position={position!r}"
    )


def _copy(layer, **changes):
    return type(layer).from_config({**layer.get_config(), **changes})
