import keras

from keras_attn.layers.layer import Layer, check_positive


@keras.saving.register_keras_serializable("keras_attn")
class PatchEmbedding(Layer):
    """Cuts a series into pieces that may overlap, and makes a vector of each.

    `y_p = W [x_(p s) ... x_(p s + n - 1)] + b` for patches of n steps that begin s steps apart. The last patch ends
    with the series; steps before the first whole patch are reached by repeating the first step before them.

    Args:
        output_dim: Width D of the vectors.
        patch_length: Steps n of a patch.
        stride: Steps s from one patch to the next; `patch_length` when None.
        **kwargs: Keras's own, such as `name` and `dtype`.

    Call arguments:
        inputs: Float tensor [B, T, C]; T must be known.

    Returns:
        Tensor [B, P, D], with `P = ceil((T - n) / s) + 1`, or 1 for a series shorter than a patch.

    Raises:
        ValueError: If an argument is not positive, `stride` is above `patch_length`, or T is unknown.

    Example:
        >>> import numpy as np
        >>> from keras_attn.layers import PatchEmbedding
        >>> tuple(PatchEmbedding(output_dim=5, patch_length=4, stride=2)(np.ones((2, 11, 3), "float32")).shape)
        (2, 5, 5)

    Reference:
        Nie et al. 2023, "A Time Series is Worth 64 Words", section 3.1: their P, S, D are our n, s, D. They repeat the
        last step behind the series, where we repeat the first before it.
    """

    def __init__(self, output_dim, patch_length, stride=None, **kwargs):
        super().__init__(**kwargs)
        check_positive(output_dim=output_dim, patch_length=patch_length)
        if stride is not None:
            check_positive(stride=stride)
            if stride > patch_length:
                raise ValueError(
                    f"`stride` must be at most `patch_length` ({patch_length}), or steps are left out. "
                    f"Received: stride={stride}"
                )
        self.output_dim = output_dim
        self.patch_length = patch_length
        self.stride = stride

    def build(self, input_shape):
        self.dense = keras.layers.Dense(self.output_dim, dtype=self.dtype_policy, name="projection")
        self.dense.build((None, None, self.patch_length * input_shape[-1]))

    def call(self, inputs):
        length, channels = inputs.shape[1:]
        before = self.steps_before(length)
        if before:
            first = keras.ops.repeat(inputs[:, :1], before, axis=1)
            inputs = keras.ops.concatenate([first, inputs], axis=1)
        step = self.stride or self.patch_length
        if step == self.patch_length:
            patches = keras.ops.reshape(inputs, (-1, (length + before) // step, step * channels))
        else:
            x = keras.ops.transpose(inputs, (0, 2, 1))  # [B, C, T]
            x = keras.ops.extract_sequences(x, self.patch_length, step)  # [B, C, P, n]
            x = keras.ops.transpose(x, (0, 2, 3, 1))
            patches = keras.ops.reshape(x, (-1, x.shape[1], self.patch_length * channels))
        return self.dense(patches)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.num_patches(input_shape[1]), self.output_dim)

    def num_patches(self, length):
        """Tells how many patches a series has.

        Args:
            length: Its steps T.

        Returns:
            P.

        Raises:
            ValueError: If the length is unknown.
        """
        return (length + self.steps_before(length) - self.patch_length) // (self.stride or self.patch_length) + 1

    def steps_before(self, length):
        """Tells how often the first step is repeated before the series.

        Args:
            length: The series' steps T.

        Returns:
            Number of steps.

        Raises:
            ValueError: If the length is unknown.
        """
        if length is None:
            raise ValueError("Patches need a series of known length. Received: inputs.shape[1]=None")
        if length <= self.patch_length:
            return self.patch_length - length
        return (self.patch_length - length) % (self.stride or self.patch_length)
