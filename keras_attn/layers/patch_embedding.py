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
        inputs: Float tensor [B, T, C].

    Returns:
        Tensor [B, P, D], with `P = ceil((T - n) / s) + 1`, or 1 for a series shorter than a patch.

    Raises:
        ValueError: If an argument is not positive, or `stride` is above `patch_length`.

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
        length = keras.ops.shape(inputs)[1]
        step = self.stride or self.patch_length
        count = self.num_patches(length)
        if isinstance(length, int) and step == self.patch_length and length % step == 0:
            patches = inputs
        else:
            ends = length - step * keras.ops.arange(count - 1, -1, -1, dtype="int32")
            places = ends[:, None] + keras.ops.arange(-self.patch_length, 0, dtype="int32")
            patches = keras.ops.take(inputs, keras.ops.maximum(places, 0), axis=1)  # [B, P, n, C]
        return self.dense(keras.ops.reshape(patches, (-1, count, self.patch_length * inputs.shape[-1])))

    def compute_output_shape(self, input_shape):
        count = None if input_shape[1] is None else self.num_patches(input_shape[1])
        return (input_shape[0], count, self.output_dim)

    def num_patches(self, length):
        """Tells how many patches a series has.

        Args:
            length: Its steps T, an integer or an integer scalar tensor.

        Returns:
            P.
        """
        step = self.stride or self.patch_length
        count = (length - self.patch_length + step - 1) // step + 1
        return max(count, 1) if isinstance(length, int) else keras.ops.maximum(count, 1)
