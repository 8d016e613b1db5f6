import keras

from keras_attn.layers.layer import Layer, check_positive
from keras_attn.layers.residual import new_normalization


@keras.saving.register_keras_serializable("keras_attn")
class ConformerConvolution(Layer):
    """The convolution module of a Conformer block, without its first norm and its dropout.

    `y = W2 silu(norm(c)) + b2` with `c[t] = sum_j k[j] * g[t + j]` for each channel by itself, `g = a * sigmoid(b)` and
    `[a, b] = x W1 + b1`; j runs from -(K-1)/2 to (K-1)/2, or with `use_causal_mask` from -(K-1) to 0.

    Args:
        kernel_size: Number K of steps that the convolution sees, odd.
        normalization: "layer" or "rms".
        epsilon: Added to the variance, or the mean square, by the normalization.
        **kwargs: Keras's own, such as `name` and `dtype`.

    Call arguments:
        inputs: Float tensor [B, T, D].
        padding_mask: Boolean [B, T], False at padding, or None.
        use_causal_mask: Whether each step sees only what comes before it and itself.

    Returns:
        Tensor [B, T, D].

    Masking:
        Padding counts as zeros; what comes out there means nothing.

    Raises:
        ValueError: If `kernel_size` is not a positive odd number, or the normalization unknown.

    Example:
        >>> import numpy as np
        >>> from keras_attn.layers import ConformerConvolution
        >>> tuple(ConformerConvolution(kernel_size=5)(np.ones((2, 7, 8), "float32")).shape)
        (2, 7, 8)

    Reference:
        Gulati et al. 2020, "Conformer: Convolution-augmented Transformer for Speech Recognition", section 2.2. They
        normalize over the batch; over the channels, as here, neither padding nor the other signals have an influence.
    """

    def __init__(self, kernel_size=15, normalization="layer", epsilon=1e-5, **kwargs):
        super().__init__(**kwargs)
        check_positive(kernel_size=kernel_size)
        if kernel_size % 2 == 0:
            raise ValueError(f"`kernel_size` must be odd. Received: kernel_size={kernel_size}")
        self.kernel_size = kernel_size
        self.normalization = normalization
        self.epsilon = epsilon
        self.supports_masking = True
        self.norm = new_normalization(normalization, epsilon=epsilon, dtype=self.dtype_policy, name="norm")

    def build(self, inputs_shape):
        width, common = inputs_shape[-1], {"dtype": self.dtype_policy}
        self.gate_dense = keras.layers.Dense(2 * width, name="gate", **common)
        self.gate_dense.build(inputs_shape)
        self.depthwise = keras.layers.DepthwiseConv1D(
            self.kernel_size, use_bias=False, padding="valid", name="depthwise", **common
        )
        self.depthwise.build((*inputs_shape[:1], None, width))
        self.norm.build(inputs_shape)
        self.output_dense = keras.layers.Dense(width, name="output", **common)
        self.output_dense.build(inputs_shape)

    def call(self, inputs, padding_mask=None, use_causal_mask=False):
        x, gate = keras.ops.split(self.gate_dense(inputs), 2, axis=-1)
        x = x * keras.ops.sigmoid(gate)  # [B, T, D]
        if padding_mask is not None:
            x = x * keras.ops.cast(padding_mask, x.dtype)[:, :, None]
        before = self.kernel_size - 1 if use_causal_mask else self.kernel_size // 2
        x = keras.ops.pad(x, [[0, 0], [before, self.kernel_size - 1 - before], [0, 0]])
        return self.output_dense(keras.ops.silu(self.norm(self.depthwise(x))))

    def compute_output_shape(self, inputs_shape):
        return inputs_shape
