import math

_STEPS = 50  # that the average remembers


class BadLossError(Exception):
    """The loss is no number any more, or far above its best; the message says which."""


class LossWatch:
    """Tells whether a training diverges, by the running mean of the epoch's loss that Keras hands to its callbacks.

    A loss diverges when it is not a number, or when its average over some fifty steps is

    - three times that of the untrained model (the first step's), as long as it has not come down to half of it;
    - back in the middle between the first and the lowest, once it has.

    So a warm-up may rise before anything is learnt, short spikes drown in the average, and what counts is the
    training's own gain, whatever the loss's unit; a loss may be negative. A training that falls back to guessing the
    most frequent answers loses more than half of what it had won, though its loss stays a small number.

    Args:
        state: What `state` was when the training was saved, or None.

    Attributes:
        state: Dict of plain values.

    Example:
        >>> from keras_attn.training import LossWatch
        >>> LossWatch().check(float("nan"), batch=1)
        Traceback (most recent call last):
        ...
        keras_attn.training.loss_watch.BadLossError: the loss is nan
    """

    def __init__(self, state=None):
        self.state = dict(state or {"steps": 0, "mean": 0.0, "average": 0.0, "first": None, "lowest": None})

    def check(self, mean, batch):
        """Takes the running mean of the loss after a batch.

        Args:
            mean: Mean of the epoch's losses so far.
            batch: Number of the epoch's batches so far.

        Raises:
            BadLossError: If the training diverges.
        """
        if not math.isfinite(mean):
            raise BadLossError(f"the loss is {mean}")
        state = self.state
        loss = mean if batch == 1 else state["mean"] + batch * (mean - state["mean"])  # of this batch, nearly
        steps = state["steps"] + 1
        average = state["average"] + (loss - state["average"]) / min(steps, _STEPS)
        first = loss if steps == 1 else state["first"]
        lowest = first if steps < _STEPS else min(average, state["lowest"])
        state.update(steps=steps, mean=mean, average=average, first=first, lowest=lowest)
        has_learnt = first - lowest > abs(first) / 2
        limit = (first + lowest) / 2 if has_learnt else first + 2 * abs(first)
        if steps >= _STEPS and average > limit:
            raise BadLossError(f"the loss has risen to {average:.4g}, after {first:.4g} at first, {lowest:.4g} at best")
