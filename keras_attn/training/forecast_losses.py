import math

import keras
from keras import ops

_LANCZOS = (
    676.5203681218851,
    -1259.1392167224028,
    771.32342877765313,
    -176.61502916214059,
    12.507343278686905,
    -0.13857109526572012,
    9.9843695780195716e-6,
    1.5056327351493116e-7,
)


@keras.saving.register_keras_serializable("keras_attn")
class QuantileLoss(keras.losses.Loss):
    """How far quantiles are from what came, too high and too low weighed so that the quantile itself is best.

    `loss = 2 mean_p max(p (y - q_p), (p - 1) (y - q_p))`: of the median alone the mean absolute error.

    Args:
        levels: The levels p, between 0 and 1, in the order of the predictions' last axis.
        name: Name of the loss.

    Call arguments:
        y_true: Float tensor [...].
        y_pred: Float tensor [..., Q].

    Returns:
        Scalar; a `sample_weight` [...] weighs it.

    Raises:
        ValueError: If there is no level, or one is not between 0 and 1.

    Example:
        >>> import numpy as np
        >>> from keras_attn.training import QuantileLoss
        >>> float(QuantileLoss([0.5])(np.array([[1.0]]), np.array([[[4.0]]])))
        3.0

    Reference:
        Koenker and Bassett 1978, "Regression Quantiles"; twice their loss, as in the M5 competition's scores.
    """

    def __init__(self, levels, name="quantile_loss"):
        super().__init__(name=name)
        levels = [float(level) for level in levels]
        if not levels or not all(0 < level < 1 for level in levels):
            raise ValueError(f"`levels` must be numbers between 0 and 1, at least one. Received: levels={levels}")
        self.levels = levels

    def call(self, y_true, y_pred):
        error = ops.expand_dims(ops.cast(y_true, y_pred.dtype), -1) - y_pred
        levels = ops.convert_to_tensor(self.levels, y_pred.dtype)
        return 2.0 * ops.mean(ops.maximum(levels * error, (levels - 1.0) * error), axis=-1)

    def get_config(self):
        return {"levels": self.levels, "name": self.name}


@keras.saving.register_keras_serializable("keras_attn")
class StudentTLoss(keras.losses.Loss):
    """How unlikely what came is under Student-t distributions: the negative logarithm of their density.

    With location m, scale s and n degrees of freedom, and `z = (y - m) / s`:
    `loss = -lgamma((n + 1) / 2) + lgamma(n / 2) + log(n pi) / 2 + log s + (n + 1) / 2 log(1 + z^2 / n)`.

    Args:
        name: Name of the loss.

    Call arguments:
        y_true: Float tensor [...].
        y_pred: Float tensor [..., 3]: m, s above 0, n of at least 1.

    Returns:
        Scalar; a `sample_weight` [...] weighs it.

    Example:
        >>> import numpy as np
        >>> from keras_attn.training import StudentTLoss
        >>> round(float(StudentTLoss()(np.array([[0.0]]), np.array([[[0.0, 1.0, 1.0]]]))), 4)  # log(pi): Cauchy's
        1.1447

    Reference:
        Salinas et al. 2020, "DeepAR", section 3.1, with a heavy-tailed distribution in place of their Gaussian.
    """

    def __init__(self, name="student_t_loss"):
        super().__init__(name=name)

    def call(self, y_true, y_pred):
        location, scale, freedom = (y_pred[..., i] for i in range(3))
        z = (ops.cast(y_true, y_pred.dtype) - location) / scale
        half = (freedom + 1.0) / 2.0
        constant = log_gamma(freedom / 2.0) - log_gamma(half) + 0.5 * ops.log(freedom * math.pi)
        return constant + ops.log(scale) + half * ops.log1p(ops.square(z) / freedom)

    def get_config(self):
        return {"name": self.name}


def log_gamma(x):
    """Gives the logarithm of the gamma function, which `keras.ops` lacks.

    Args:
        x: Float tensor of numbers of at least 0.5.

    Returns:
        Tensor like `x`.

    Example:
        >>> from keras_attn.training.forecast_losses import log_gamma
        >>> round(float(log_gamma(5.0)), 4)  # log 24
        3.1781

    Reference:
        Lanczos 1964, "A Precision Approximation of the Gamma Function", with g = 7 and nine coefficients.
    """
    x = ops.convert_to_tensor(x)
    x = x - 1.0
    series = 0.99999999999980993 + sum(c / (x + float(i + 1)) for i, c in enumerate(_LANCZOS))
    t = x + 7.5
    return 0.5 * math.log(2.0 * math.pi) + (x + 0.5) * ops.log(t) - t + ops.log(series)
