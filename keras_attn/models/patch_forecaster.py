"""The patch Transformer: a window as a sentence of pieces, each variable by itself."""

from keras import ops

from keras_attn import layers
from keras_attn.layers.residual import new_normalization
from keras_attn.models.forecaster_parts import forecaster, to_horizon


def patch_forecaster(
    shape,
    num_layers=2,
    hidden_dim=16,
    num_heads=4,
    intermediate_dim=32,
    patch_length=16,
    stride=8,
    dropout=0.2,
    attention_dropout=0.0,
    head_dropout=0.0,
    shortcut=True,
    normalize=True,
    dtype=None,
):
    """Builds a forecaster that attends between patches of a variable's history.

    All variables share the weights and none sees another; variables known of the past alone are further channels of
    each patch. The layers are named `patches`, `position`, `encoder_block_0` and so on, and `head`.

    Args:
        shape: `ForecastShape`.
        num_layers: Number of Transformer blocks.
        hidden_dim: Width D of the patches' vectors; a multiple of `num_heads`.
        num_heads: Number of attention heads.
        intermediate_dim: Width of the feed-forward networks.
        patch_length: Steps of a patch.
        stride: Steps from one patch to the next.
        dropout: Share of the patches' vectors and of each sublayer's output set to zero in training.
        attention_dropout: Share of the attention probabilities set to zero in training.
        head_dropout: Share of what the last map reads set to zero in training.
        shortcut: Whether a linear map of the history is added.
        normalize: Whether to normalise by window.
        dtype: Dtype policy of all layers; Keras's global one when None.

    Returns:
        A functional `keras.Model` named `patch_forecaster`, see `ForecastShape.inputs`.

    Raises:
        ValueError: If a size is out of range, or `num_heads` does not divide `hidden_dim`.

    Example:
        >>> from keras_attn import models
        >>> models.patch_forecaster(models.ForecastShape(lookback=48, horizon=12, num_targets=2)).output_shape
        (None, 12, 2)

    Reference:
        Nie et al. 2023, "A Time Series is Worth 64 Words", section 3.1 (PatchTST, supervised), with pre-norm layer
        normalisation in place of batch normalisation.
    """

    def core(x, inputs):
        channels = [channel(x, shape)]
        if shape.masked:
            channels.append(channel(ops.cast(inputs["observed"], x.dtype), shape))
        if shape.num_past:
            past = ops.repeat(inputs["past"][:, None], shape.num_targets, axis=1)
            channels.append(ops.reshape(past, (-1, shape.lookback, shape.num_past)))
        x = ops.concatenate(channels, axis=-1) if len(channels) > 1 else channels[0]  # [B*C, L, 1 + ...]
        patches = layers.PatchEmbedding(hidden_dim, patch_length, stride, name="patches", dtype=dtype)
        x = patches(x)  # [B*C, P, D]
        count = x.shape[1]
        x = layers.LearnedPosition(count, name="position", dtype=dtype)(x)
        x = layers.Dropout(dropout, name="patch_dropout", dtype=dtype)(x)
        x = encoder_blocks(x, num_layers, num_heads, intermediate_dim, dropout, attention_dropout, dtype)
        x = ops.reshape(x, (-1, shape.num_targets, count * hidden_dim))
        return to_horizon(x, shape, "head", dtype, head_dropout, "zeros")

    return forecaster(shape, core, hidden_dim, "patch_forecaster", shortcut, normalize=normalize, dtype=dtype)


def channel(x, shape):
    """Puts the variables into the batch.

    Args:
        x: Tensor [B, L, C].
        shape: `ForecastShape`.

    Returns:
        Tensor [B*C, L, 1].
    """
    return ops.reshape(ops.transpose(x, (0, 2, 1)), (-1, shape.lookback, 1))


def encoder_blocks(x, num_layers, num_heads, intermediate_dim, dropout, attention_dropout, dtype, sliding_window=None):
    """Applies pre-norm Transformer blocks, and a normalisation behind them.

    Args:
        x: Tensor [B, T, D].
        num_layers: Number of blocks.
        num_heads: Number of attention heads.
        intermediate_dim: Width of the feed-forward networks.
        dropout: Share of each sublayer's output set to zero in training.
        attention_dropout: Share of the attention probabilities set to zero in training.
        dtype: Dtype policy of the layers.
        sliding_window: `keras_attn.ops.SlidingWindow` of the attention, or None.

    Returns:
        Tensor [B, T, D].
    """
    for i in range(num_layers):
        block = layers.TransformerEncoderBlock(
            num_heads,
            intermediate_dim,
            dropout=dropout,
            attention_dropout=attention_dropout,
            activation="gelu",
            normalize_first=True,
            sliding_window=sliding_window,
            name=f"encoder_block_{i}",
            dtype=dtype,
        )
        x = block(x)
    return new_normalization("layer", epsilon=1e-5, name="encoder_norm", dtype=dtype)(x)
