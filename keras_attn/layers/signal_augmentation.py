import math

import keras

from keras_attn.layers.layer import Layer


@keras.saving.register_keras_serializable("keras_attn")
class SignalAugmentation(Layer):
    """Changes signals a little in training, as another measurement of the same would: noise, loudness and speed.

    `y[t] = (1 + scaling n) x(w(t)) + jitter n'[t]` with normal n (one for each signal and channel) and n'. The warp w
    keeps both ends and goes at the speed `exp(warp sqrt(2) sin(2 pi (f t / T + p)))`, rescaled, with f from 0.5 to 2
    and p from 0 to 1 drawn for each signal; between two steps x is a straight line.

    Args:
        jitter: Standard deviation of the noise.
        scaling: Standard deviation of the factor.
        warp: Standard deviation of the speed's logarithm.
        seed: Seed of the draws.
        **kwargs: Keras's own, such as `name` and `dtype`.

    Call arguments:
        inputs: Float tensor [B, T, C], normalized.
        padding_mask: Boolean [B, T], False at padding at the end, or None.
        training: Whether anything is changed.

    Returns:
        Tensor like the inputs.

    Masking:
        The warp keeps the signal's own ends; padding stays behind them.

    Raises:
        ValueError: If an argument is negative.

    Example:
        >>> import numpy as np
        >>> from keras_attn.layers import SignalAugmentation
        >>> x = np.linspace(0, 1, 5, dtype="float32")[None, :, None]
        >>> y = SignalAugmentation(jitter=0.0, scaling=0.0, warp=0.5, seed=1)(x, training=True).numpy()[0, :, 0]
        >>> [float(v) for v in (y[0], y[-1])], bool((np.diff(y) > 0).all()), bool(np.allclose(y, x[0, :, 0]))
        ([0.0, 1.0], True, False)

    Reference:
        Um et al. 2017, "Data Augmentation of Wearable Sensor Data for Parkinson's Disease Monitoring using
        Convolutional Neural Networks", section 3: jittering, scaling and time-warping; their warp is a spline.
    """

    def __init__(self, jitter=0.03, scaling=0.1, warp=0.1, seed=None, **kwargs):
        super().__init__(**kwargs)
        for name, value in (("jitter", jitter), ("scaling", scaling), ("warp", warp)):
            if not isinstance(value, int | float) or value < 0:
                raise ValueError(f"`{name}` must be a number, at least 0. Received: {name}={value!r}")
        self.jitter = jitter
        self.scaling = scaling
        self.warp = warp
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.supports_masking = True
        self.built = True

    def call(self, inputs, padding_mask=None, training=False):
        if not training:
            return inputs
        x = keras.ops.cast(inputs, "float32")
        count, steps, channels = keras.ops.shape(x)
        if padding_mask is None:
            padding_mask = keras.ops.ones((count, steps), "bool")
        if self.warp:
            x = self._warped(x, keras.ops.cast(padding_mask, "float32"))
        if self.scaling:
            x = x * (1.0 + self.scaling * self._normal((count, 1, channels)))
        if self.jitter:
            x = x + self.jitter * self._normal((count, steps, channels))
        return keras.ops.cast(x, inputs.dtype)

    def compute_output_shape(self, inputs_shape, padding_mask_shape=None):
        return inputs_shape

    def _warped(self, x, mask):
        count, steps, channels = keras.ops.shape(x)
        draws = keras.random.uniform((count, 2), dtype="float32", seed=self.seed_generator)
        place = keras.ops.arange(steps, dtype="float32") / keras.ops.cast(steps, "float32")
        angle = 2.0 * math.pi * ((0.5 + 1.5 * draws[:, :1]) * place[None] + draws[:, 1:])
        speed = keras.ops.exp(self.warp * math.sqrt(2.0) * keras.ops.sin(angle))  # [B, T]
        moves = keras.ops.pad(mask[:, 1:], [[0, 0], [0, 1]])  # whether a step of the signal follows
        way = keras.ops.cumsum(speed * moves, axis=1)
        total, lengths = way[:, -1:], keras.ops.sum(moves, axis=1, keepdims=True)
        position = (way - speed * moves) * lengths / keras.ops.maximum(total, 1e-6)
        position = keras.ops.clip(position, 0.0, lengths)
        lower = keras.ops.minimum(keras.ops.floor(position), keras.ops.maximum(lengths - 1.0, 0.0))
        share = (position - lower)[:, :, None]
        index = keras.ops.cast(lower, "int32")[:, :, None]
        index = keras.ops.broadcast_to(index, (count, steps, channels))
        upper = keras.ops.minimum(index + 1, keras.ops.cast(steps, "int32") - 1)
        first, second = (keras.ops.take_along_axis(x, places, axis=1) for places in (index, upper))
        return (first + share * (second - first)) * mask[:, :, None]

    def _normal(self, shape):
        return keras.random.normal(shape, dtype="float32", seed=self.seed_generator)
