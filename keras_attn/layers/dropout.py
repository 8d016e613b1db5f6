import keras

from keras_attn import ops


@keras.saving.register_keras_serializable("keras_attn")
class Dropout(keras.layers.Dropout):
    """`keras.layers.Dropout` with a quarter of the random bits on TensorFlow, see `ops.dropout`.

    `y = x m / (1 - rate)`, where m is 0 with probability `rate` and else 1.

    Args:
        rate: Share of the elements, from 0 to 1.
        noise_shape: Shape of m, 1 where an axis shares its draws; Keras's own dropout draws it then. None for one draw
            an element.
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

    def call(self, inputs, training=False):
        if not training or self.noise_shape is not None or self.rate in (0, 1):
            return super().call(inputs, training=training)
        return ops.dropout(inputs, self.rate, self.seed_generator)
