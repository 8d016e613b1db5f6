import math

import keras
from keras import ops


@keras.saving.register_keras_serializable("keras_attn")
class InverseSquareRoot(keras.optimizers.schedules.LearningRateSchedule):
    """Rises in a straight line, then falls with the root of the step.

    `rate(step) = learning_rate * min(step / warmup_steps, sqrt(warmup_steps / step))`, counting steps from 1.

    Args:
        learning_rate: Highest rate, reached at `warmup_steps`.
        warmup_steps: Number of steps of the rise.

    Raises:
        ValueError: If either is not positive.

    Example:
        >>> from keras_attn.training import InverseSquareRoot
        >>> rate = InverseSquareRoot(learning_rate=0.01, warmup_steps=4)
        >>> [round(float(rate(step)), 4) for step in (0, 1, 3, 15)]
        [0.0025, 0.005, 0.01, 0.005]

    Reference:
        Vaswani et al. 2017, equation 3, where the highest rate is `(D * warmup_steps) ** -0.5`.
    """

    def __init__(self, learning_rate, warmup_steps):
        if learning_rate <= 0 or warmup_steps <= 0:
            raise ValueError(
                "`learning_rate` and `warmup_steps` must be positive. "
                f"Received: learning_rate={learning_rate}, warmup_steps={warmup_steps}"
            )
        self.learning_rate = learning_rate
        self.warmup_steps = warmup_steps

    def __call__(self, step):
        step = ops.cast(step, "float32") + 1.0
        return self.learning_rate * ops.minimum(step / self.warmup_steps, ops.sqrt(self.warmup_steps / step))

    def get_config(self):
        return {"learning_rate": self.learning_rate, "warmup_steps": self.warmup_steps}


@keras.saving.register_keras_serializable("keras_attn")
class WarmupCosine(keras.optimizers.schedules.LearningRateSchedule):
    """Rises in a straight line, then falls along half a wave of the cosine, and stays at its end.

    `rate(step) = learning_rate * step / warmup_steps` up to `warmup_steps`, then
    `final_rate + (learning_rate - final_rate) * (1 + cos(pi * x)) / 2` with
    `x = (step - warmup_steps) / (total_steps - warmup_steps)`, counting steps from 1.

    Args:
        learning_rate: Highest rate, reached at `warmup_steps`.
        warmup_steps: Number of steps of the rise; 0 begins at the highest rate.
        total_steps: Step at which the fall ends, those of the rise counted.
        final_rate: Rate from there on.

    Raises:
        ValueError: If the rates are not `0 <= final_rate < learning_rate` or the steps not
            `0 <= warmup_steps < total_steps`.

    Example:
        >>> from keras_attn.training import WarmupCosine
        >>> rate = WarmupCosine(learning_rate=0.01, warmup_steps=4, total_steps=8)
        >>> [round(float(rate(step)), 4) for step in (0, 1, 3, 5, 7, 99)]
        [0.0025, 0.005, 0.01, 0.005, 0.0, 0.0]

    Reference:
        Loshchilov and Hutter 2017, "SGDR: Stochastic Gradient Descent with Warm Restarts", equation 5, without
        restarts.
    """

    def __init__(self, learning_rate, warmup_steps, total_steps, final_rate=0.0):
        if not 0 <= final_rate < learning_rate or not 0 <= warmup_steps < total_steps:
            raise ValueError(
                "`final_rate` must be at least 0 and below `learning_rate`, `warmup_steps` at least 0 and below "
                f"`total_steps`. Received: learning_rate={learning_rate}, warmup_steps={warmup_steps}, "
                f"total_steps={total_steps}, final_rate={final_rate}"
            )
        self.learning_rate = learning_rate
        self.warmup_steps = warmup_steps
        self.total_steps = total_steps
        self.final_rate = final_rate

    def __call__(self, step):
        step = ops.cast(step, "float32") + 1.0
        share = ops.clip((step - self.warmup_steps) / (self.total_steps - self.warmup_steps), 0.0, 1.0)
        fall = self.final_rate + (self.learning_rate - self.final_rate) * 0.5 * (1.0 + ops.cos(math.pi * share))
        return ops.minimum(fall, self.learning_rate * step / max(self.warmup_steps, 1))

    def get_config(self):
        return {
            "learning_rate": self.learning_rate,
            "warmup_steps": self.warmup_steps,
            "total_steps": self.total_steps,
            "final_rate": self.final_rate,
        }
