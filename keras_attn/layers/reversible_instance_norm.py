import keras

from keras_attn.layers.layer import Layer


@keras.saving.register_keras_serializable("keras_attn")
class ReversibleInstanceNorm(Layer):
    """Takes each series' own level and spread out of a window, and puts them back into what was forecast.

    With `m_c` and `s_c^2` the mean and variance of variable c over the window's steps that were observed:
    `y_tc = g_c (x_tc - m_c) / sqrt(s_c^2 + epsilon) + b_c`. Given the `statistics` of that call, the way back:
    `x_tc = (y_tc - b_c) / g_c * sqrt(s_c^2 + epsilon) + m_c`.

    Args:
        affine: Whether each variable has a learned scale g and shift b.
        epsilon: Added to the variance.
        **kwargs: Keras's own, such as `name` and `dtype`.

    Call arguments:
        inputs: Float tensor [B, T, C].
        observed: Boolean [B, T, C], False where nothing was observed: there the output is 0.
        statistics: What an earlier call gave; then this call is the way back, and T may be another.

    Returns:
        Tensor [B, T, C] and the statistics [B, 2, C]; on the way back the tensor alone.

    Masking:
        What was not observed has no influence; a variable without any observed step gives zeros.

    Example:
        >>> import numpy as np
        >>> from keras_attn.layers import ReversibleInstanceNorm
        >>> norm = ReversibleInstanceNorm()
        >>> y, statistics = norm(np.array([[[1.0], [3.0]]], "float32"))
        >>> back = norm(y, statistics=statistics)
        >>> np.round(y, 3).tolist(), np.round(back, 3).tolist()
        ([[[-1.0], [1.0]]], [[[1.0], [3.0]]])

    Reference:
        Kim et al. 2022, "Reversible Instance Normalization for Accurate Time-Series Forecasting against Distribution
        Shift", equations 1 to 3: their gamma, beta are our g, b.
    """

    def __init__(self, affine=False, epsilon=1e-5, **kwargs):
        super().__init__(**kwargs)
        self.affine = affine
        self.epsilon = epsilon

    def build(self, input_shape):
        if self.affine:
            self.gamma = self.add_weight((input_shape[-1],), "ones", name="gamma")
            self.beta = self.add_weight((input_shape[-1],), "zeros", name="beta")

    def call(self, inputs, observed=None, statistics=None):
        if statistics is not None:
            return self._way_back(inputs, statistics)
        x = keras.ops.cast(inputs, "float32")
        if observed is None:
            mean = keras.ops.mean(x, axis=1, keepdims=True)  # [B, 1, C]
            variance = keras.ops.mean(keras.ops.square(x - mean), axis=1, keepdims=True)
        else:
            weight = keras.ops.cast(observed, "float32")
            count = keras.ops.maximum(keras.ops.sum(weight, axis=1, keepdims=True), 1.0)
            x = keras.ops.where(observed, x, 0.0)
            mean = keras.ops.sum(x, axis=1, keepdims=True) / count
            variance = keras.ops.sum(weight * keras.ops.square(x - mean), axis=1, keepdims=True) / count
        spread = keras.ops.sqrt(variance + self.epsilon)
        y = (x - mean) / spread
        if self.affine:
            y = y * keras.ops.cast(self.gamma, "float32") + keras.ops.cast(self.beta, "float32")
        if observed is not None:
            y = y * weight
        statistics = keras.ops.concatenate([mean, spread], axis=1)
        return tuple(keras.ops.cast(x, self.compute_dtype) for x in (y, statistics))

    def _way_back(self, inputs, statistics):
        statistics = keras.ops.cast(statistics, "float32")
        x = keras.ops.cast(inputs, "float32")
        if self.affine:
            gamma = keras.ops.cast(self.gamma, "float32")
            x = (x - keras.ops.cast(self.beta, "float32")) / (gamma + self.epsilon**2)  # which may come near 0
        x = x * statistics[:, 1:] + statistics[:, :1]
        return keras.ops.cast(x, self.compute_dtype)
