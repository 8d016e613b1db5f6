import keras

from keras_attn.layers.layer import Layer, check_positive


@keras.saving.register_keras_serializable("keras_attn")
class LearnedPosition(Layer):
    """Adds a learned vector of the position to token embeddings.

    `y[p] = x[p] + table[p]`, for positions below `max_length`.

    Args:
        max_length: Number of positions.
        **kwargs: Keras's own, such as `name` and `dtype`.

    Call arguments:
        inputs: Float tensor [B, T, D].
        start: Position of the first token: 0, or while decoding the index of the new token; or integers [B, T] to add
            to each token's index, such as `-keras_attn.ops.segment_starts(segments)` for packed sequences.

    Returns:
        Tensor [B, T, D].

    Masking:
        A mask of the inputs is handed on; padding gets a position too.

    Raises:
        ValueError: If `max_length` is not positive, or the inputs go beyond it.

    Example:
        >>> import numpy as np
        >>> from keras_attn.layers import LearnedPosition
        >>> tuple(LearnedPosition(max_length=5)(np.zeros((2, 3, 4), "float32")).shape)
        (2, 3, 4)

    Reference:
        Gehring et al. 2017, "Convolutional Sequence to Sequence Learning", section 3.1: their p is our table.
    """

    def __init__(self, max_length, **kwargs):
        super().__init__(**kwargs)
        check_positive(max_length=max_length)
        self.max_length = max_length
        self.supports_masking = True

    def build(self, input_shape):
        self.table = self.add_weight((self.max_length, input_shape[-1]), "glorot_uniform", name="table")

    def call(self, inputs, start=0):
        length = keras.ops.shape(inputs)[1]
        self._check_end(length, start)
        position = keras.ops.arange(length, dtype="int32") + keras.ops.cast(start, "int32")
        return inputs + keras.ops.take(self.table, position, axis=0)  # [B, T, D]

    def compute_output_shape(self, input_shape):
        self._check_end(input_shape[1], 0)
        return input_shape

    def _check_end(self, length, start):
        """Checks what is known before the numbers are."""
        start = start if isinstance(start, int) else 0
        if isinstance(length, int) and start + length > self.max_length:
            raise ValueError(
                f"{length} positions from {start} on need a `max_length` of at least {start + length}; make it larger "
                f"or the inputs shorter. Received: max_length={self.max_length}"
            )
