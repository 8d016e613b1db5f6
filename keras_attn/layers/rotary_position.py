import keras

from keras_attn import ops
from keras_attn.layers.attention_position import AttentionPosition


@keras.saving.register_keras_serializable("keras_attn")
class RotaryPosition(AttentionPosition):
    """Rotates queries and keys by their positions; give it to an attention layer as its `position`.

    The score of a rotated query and key depends on their contents and on the distance between them. Nothing is learned,
    and any length works.

    Args:
        max_wavelength: Base of the wavelengths.
        **kwargs: Keras's own, such as `name` and `dtype`.

    Call arguments:
        inputs: Float tensor [B, T, N, H], queries or keys by head, H even.
        start: Position of the first of them.

    Returns:
        Tensor [B, T, N, H].

    Raises:
        ValueError: If `max_wavelength` is not above 1, or H is odd.

    Example:
        >>> import numpy as np
        >>> from keras_attn.layers import MultiHeadAttention, RotaryPosition
        >>> x = np.ones((2, 3, 8), "float32")
        >>> tuple(MultiHeadAttention(num_heads=2, key_dim=4, position=RotaryPosition())(x, x).shape)
        (2, 3, 8)

    Reference:
        Su et al. 2021, "RoFormer: Enhanced Transformer with Rotary Position Embedding", section 3.2.
    """

    def __init__(self, max_wavelength=10000.0, **kwargs):
        super().__init__(autocast=False, **kwargs)  # the dtype is that of the attention layer it serves
        if max_wavelength <= 1:
            raise ValueError(f"`max_wavelength` must be above 1. Received: max_wavelength={max_wavelength}")
        self.max_wavelength = max_wavelength
        self.built = True  # there are no weights

    def encode_query(self, query, start=0):
        return self.call(query, start)

    def encode_key(self, key, start=0):
        return self.call(key, start)

    def call(self, inputs, start=0):
        return ops.rotate_by_position(inputs, start, self.max_wavelength)

    def compute_output_shape(self, input_shape):
        return input_shape
