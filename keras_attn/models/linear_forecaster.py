"""The linear forecaster: what every attention model has to beat."""

import keras
from keras import ops

from keras_attn.layers.layer import check_positive
from keras_attn.models.forecaster_parts import forecaster, to_horizon


def linear_forecaster(shape, kernel_size=25, hidden_dim=16, normalize=True, dtype=None):
    """Builds a forecaster of two linear maps: one of the history's moving average, one of the rest.

    `y = W_t trend + W_s (x - trend) + b`, for each variable by itself and with the same weights for all; its layers are
    named `trend` and `seasonal`.

    Args:
        shape: `ForecastShape`.
        kernel_size: Steps of the moving average; at its ends the first and last step are repeated.
        hidden_dim: Width of the network of known and static variables.
        normalize: Whether to normalise by window.
        dtype: Dtype policy of all layers; Keras's global one when None.

    Returns:
        A functional `keras.Model` named `linear_forecaster`, see `ForecastShape.inputs`.

    Raises:
        ValueError: If `kernel_size` is not positive.

    Example:
        >>> from keras_attn import models
        >>> models.linear_forecaster(models.ForecastShape(lookback=48, horizon=12, num_targets=2)).output_shape
        (None, 12, 2)

    Reference:
        Zeng et al. 2023, "Are Transformers Effective for Time Series Forecasting?", section 4 (DLinear, shared
        weights), with the normalisation by window of `layers.ReversibleInstanceNorm`.
    """
    check_positive(kernel_size=kernel_size)

    def core(x, inputs):
        before = (kernel_size - 1) // 2
        first = ops.repeat(x[:, :1], before, axis=1)
        last = ops.repeat(x[:, -1:], kernel_size - 1 - before, axis=1)
        padded = ops.concatenate([first, x, last], axis=1)
        trend = keras.layers.AveragePooling1D(kernel_size, 1, name="moving_average", dtype=dtype)(padded)
        rest = ops.transpose(x - trend, (0, 2, 1))  # [B, C, L]
        trend = ops.transpose(trend, (0, 2, 1))
        return to_horizon(trend, shape, "trend", dtype) + to_horizon(rest, shape, "seasonal", dtype)

    return forecaster(shape, core, hidden_dim, "linear_forecaster", shortcut=False, normalize=normalize, dtype=dtype)
