import keras

from keras_attn.layers.layer import Layer, check_positive


@keras.saving.register_keras_serializable("keras_attn")
class ConvolutionStem(Layer):
    """Convolutions over time that make the steps of a signal into vectors, and a long signal shorter.

    For each stride s: `y[t] = activation(sum_j W[j] x[s t + j] + b)`, j from -(K-1)//2 to K//2, so that T steps
    become ceil(T / s); with `use_causal_mask` j from -(K-1) to 0.

    Args:
        filters: Width D of what comes out.
        kernel_size: Number K of steps that a convolution sees.
        strides: A stride for each convolution; they come one after the other.
        activation: Activation, a name or a function.
        **kwargs: Keras's own, such as `name` and `dtype`.

    Call arguments:
        inputs: Float tensor [B, T, C].
        padding_mask: Boolean [B, T], False at padding, or None.
        use_causal_mask: Whether each step sees only what comes before it and itself.

    Returns:
        Tensor [B, T', D]. The mask of its steps is `padding_mask[:, ::s]` for s the product of the strides.

    Masking:
        Padding counts as zeros, in each of the convolutions; what comes out there means nothing.

    Raises:
        ValueError: If a number is not positive.

    Example:
        >>> import numpy as np
        >>> from keras_attn.layers import ConvolutionStem
        >>> tuple(ConvolutionStem(filters=8, kernel_size=3, strides=[2, 2])(np.ones((2, 10, 1), "float32")).shape)
        (2, 3, 8)

    Reference:
        Wang et al. 2017, "Time Series Classification from Scratch with Deep Neural Networks", section II-B, where the
        strides are 1 and a norm follows. There is none here: over the channels of a step it would take away how high
        the signal stands there.
    """

    def __init__(
        self,
        filters,
        kernel_size=7,
        strides=(1,),
        activation="silu",
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_positive(filters=filters, kernel_size=kernel_size, **{f"strides[{i}]": s for i, s in enumerate(strides)})
        self.filters = filters
        self.kernel_size = kernel_size
        self.strides = list(strides)
        self.activation = keras.activations.get(activation)
        common = {"kernel_initializer": "he_normal", "dtype": self.dtype_policy}
        self.convolutions = [
            keras.layers.Conv1D(filters, kernel_size, stride, name=f"convolution_{i}", **common)
            for i, stride in enumerate(self.strides)
        ]

    def build(self, inputs_shape):
        for i, convolution in enumerate(self.convolutions):
            convolution.build((inputs_shape[0], None, inputs_shape[-1] if i == 0 else self.filters))

    def call(self, inputs, padding_mask=None, use_causal_mask=False):
        x, mask = inputs, padding_mask
        before = self.kernel_size - 1 if use_causal_mask else (self.kernel_size - 1) // 2
        for stride, convolution in zip(self.strides, self.convolutions, strict=True):
            if mask is not None:
                x = x * keras.ops.cast(mask, x.dtype)[:, :, None]
                mask = mask[:, ::stride]
            x = keras.ops.pad(x, [[0, 0], [before, self.kernel_size - 1 - before], [0, 0]])
            x = self.activation(convolution(x))  # [B, ceil(T / s), D]
        return x

    def compute_output_shape(self, inputs_shape, padding_mask_shape=None):
        length = inputs_shape[1]
        for stride in self.strides:
            length = None if length is None else -(-length // stride)
        return (inputs_shape[0], length, self.filters)
