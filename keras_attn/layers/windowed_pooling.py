import keras
import numpy as np

from keras_attn import ops
from keras_attn.layers.layer import Layer, check_positive


@keras.saving.register_keras_serializable("keras_attn")
class WindowedPooling(Layer):
    """Sums a sequence into a few vectors, each by attention to what matters in a stretch of time.

    `u_s = tanh(W x_s + b)`, `a_ps = softmax_s(w_p . u_s - ((s + 1/2) / L - c_p)^2 / (2 v_p^2))` and
    `y_p = sum_s a_ps x_s`, for L the length of the sequence without padding. The P centers c_p, spread over it, and the
    widths v_p are learned too.

    Args:
        num_windows: Number P of stretches.
        units: Width of the comparison; the input's width when None.
        **kwargs: Keras's own, such as `name` and `dtype`.

    Call arguments:
        inputs: Float tensor [B, S, D].
        mask: Boolean [B, S], False at padding, which must stand at the end.
        return_attention_scores: Whether to return the weights too.

    Returns:
        Tensor [B, P, D]; with `return_attention_scores` also the weights a [B, P, S].

    Masking:
        Padding gets no weight, and does not count as length; a sequence of padding alone gives zeros.

    Raises:
        ValueError: If a number is not positive.

    Example:
        >>> import numpy as np
        >>> from keras_attn.layers import WindowedPooling
        >>> pooling = WindowedPooling(num_windows=2)
        >>> output, weights = pooling(np.ones((1, 4, 8), "float32"), return_attention_scores=True)
        >>> tuple(output.shape), weights.numpy()[0].argmax(axis=1).tolist()  # steps 0 and 1, 2 and 3: equal in content
        ((1, 2, 8), [0, 2])

    Reference:
        Yang et al. 2016, "Hierarchical Attention Networks for Document Classification", equations 5 to 7 (the scores of
        content); Luong et al. 2015, "Effective Approaches to Attention-based Neural Machine Translation", equation 10
        (the Gaussian around a center).
    """

    def __init__(self, num_windows=8, units=None, **kwargs):
        super().__init__(**kwargs)
        check_positive(num_windows=num_windows)
        if units is not None:
            check_positive(units=units)
        self.num_windows = num_windows
        self.units = units
        self.supports_masking = True

    def build(self, input_shape):
        units, count = self.units or input_shape[-1], self.num_windows
        self.hidden_dense = keras.layers.Dense(units, activation="tanh", dtype=self.dtype_policy, name="hidden")
        self.hidden_dense.build(input_shape)
        self.score_weights = self.add_weight((units, count), "glorot_uniform", name="score_weights")
        centers = keras.initializers.Constant((np.arange(count) + 0.5) / count)
        self.centers = self.add_weight((count,), centers, name="centers")
        self.log_widths = self.add_weight((count,), keras.initializers.Constant(np.log(0.6 / count)), name="log_widths")

    def call(self, inputs, mask=None, return_attention_scores=False):
        scores = keras.ops.matmul(self.hidden_dense(inputs), keras.ops.cast(self.score_weights, self.compute_dtype))
        scores = keras.ops.transpose(keras.ops.cast(scores, "float32"), (0, 2, 1))  # [B, P, S]
        steps = keras.ops.shape(inputs)[1]
        lengths = keras.ops.cast(steps, "float32")
        if mask is not None:
            mask = keras.ops.cast(mask, "bool")
            lengths = keras.ops.maximum(keras.ops.sum(keras.ops.cast(mask, "float32"), axis=1), 1.0)[:, None, None]
            mask = mask[:, None]
        place = (keras.ops.arange(steps, dtype="float32") + 0.5)[None, None] / lengths
        centers, log_widths = (keras.ops.cast(weight, "float32") for weight in (self.centers, self.log_widths))
        away = (place - centers[:, None]) / keras.ops.exp(log_widths[:, None])  # [B or 1, P, S]
        weights = ops.masked_softmax(scores - 0.5 * keras.ops.square(away), mask)
        weights = keras.ops.cast(weights, self.compute_dtype)
        output = keras.ops.matmul(weights, inputs)  # [B, P, D]
        return (output, weights) if return_attention_scores else output

    def compute_mask(self, inputs, mask=None):
        return None
