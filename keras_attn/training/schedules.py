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
