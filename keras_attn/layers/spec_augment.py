import keras

from keras_attn.layers.layer import Layer


@keras.saving.register_keras_serializable("keras_attn")
class SpecAugment(Layer):
    """Hides bands of time and bands of features in training, so that a model learns to do with the rest.

    Each band's width is drawn between 0 and its largest, and its place among those where it fits; what it covers is 0,
    the mean where the features are normalized.

    Args:
        num_time_bands: Number of bands of time.
        time_share: Largest width of one, as a share of the signal's steps.
        num_feature_bands: Number of bands of features.
        feature_share: Largest width of one, as a share of the features.
        seed: Seed of the draws.
        **kwargs: Keras's own, such as `name` and `dtype`.

    Call arguments:
        inputs: Float tensor [B, T, F].
        padding_mask: Boolean [B, T], False at padding, or None.
        training: Whether anything is hidden.

    Returns:
        Tensor like the inputs.

    Masking:
        Padding is not counted among the steps.

    Raises:
        ValueError: If a number is negative or a share not from 0 to 1.

    Example:
        >>> import numpy as np
        >>> from keras_attn.layers import SpecAugment
        >>> layer = SpecAugment(num_time_bands=0, num_feature_bands=1, feature_share=0.5, seed=1)
        >>> hidden = layer(np.ones((50, 6, 4), "float32"), training=True).numpy() == 0
        >>> sorted(set(hidden.sum(axis=(1, 2)).tolist()))  # none, one or two of four features, in all six steps
        [0, 6, 12]

    Reference:
        Park et al. 2019, "SpecAugment: A Simple Data Augmentation Method for Automatic Speech Recognition", section 2:
        their m_T, m_F are our numbers of bands, T and F our shares of the steps and of the features; without the time
        warping.
    """

    def __init__(self, num_time_bands=2, time_share=0.1, num_feature_bands=2, feature_share=0.2, seed=None, **kwargs):
        super().__init__(**kwargs)
        for name, value in (("num_time_bands", num_time_bands), ("num_feature_bands", num_feature_bands)):
            if not isinstance(value, int) or value < 0:
                raise ValueError(f"`{name}` must be a whole number, at least 0. Received: {name}={value!r}")
        for name, value in (("time_share", time_share), ("feature_share", feature_share)):
            if not 0 <= value <= 1:
                raise ValueError(f"`{name}` must be from 0 to 1. Received: {name}={value!r}")
        self.num_time_bands = num_time_bands
        self.time_share = time_share
        self.num_feature_bands = num_feature_bands
        self.feature_share = feature_share
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.supports_masking = True
        self.built = True

    def call(self, inputs, padding_mask=None, training=False):
        if not training:
            return inputs
        count, steps, features = keras.ops.shape(inputs)
        lengths = keras.ops.zeros((count,), "float32") + keras.ops.cast(steps, "float32")
        if padding_mask is not None:
            lengths = keras.ops.sum(keras.ops.cast(padding_mask, "float32"), axis=1)
        shown = self._shown(steps, lengths, self.num_time_bands, self.time_share)[:, :, None]
        widths = keras.ops.zeros((count,), "float32") + features
        shown = keras.ops.logical_and(
            shown, self._shown(features, widths, self.num_feature_bands, self.feature_share)[:, None, :]
        )
        return inputs * keras.ops.cast(shown, inputs.dtype)

    def compute_output_shape(self, inputs_shape, padding_mask_shape=None):
        return inputs_shape

    def _shown(self, size, lengths, num_bands, share):
        """Boolean [B, size]: what no band covers of the first `lengths` places."""
        if num_bands == 0:
            return keras.ops.ones((keras.ops.shape(lengths)[0], size), "bool")
        shape = (keras.ops.shape(lengths)[0], num_bands)
        draws = [keras.random.uniform(shape, dtype="float32", seed=self.seed_generator) for _ in range(2)]
        widths = keras.ops.floor(draws[0] * (keras.ops.floor(share * lengths) + 1.0)[:, None])
        starts = keras.ops.floor(draws[1] * (lengths[:, None] - widths + 1.0))
        place = keras.ops.arange(size, dtype="float32")[None, None, :]
        covered = keras.ops.logical_and(place >= starts[:, :, None], place < (starts + widths)[:, :, None])
        return keras.ops.logical_not(keras.ops.any(covered, axis=1))
