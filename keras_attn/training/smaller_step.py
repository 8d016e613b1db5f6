import keras


@keras.saving.register_keras_serializable("keras_attn")
class SmallerStep(keras.optimizers.schedules.LearningRateSchedule):
    """A schedule at a fraction of its rates.

    Args:
        schedule: The schedule.
        factor: What its rates are multiplied by.

    Example:
        >>> from keras_attn.training import InverseSquareRoot, SmallerStep
        >>> rate = SmallerStep(InverseSquareRoot(learning_rate=0.01, warmup_steps=4), factor=0.5)
        >>> round(float(rate(3)), 4)
        0.005
    """

    def __init__(self, schedule, factor):
        self.schedule = schedule
        self.factor = factor

    def __call__(self, step):
        return self.factor * self.schedule(step)

    def get_config(self):
        return {"schedule": keras.saving.serialize_keras_object(self.schedule), "factor": self.factor}

    @classmethod
    def from_config(cls, config):
        return cls(keras.saving.deserialize_keras_object(config["schedule"]), config["factor"])


def halve_step(optimizer, times, before):
    """Halves an optimizer's learning rate a number of times.

    Args:
        optimizer: The optimizer; its schedule is taken as it was made, with or without a `SmallerStep` around it.
        times: How many times in all.
        before: How many of them its rate already has where it is a plain number, which is saved with its variables.
    """
    rate = optimizer._learning_rate  # the property gives a schedule's present value
    if isinstance(rate, keras.optimizers.schedules.LearningRateSchedule):
        schedule = rate.schedule if isinstance(rate, SmallerStep) else rate
        optimizer.learning_rate = SmallerStep(schedule, 0.5**times)
    else:
        optimizer.learning_rate = 0.5 ** (times - before) * float(rate)
