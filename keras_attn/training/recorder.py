import contextlib
import math
import shutil
import time
import warnings

import keras
import numpy as np

from keras_attn.training.gradient_norm import record_gradient_norm
from keras_attn.training.loss_watch import BadLossError, LossWatch
from keras_attn.training.memory import peak_memory_gb
from keras_attn.training.smaller_step import halve_step
from keras_attn.training.stop_signals import StopSignals, Terminated
from keras_attn.training.workers import OneWorker

_NEW_RUN = {
    "epoch": 0,  # epochs that are done
    "batch": 0,  # batches of the next one that are done
    "step": 0,
    "seconds": 0.0,
    "best": None,
    "best_loss": None,  # of the validation, which decides between epochs that are equally good
    "best_epoch": 0,
    "metrics": None,  # values of the running metrics of a begun epoch
    "loss": None,  # what tells whether it diverges
    "returns": 0,  # to a checkpoint, each with half the learning rate
    "returned_to": None,  # the step of the last
}
_MOST_RETURNS = 3


class DivergenceError(Exception):
    """The training diverged again and again; its good checkpoints are kept."""

    exit_code = 3


class RunRecorder(keras.callbacks.Callback):
    """Validates after each epoch, writes metrics and checkpoints, and stops the training in time.

    Validation and the best checkpoint use the optimizer's averaged weights when it keeps them (`use_ema`). A loss that
    diverges, see `LossWatch`, raises `BadLossError`; `resumable_fit` then goes back to a checkpoint. A checkpoint that
    cannot be written, as on a full disk, is told in a warning and tried again at the next occasion.

    Args:
        folder: The `RunFolder` to write to.
        batches: The training's `data.TokenBatches`, or what has its `epoch`, set at the begin of each, its length, and
            its `target_tokens`, for the rate in the log.
        validation: Batches for the validation loss.
        evaluate: Called without arguments after each epoch; returns a dict of metrics computed the task's own way.
            Training knows nothing of decoding, so whatever needs it comes in here.
        monitor: The metric that decides which epoch is best: a key of `evaluate`'s dict, or "val_loss". Of equally good
            epochs that with the lowest validation loss is.
        mode: "max" or "min", which way is better.
        patience: Epochs without a better one after which to stop; None never stops.
        max_minutes: Minutes of training, validation included, after which to stop; None never stops.
        checkpoint_minutes: Minutes between checkpoints within an epoch; None saves at its end alone.
        state: State of the checkpoint that training goes on from, or None.
        workers: The processes that train together, a `OneWorker` or its like, or None for this one alone. Of many, the
            chief alone evaluates and writes checkpoints, and what one decides or is told by a signal, all do.

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
        checkpoint_minutes=None,
        state=None,
        workers=None,
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
        self.checkpoint_minutes = checkpoint_minutes
        self.workers = workers or OneWorker()
        self.signals = StopSignals()
        self._unwritten = []
        self._set_state(state or {})

    def on_train_begin(self, logs=None):
        self.started = time.monotonic() - self.state["seconds"]
        self.saved = time.monotonic()
        self.gradient_norm = record_gradient_norm(self.model.optimizer)
        if not self.workers.share(lambda: bool(self.folder.checkpoints("last"))):
            self._save("last")  # a training that diverges at once must have a place to go back to

    def on_epoch_begin(self, epoch, logs=None):
        self.batches.epoch = epoch
        self.epoch_started = time.monotonic()
        self.first_batch = self.state["batch"]  # not 0 where a begun epoch goes on
        self.gradient_norm.reset_state()
        if self.first_batch:
            self._restore_metrics()

    def on_train_batch_end(self, batch, logs=None):
        done = self.first_batch + batch + 1
        self.state.update(step=self.state["step"] + done - self.state["batch"], batch=done)
        self.watch.check(logs["loss"], done)
        minutes, since_saved = self._seconds() / 60, (time.monotonic() - self.saved) / 60
        is_over = self.max_minutes is not None and minutes >= self.max_minutes
        is_due = self.checkpoint_minutes is not None and since_saved >= self.checkpoint_minutes
        is_told, is_over, is_due = self.workers.agree([bool(self.signals.received), is_over, is_due])
        if is_told:
            self._save_within_epoch()
            self.signals.leave()
        if is_over:
            self.model.stop_training = True
        elif is_due:
            self._save_within_epoch()

    def on_epoch_end(self, epoch, logs=None):
        rate = self._tokens_per_second()
        self._note_place()  # now: the validation begins its own metrics
        logs["gradient_norm"] = float(self.gradient_norm.result())
        try:
            with averaged_weights(self.model):
                with self.signals.at_once() if self.workers.count == 1 else contextlib.nullcontext():
                    losses = self.model.evaluate(self.validation, verbose=0, return_dict=True)
                    metrics = {f"val_{name}": value for name, value in losses.items()}
                    metrics |= self.workers.share(self.evaluate)
                if not all(math.isfinite(x) for x in (logs["loss"], losses["loss"], metrics[self.monitor])):
                    raise BadLossError(f"the loss is {logs['loss']:.4g} and the validation's {losses['loss']:.4g}")
                self.state["seconds"] = self._seconds()
                logs.update(metrics, tokens_per_second=round(rate), memory_gb=peak_memory_gb())
                self._write_epoch(epoch + 1, logs)  # first: no checkpoint is without its line
                best = {"best": metrics[self.monitor], "best_loss": losses["loss"], "best_epoch": epoch + 1}
                done = {"epoch": epoch + 1, "batch": 0, "metrics": None}
                if self._is_better(best["best"], best["best_loss"]) and self._save("best", **best, **done):
                    self.state.update(best)
        except (KeyboardInterrupt, Terminated):
            if self.workers.count == 1:
                self._save("last")  # with all batches done, so that the next sitting begins with the validation
            raise
        if self.state["batch"] == len(self.batches):  # rather than out of time
            self.state.update(done)
        self._save("last")
        if self.patience is not None and epoch + 1 - self.state["best_epoch"] >= self.patience:
            self.model.stop_training = True
        if self.workers.agree_at_once(bool(self.signals.received)):
            self.signals.leave()

    def go_back(self, problem):
        """Goes back to the newest good checkpoint, with half the learning rate; to the one before, if a training that
        started from the newest with a smaller step diverged too.

        Args:
            problem: What happened.

        Raises:
            DivergenceError: If it went back three times already.
            CheckpointError: If no checkpoint can be read.
        """
        diverged, model = self.state, self.model
        event = {"event": "diverged", "epoch": diverged["epoch"] + 1, "step": diverged["step"], "problem": problem}
        event["learning_rate"] = _rounded(model.optimizer.learning_rate)
        if diverged["returns"] == _MOST_RETURNS:
            self._write({**event, "action": "stopped"})
            raise DivergenceError(
                f"The training diverged: at step {diverged['step']} {problem}. It went back to a checkpoint "
                f"{_MOST_RETURNS} times, each time with half the learning rate, which did not help. What was good is "
                f"kept in {self.folder.path}. Start a new run with a lower learning rate, a longer warm-up or clipped "
                f"gradients, and look for odd rows in the data. Received: learning_rate={event['learning_rate']}"
            )
        state = self.workers.share(self._restore)
        self.workers.share_weights(model)
        self._set_state(state)
        self.state.update(returns=diverged["returns"] + 1, returned_to=state["step"], seconds=self._seconds())
        self.state.update({name: diverged[name] for name in ("best", "best_loss", "best_epoch")})
        halve_step(model.optimizer, self.state["returns"], before=state["returns"])
        model.make_train_function(force=True)  # the old one holds the old schedule
        self._save("last")
        event["action"] = f"back to step {state['step']} with half the learning rate"
        self._write(event)
        rate = _rounded(model.optimizer.learning_rate)  # which makes each warning a new one, that Python shows
        warnings.warn(f"At step {diverged['step']} {problem}: {event['action']}, {rate}.", stacklevel=2)

    def _restore(self):
        """Puts the newest checkpoint back, or the one before if a smaller step did not help after the newest."""
        state = self.folder.restore_checkpoint(self.model)
        newest = self.folder.checkpoints("last")
        if state["returned_to"] == state["step"] and len(newest) > 1:
            shutil.rmtree(newest[-1])
            state = self.folder.restore_checkpoint(self.model)
        return state

    def _set_state(self, state):
        self.state = {**_NEW_RUN, **state}
        self.watch = LossWatch(self.state["loss"])

    def _note_place(self):
        self.state.update(seconds=self._seconds(), metrics=self._metric_values(), loss=self.watch.state)

    def _save_within_epoch(self):
        self._note_place()
        if not all(np.isfinite(weight).all() for weight in self.model.get_weights()):
            raise BadLossError("a weight is no number")
        self._save("last")

    def _save(self, kind, **changes):
        """Has the chief save a checkpoint, and tells whether that worked."""
        self.saved = time.monotonic()
        return self.workers.share(lambda: self._written(kind, changes))

    def _written(self, kind, changes):
        try:
            self.folder.save_checkpoint(self.model, kind, {**self.state, **changes}, keep=2)
            return True
        except OSError as error:
            warnings.warn(
                f"No checkpoint of step {self.state['step']} could be written: {error}. The ones before are kept; make "
                "room: the training goes on, and the next checkpoint is tried again.",
                stacklevel=2,
            )
            return False
        finally:
            self.saved = time.monotonic()

    def _write_epoch(self, epoch, logs):
        place = {"epoch": epoch, "step": self.state["step"], "minutes": round(self.state["seconds"] / 60, 2)}
        values = {**logs, "learning_rate": self.model.optimizer.learning_rate}
        self._write({**place, **{name: _rounded(value) for name, value in values.items()}})

    def _write(self, line):
        """Adds a line to `metrics.jsonl`, and those before that found no room."""
        self._unwritten.append(line)
        try:
            while self._unwritten:
                self.folder.append_metrics(self._unwritten[0])
                self._unwritten.pop(0)
        except OSError as error:
            warnings.warn(f"metrics.jsonl could not be written: {error}. It is tried again later.", stacklevel=2)

    def _metric_values(self):
        return [self.workers.value(variable).tolist() for variable in self._metric_variables()]

    def _restore_metrics(self):
        if len(self._metric_variables()) < len(self.state["metrics"]):
            self.model.evaluate(self.validation, steps=1, verbose=0)  # compiled metrics are made with the first batch
        for variable, value in zip(self._metric_variables(), self.state["metrics"], strict=True):
            self.workers.set_value(variable, value)

    def _metric_variables(self):
        return [variable for metric in (*self.model.metrics, self.gradient_norm) for variable in metric.variables]

    def _tokens_per_second(self):
        share = (self.state["batch"] - self.first_batch) / len(self.batches)
        return self.batches.target_tokens * share / (time.monotonic() - self.epoch_started)

    def _seconds(self):
        return time.monotonic() - self.started

    def _is_better(self, value, loss):
        best, best_loss = self.state["best"], self.state["best_loss"]
        if value == best:
            return best_loss is not None and loss < best_loss
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
    optimizer = model.optimizer  # which knows weights too that are frozen for a while
    pairs = list(zip(optimizer._trainable_variables, optimizer._model_variables_moving_average, strict=True))
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
