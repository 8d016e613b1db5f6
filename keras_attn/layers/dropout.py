import keras

from keras_attn import ops
from keras_attn.layers.layer import check_rate


@keras.saving.register_keras_serializable("keras_attn")
class Dropout(keras.layers.Dropout):
    """`keras.layers.Dropout` with half the random numbers on TensorFlow, see `ops.dropout`.

    `y = x m / (1 - rate)`, where m is 0 with probability `rate` and else 1: one draw an element.

    Args:
        rate: Share of the elements, at least 0 and below 1.
        seed: Seed of the draws.
        **kwargs: Keras's own, such as `name` and `dtype`.

    Call arguments:
        inputs: Float tensor [...].
        training: Whether elements are dropped.

    Returns:
        Tensor like the inputs.

    Masking:
        A mask of the inputs is handed on.

    Raises:
        ValueError: If `rate` is out of range.

    Example:
        >>> import numpy as np
        >>> from keras_attn.layers import Dropout
        >>> sorted(set(Dropout(0.5)(np.ones((40, 5), "float32"), training=True).numpy().ravel().tolist()))
        [0.0, 2.0]

    Reference:
        Srivastava et al. 2014, "Dropout: A Simple Way to Prevent Neural Networks from Overfitting", section 4.
    """

    def __init__(self, rate, seed=None, **kwargs):
        check_rate(rate=rate)
        super().__init__(rate, seed=seed, **kwargs)

    def call(self, inputs, training=False):
        return ops.dropout(inputs, self.rate, self.seed_generator) if training and self.rate else inputs

    def get_config(self):
        config = super().get_config()
        del config["noise_shape"]
        return config
