import keras
from keras import ops

from keras_attn.ops import crossentropy


@keras.saving.register_keras_serializable("keras_attn")
class MaskedAccuracy(keras.metrics.Mean):
    """Share of the tokens that the model ranks first, padding left out.

    Args:
        name: Name in the logs.
        **kwargs: Keras's own, such as `dtype`.

    Example:
        >>> import numpy as np
        >>> from keras_attn.training import MaskedAccuracy
        >>> metric = MaskedAccuracy()
        >>> metric.update_state(np.array([[1, 2, 0]]), np.eye(3, dtype="float32")[None, [1, 1, 1]])
        >>> float(metric.result())
        0.5
    """

    def __init__(self, name="accuracy", **kwargs):
        super().__init__(name=name, **kwargs)

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Counts one batch.

        Args:
            y_true: Integer ids [B, T], 0 at padding.
            y_pred: Logits [B, T, V].
            sample_weight: Weights that broadcast to [B, T], or None.
        """
        y_true = ops.cast(y_true, "int32")
        is_token = ops.cast(ops.not_equal(y_true, 0), self.dtype)
        if sample_weight is not None:
            is_token = is_token * ops.cast(sample_weight, self.dtype)
        is_right = ops.equal(y_true, ops.argmax(y_pred, axis=-1))
        # Flat: of several axes Keras takes the mean of each row first, and rows of all lengths would count alike.
        values, weights = (ops.reshape(ops.cast(x, self.dtype), (-1,)) for x in (is_right, is_token))
        super().update_state(values, sample_weight=weights)

    def get_config(self):
        return {"name": self.name, "dtype": self.dtype}


@keras.saving.register_keras_serializable("keras_attn")
class Perplexity(keras.metrics.Mean):
    """How many tokens a model hesitates between, on average: `exp(-mean log p[y])`, padding left out.

    Args:
        name: Name in the logs.
        **kwargs: Keras's own, such as `dtype`.

    Example:
        >>> import numpy as np
        >>> from keras_attn.training import Perplexity
        >>> metric = Perplexity()
        >>> metric.update_state(np.array([[3, 1, 0]]), np.zeros((1, 3, 8), "float32"))
        >>> round(float(metric.result()), 4)
        8.0
    """

    def __init__(self, name="perplexity", **kwargs):
        super().__init__(name=name, **kwargs)

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Counts one batch.

        Args:
            y_true: Integer ids [B, T], 0 at padding.
            y_pred: Logits [B, T, V].
            sample_weight: Weights that broadcast to [B, T], or None.
        """
        y_true = ops.cast(y_true, "int32")
        is_token = ops.cast(ops.not_equal(y_true, 0), self.dtype)
        if sample_weight is not None:
            is_token = is_token * ops.cast(sample_weight, self.dtype)
        losses = crossentropy(y_true, y_pred, 0.0)  # [B, T]
        super().update_state(ops.reshape(losses, (-1,)), sample_weight=ops.reshape(is_token, (-1,)))

    def result(self):
        """Gives the value so far.

        Returns:
            Scalar.
        """
        return ops.exp(super().result())

    def get_config(self):
        return {"name": self.name, "dtype": self.dtype}
