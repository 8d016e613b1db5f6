import keras

from keras_attn import ops
from keras_attn.layers.layer import Layer


@keras.saving.register_keras_serializable("keras_attn")
class SinusoidalPosition(Layer):
    """Adds sines and cosines of the position to token embeddings.

    `y[p] = x[p] + PE[p]`; nothing is learned, and any length works.

    Args:
        **kwargs: Keras's own, such as `name` and `dtype`.

    Call arguments:
        inputs: Float tensor [B, T, D], D even.
        start: Position of the first token: 0, or while decoding the index of the new token; or integers [B, T] to add
            to each token's index, such as `-keras_attn.ops.segment_starts(segments)` for packed sequences.

    Returns:
        Tensor [B, T, D].

    Example:
        >>> import numpy as np
        >>> from keras_attn.layers import SinusoidalPosition
        >>> SinusoidalPosition()(np.zeros((1, 2, 4), "float32"))[0, 0].numpy().tolist()
        [0.0, 1.0, 0.0, 1.0]

    Reference:
        Vaswani et al. 2017, section 3.5.
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def build(self, input_shape):
        ops.sinusoidal_positions(1, input_shape[-1])  # refuses an odd width here rather than at the first numbers

    def call(self, inputs, start=0):
        _, length, dim = keras.ops.shape(inputs)
        return inputs + ops.sinusoidal_positions(length, dim, start, inputs.dtype)  # [B, T, D]

    def compute_output_shape(self, input_shape):
        return input_shape
