import keras
from keras import ops

from keras_attn import layers
from keras_attn.layers.layer import check_positive
from keras_attn.models.text_encoder import embedded

_CELLS = {"gru": keras.layers.GRUCell, "lstm": keras.layers.LSTMCell}


def recurrent_text_encoder(
    vocabulary_size,
    num_layers=1,
    hidden_dim=128,
    cell="gru",
    dropout=0.1,
    word_dropout=0.0,
    dtype=None,
    ngram_buckets=None,
    ngram_order=2,
):
    """Builds a recurrent encoder that reads a text in both directions.

    Args:
        vocabulary_size: Number of ids V; id 0 is padding.
        num_layers: Number of recurrent layers.
        hidden_dim: Width D of the embeddings and of the output, half of it a direction; even.
        cell: "gru" or "lstm".
        dropout: Share of the embeddings and of each layer's output set to zero in training.
        word_dropout: Share of the tokens whose embeddings are set to zero in training.
        dtype: Dtype policy of all layers; Keras's global one when None.
        ngram_buckets: As for `text_encoder`.
        ngram_order: Likewise.

    Returns:
        A functional `keras.Model` named `text_encoder`, as `text_encoder` makes it: integer ids [B, T] -> [B, T, D].

    Raises:
        ValueError: If a size is not positive, `hidden_dim` is odd, or `cell` is unknown.

    Example:
        >>> from keras_attn import models
        >>> models.recurrent_text_encoder(50, hidden_dim=8, cell="lstm").output_shape
        (None, None, 8)

    Reference:
        Yang et al. 2016, "Hierarchical Attention Networks for Document Classification", section 2.1.
    """
    check_positive(num_layers=num_layers, hidden_dim=hidden_dim)
    if hidden_dim % 2 or cell not in _CELLS:
        raise ValueError(
            "`hidden_dim` must be even, half of it goes to each direction, and `cell` one of "
            f"{', '.join(map(repr, _CELLS))}. Received: hidden_dim={hidden_dim}, cell={cell!r}"
        )
    ids = keras.Input((None,), dtype="int32", name="ids")
    padding_mask = ops.not_equal(ids, 0)
    x = embedded(ids, vocabulary_size, hidden_dim, word_dropout, ngram_buckets, ngram_order, dtype)  # [B, T, D]
    x = layers.Dropout(dropout, name="embedding_dropout", dtype=dtype)(x)
    for i in range(num_layers):
        one_way = keras.layers.RNN(_CELLS[cell](hidden_dim // 2, dtype=dtype), return_sequences=True, dtype=dtype)
        x = keras.layers.Bidirectional(one_way, name=f"encoder_{i}", dtype=dtype)(x, mask=padding_mask)
        x = layers.Dropout(dropout, name=f"encoder_dropout_{i}", dtype=dtype)(x)
    return keras.Model(ids, x, name="text_encoder")
