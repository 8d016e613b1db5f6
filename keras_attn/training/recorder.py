import contextlib
import math
import resource
import sys
import time
import warnings

import keras


class RunRecorder(keras.callbacks.Callback):
    """Validates after each epoch, writes metrics and checkpoints, and stops the training in time.

    Validation and the best checkpoint use the optimizer's averaged weights when it keeps them (`use_ema`). A loss that
    is no number ends the training, and the checkpoints before it stay.

    Args:
        folder: The `RunFolder` to write to.
        batches: The training's `data.TokenBatches`, or what has its `epoch`, set at the begin of each, and its
            `target_tokens`, for the rate in the log.
        validation: Batches for the validation loss.
        evaluate: Called without arguments after each epoch; returns a dict of metrics computed the task's own way.
            Training knows nothing of decoding, so whatever needs it comes in here.
        monitor: The metric that decides which epoch is best: a key of `evaluate`'s dict, or "val_loss".
        mode: "max" or "min", which way is better.
        patience: Epochs without a better one after which to stop; None never stops.
        max_minutes: Minutes of training, validation included, after which to stop; None never stops.
        state: State of the checkpoint that training goes on from, or None.

    Raises:
        ValueError: If `mode` is unknown.
    """

    def __init__(
        self,
        folder,
        batches,
        validation,
        evaluate,
        monitor,
        mode="max",
        patience=None,
        max_minutes=None,
        state=None,
    ):
        super().__init__()
        if mode not in ("max", "min"):
            raise ValueError(f"`mode` must be 'max' or 'min'. Received: mode={mode!r}")
        self.folder = folder
        self.batches = batches
        self.validation = validation
        self.evaluate = evaluate
        self.monitor = monitor
        self.mode = mode
        self.patience = patience
        self.max_minutes = max_minutes
        self.state = dict(state or {"epoch": 0, "step": 0, "seconds": 0.0, "best": None, "best_epoch": 0})

    def on_train_begin(self, logs=None):
        self.started = time.monotonic() - self.state["seconds"]

    def on_epoch_begin(self, epoch, logs=None):
        self.batches.epoch = epoch
        self.epoch_started = time.monotonic()
        self.epoch_steps = 0

    def on_train_batch_end(self, batch, logs=None):
        self.epoch_steps += 1
        if self.max_minutes is not None and self._seconds() >= 60 * self.max_minutes:
            self.model.stop_training = True

    def on_epoch_end(self, epoch, logs=None):
        share = self.epoch_steps / self.params["steps"] if self.params.get("steps") else 1.0
        rate = self.batches.target_tokens * share / (time.monotonic() - self.epoch_started)
        with averaged_weights(self.model):
            losses = self.model.evaluate(self.validation, verbose=0, return_dict=True)
            metrics = {f"val_{name}": value for name, value in losses.items()} | self.evaluate()
            is_finite = all(math.isfinite(x) for x in (logs["loss"], losses["loss"], metrics[self.monitor]))
            is_best = is_finite and self._is_better(metrics[self.monitor])
            self.state.update(epoch=epoch + 1, step=self.state["step"] + self.epoch_steps, seconds=self._seconds())
            if is_best:
                self.state.update(best=metrics[self.monitor], best_epoch=epoch + 1)
            self._write_line({**logs, **metrics}, rate)  # first: no checkpoint is without its line
            if is_best:
                self.folder.save_checkpoint(self.model, "best", self.state, keep=2)
        if is_finite:
            self.folder.save_checkpoint(self.model, "last", self.state, keep=2)
        else:
            warnings.warn(
                f"The training stops: in epoch {epoch + 1} the loss is {logs['loss']} and the validation's "
                f"{losses['loss']}; its weights are not kept. Train with a lower learning_rate or with gradient_clip.",
                stacklevel=2,
            )
            self.model.stop_training = True
        logs.update(metrics)
        if self.patience is not None and epoch + 1 - self.state["best_epoch"] >= self.patience:
            self.model.stop_training = True

    def _write_line(self, values, rate):
        self.folder.append_metrics(
            {
                "epoch": self.state["epoch"],
                "step": self.state["step"],
                "minutes": round(self.state["seconds"] / 60, 2),
                **{name: _rounded(value) for name, value in values.items()},
                "learning_rate": _rounded(self.model.optimizer.learning_rate),
                "memory_gb": round(_peak_memory(), 2),
                "tokens_per_second": round(rate),
            }
        )

    def _seconds(self):
        return time.monotonic() - self.started

    def _is_better(self, value):
        best = self.state["best"]
        return best is None or (value > best if self.mode == "max" else value < best)


@contextlib.contextmanager
def averaged_weights(model):
    """Puts the optimizer's moving averages in place of the weights for a while.

    Args:
        model: A compiled model; without `use_ema` in its optimizer nothing changes.

    Yields:
        None
    """
    if not model.optimizer.use_ema or not model.optimizer.built:
        yield
        return
    pairs = list(zip(model.trainable_variables, model.optimizer._model_variables_moving_average, strict=True))
    weights = [keras.ops.copy(variable) for variable, _ in pairs]
    try:
        for variable, average in pairs:
            variable.assign(average)
        yield
    finally:
        for (variable, _), weight in zip(pairs, weights, strict=True):
            variable.assign(weight)


def _rounded(value):
    return float(f"{float(value):.6g}")


def _peak_memory():
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return kilobytes / (1 << 30 if sys.platform == "darwin" else 1 << 20)
