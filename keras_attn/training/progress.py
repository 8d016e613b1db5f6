import time

import keras
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn


class ProgressBar(keras.callbacks.Callback):
    """Shows a training on the terminal: a bar with rate and time left, and a line an epoch.

    Goes to standard error; where that is no terminal, only the lines are written.

    Args:
        max_minutes: The training's time limit, for the time left; None counts epochs.
        minutes_before: Minutes already trained in earlier sittings.
    """

    def __init__(self, max_minutes=None, minutes_before=0.0):
        super().__init__()
        self.max_minutes = max_minutes
        self.minutes_before = minutes_before
        self.started = None
        self.console = Console(stderr=True)
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=self.console,
            transient=True,
            disable=not self.console.is_terminal,
        )

    def on_train_begin(self, logs=None):
        if self.started is None:  # the rest of a begun epoch and what follows are two fits of one training
            self.started = time.monotonic()
            by_time = self.max_minutes is not None
            self.total = 60 * (self.max_minutes - self.minutes_before) if by_time else None
            self.bar = self.progress.add_task("", total=self.total, rate="")
        self.progress.start()

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch
        self.epoch_started = time.monotonic()
        if self.total is None:
            self.progress.reset(self.bar, total=self.params.get("steps"))

    def on_train_batch_end(self, batch, logs=None):
        rate = (batch + 1) / (time.monotonic() - self.epoch_started)
        self.progress.update(
            self.bar,
            description=f"epoch {self.epoch + 1}/{self.params['epochs']}  loss {logs['loss']:.3f}",
            completed=batch + 1 if self.total is None else time.monotonic() - self.started,
            rate=f"{rate:.1f} steps/s",
        )

    def on_epoch_end(self, epoch, logs=None):
        minutes = self.minutes_before + (time.monotonic() - self.started) / 60
        values = "  ".join(f"{name} {value:.4g}" for name, value in logs.items())
        self.console.print(f"epoch {epoch + 1:3d}  {minutes:6.1f} min  {values}", highlight=False, soft_wrap=True)

    def on_train_end(self, logs=None):
        self.stop()

    def stop(self):
        """Takes the bar away and gives the terminal back; Keras does not call `on_train_end` after Ctrl-C."""
        self.progress.stop()
