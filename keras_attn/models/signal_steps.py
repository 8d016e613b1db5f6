"""Models that say something at each step of a signal: a letter of a text, or a value of another signal."""

import keras
from keras import ops

from keras_attn.layers.layer import check_positive

_NEVER = -1e9


def signal_transcriber(encoder, vocabulary_size):
    """Builds a model whose steps spell a text, for connectionist temporal classification.

    Args:
        encoder: Functional model made by `signal_encoder`; it becomes a part of the model.
        vocabulary_size: Number V of ids; id 0 is the blank.

    Returns:
        A functional `keras.Model` named `signal_transcriber`: a dict of `signals`, float [B, T, C], and `mask`, boolean
        [B, T] -> float32 logits [B, T', V]. Padding is a sure blank, so that `keras.losses.CTC` needs no lengths.

    Raises:
        ValueError: If the size is not positive.

    Example:
        >>> from keras_attn import models
        >>> models.signal_transcriber(models.signal_encoder(1, hidden_dim=8, num_heads=2), 11).output.shape
        (None, None, 11)

    Reference:
        Graves et al. 2006, "Connectionist Temporal Classification", section 3.1.
    """
    check_positive(vocabulary_size=vocabulary_size)
    inputs, encoded = _encoded(encoder)
    logits = keras.layers.Dense(vocabulary_size, name="output", dtype="float32")(encoded["steps"])  # [B, T', V]
    is_blank = ops.one_hot(0, vocabulary_size, dtype="float32")
    silence = (1.0 - is_blank) * _NEVER
    logits = ops.where(ops.expand_dims(encoded["mask"], -1), logits, ops.expand_dims(silence, 0))
    return keras.Model(inputs, logits, name="signal_transcriber")


def signal_filter(encoder, num_outputs):
    """Builds a model that makes each step of a signal into one of another signal.

    Args:
        encoder: Functional model made by `signal_encoder` with strides of 1; it becomes a part of the model.
        num_outputs: Number C' of channels of the other signal.

    Returns:
        A functional `keras.Model` named `signal_filter`: a dict of `signals`, float [B, T, C], and `mask`, boolean
        [B, T] -> float32 [B, T, C'], 0 at padding.

    Raises:
        ValueError: If the number is not positive.

    Example:
        >>> from keras_attn import models
        >>> models.signal_filter(models.signal_encoder(1, hidden_dim=8, num_heads=2), 2).output.shape
        (None, None, 2)
    """
    check_positive(num_outputs=num_outputs)
    inputs, encoded = _encoded(encoder)
    values = keras.layers.Dense(num_outputs, name="output", dtype="float32")(encoded["steps"])
    values = values * ops.cast(ops.expand_dims(encoded["mask"], -1), "float32")
    return keras.Model(inputs, values, name="signal_filter")


def _encoded(encoder):
    inputs = {
        name: keras.Input(tensor.shape[1:], dtype=tensor.dtype, name=name) for name, tensor in encoder.input.items()
    }
    return inputs, encoder(inputs)
