"""Encoder-decoder forecasters: every step of the horizon attends to the steps of the history."""

import keras
from keras import ops

from keras_attn import layers
from keras_attn.models.forecaster_parts import forecaster
from keras_attn.models.patch_forecaster import encoder_blocks
from keras_attn.ops.sliding_window import SlidingWindow


def sequence_forecaster(
    shape,
    kind="transformer",
    num_layers=2,
    hidden_dim=64,
    num_heads=4,
    intermediate_dim=128,
    window=None,
    dropout=0.1,
    attention_dropout=0.0,
    shortcut=True,
    normalize=True,
    dtype=None,
):
    """Builds a forecaster with an encoder of the history and a decoder of the horizon.

    Each step of the history, all its variables together, is one vector. The decoder reads, for each step of the
    horizon, where it stands and what is known of it, and attends to the encoder's steps; all steps come at once, none
    reads another's forecast.

    Args:
        shape: `ForecastShape`.
        kind: "transformer", or "recurrent": a GRU in both directions, and a GRU that attends at each step.
        num_layers: Number of blocks of encoder and of decoder each (transformer).
        hidden_dim: Width D of the model; even, and a multiple of `num_heads`.
        num_heads: Number of attention heads (transformer).
        intermediate_dim: Width of the feed-forward networks (transformer).
        window: Steps to either side that a step of the history attends to, which saves time with long histories; None
            for all (transformer).
        dropout: Share of the vectors and of each sublayer's output set to zero in training.
        attention_dropout: Share of the attention probabilities set to zero in training (transformer).
        shortcut: Whether a linear map of the history is added.
        normalize: Whether to normalise by window.
        dtype: Dtype policy of all layers; Keras's global one when None.

    Returns:
        A functional `keras.Model` named `sequence_forecaster`, see `ForecastShape.inputs`. Its layers are `steps`,
        `encoder_block_0` or `encoder`, `horizon`, `decoder_block_0` or `decoder`, and `head`.

    Raises:
        ValueError: If `kind` is unknown, a size is out of range, or `num_heads` does not divide `hidden_dim`.

    Example:
        >>> from keras_attn import models
        >>> models.sequence_forecaster(models.ForecastShape(lookback=48, horizon=12, num_targets=2)).output_shape
        (None, 12, 2)

    Reference:
        Vaswani et al. 2017, figure 1; the decoder's input in one step: Zhou et al. 2021, "Informer", section 4
        (generative style decoder). Recurrent: Luong et al. 2015.
    """
    if kind not in ("transformer", "recurrent"):
        raise ValueError(f"`kind` must be 'transformer' or 'recurrent'. Received: kind={kind!r}")

    def core(x, inputs):
        x, queries = _steps(x, inputs, shape, hidden_dim, dtype)
        x = layers.Dropout(dropout, name="step_dropout", dtype=dtype)(x)
        if kind == "recurrent":
            y = _recurrent(x, queries, hidden_dim, dtype)
            y = layers.Dropout(dropout, name="decoder_dropout", dtype=dtype)(y)
        else:
            x = layers.SinusoidalPosition(name="position", dtype=dtype)(x)
            both = None if window is None else SlidingWindow(window, window)
            rates = dropout, attention_dropout
            x = encoder_blocks(x, num_layers, num_heads, intermediate_dim, *rates, dtype, both)
            y = layers.SinusoidalPosition(name="horizon_position", dtype=dtype)(queries, start=shape.lookback)
            for i in range(num_layers):
                y = layers.TransformerDecoderBlock(
                    num_heads,
                    intermediate_dim,
                    dropout=dropout,
                    attention_dropout=attention_dropout,
                    activation="gelu",
                    normalize_first=True,
                    name=f"decoder_block_{i}",
                    dtype=dtype,
                )(y, x)
        outputs = shape.num_targets * shape.num_outputs
        y = keras.layers.Dense(outputs, kernel_initializer="zeros", name="head", dtype=dtype)(y)
        return ops.reshape(y, (-1, shape.horizon, shape.num_targets, shape.num_outputs))

    return forecaster(shape, core, hidden_dim, "sequence_forecaster", shortcut, normalize=normalize, dtype=dtype)


def _steps(x, inputs, shape, hidden_dim, dtype):
    """Vectors of the history's steps [B, L, D] and of the horizon's [B, H, D]."""
    parts = [x]
    if shape.masked:
        parts.append(ops.cast(inputs["observed"], x.dtype))
    if shape.num_past:
        parts.append(inputs["past"])
    known = [inputs["known"]] if shape.num_known else []
    for i, size in enumerate(shape.calendar):
        table = keras.layers.Embedding(size, hidden_dim // 2, name=f"calendar_step_{i}", dtype=dtype)
        known.append(table(inputs["calendar"][:, :, i]))
    parts += [array[:, : shape.lookback] for array in known]
    x = ops.concatenate(parts, axis=-1) if len(parts) > 1 else parts[0]
    x = keras.layers.Dense(hidden_dim, name="steps", dtype=dtype)(x)
    queries = ops.zeros_like(x[:, :1])  # [B, 1, D]
    queries = layers.LearnedPosition(shape.horizon, name="horizon", dtype=dtype)(
        ops.repeat(queries, shape.horizon, axis=1)
    )
    if known:
        future = [array[:, shape.lookback :] for array in known]
        future = ops.concatenate(future, axis=-1) if len(future) > 1 else future[0]
        queries = queries + keras.layers.Dense(hidden_dim, name="known_steps", dtype=dtype)(future)
    return x, queries


def _recurrent(x, queries, hidden_dim, dtype):
    """Reads the history in both directions, and attends to it while going through the horizon: [B, H, D]."""
    encoder = keras.layers.GRU(hidden_dim // 2, return_sequences=True, return_state=True, dtype=dtype)
    encoder = keras.layers.Bidirectional(encoder, name="encoder", dtype=dtype)
    memory, forwards, backwards = encoder(x)  # [B, L, D]
    state = ops.concatenate([forwards, backwards], axis=-1)
    attention = layers.LuongAttention("general", dtype=dtype)
    cell = layers.AttentionCell(keras.layers.GRUCell(hidden_dim, dtype=dtype), attention, hidden_dim, dtype=dtype)
    decoder = layers.AttentionRNN(cell, return_sequences=True, name="decoder", dtype=dtype)
    seen = ops.ones_like(memory[:, :, 0], dtype="bool")
    return decoder(queries, initial_state=[ops.zeros_like(state), state, memory, seen])
