"""What the trainings of all tasks share."""

import contextlib
import warnings

import keras
import tensorflow as tf

from keras_attn.text import load_tokenizer
from keras_attn.training import (
    DivergenceError,
    ProgressBar,
    RunFolder,
    RunRecorder,
    keep_freed_memory,
    resumable_fit,
    resume_from,
    write_report,
)
from keras_attn.training.tracking import check_trackers, tracker_callbacks


class TrainingRun:
    """A task's training in a run folder, a new one or a resumed one.

    A context: within it the folder is locked, and if it ends in an error, or by Ctrl-C, the task is what it was before.

        with TrainingRun(self, run, {"texts": 500, "data": fingerprint}, monitor="accuracy") as training:
            self.tokenizer = training.tokenizer(lambda: train_tokenizer(...))
            self.model = build_model(self.settings, ...)
            training.start(examples)
            training.fit(batches, validation_dataset, validate)
            self.model = training.best_model()
            best = training.report()

    Args:
        task: The `Task`; its settings have `epochs`, `patience`, `checkpoint_minutes` and `seed`.
        run: Path of the run folder; it must not hold a run unless `resume`.
        described: Dict of what `config.yaml` says of the data, such as a fingerprint; a resumed run must have the same.
        monitor: The metric that chooses the best epoch.
        mode: Whether it is better when larger, "max", or smaller, "min"; of `val_loss` smaller, else larger, when None.
        max_minutes: Minutes after which to stop, those before a `resume` counted.
        resume: Go on from the newest checkpoint of `run`, if there is one.
        deterministic: Compute so that a run that is killed and resumed ends, on the same machine's CPU, with the very
            weights of an undisturbed one. Holds for the whole process, and for every resume of the run.
        tensorboard: Write what TensorBoard shows to `tensorboard/` in the run folder.
        wandb: Write to Weights & Biases, and to `wandb/` in the run folder.
        command: The command that was called, for the report; the Python call when None.
        loss_unit: What the loss counts, for the report.

    Raises:
        FileExistsError: If `run` already holds a run.
        RunInUseError: If another process trains in `run`.
        RuntimeError: If TensorBoard or Weights & Biases is asked for and not installed.
        ValueError: If a resumed run was started with other settings or other data.
    """

    def __init__(
        self,
        task,
        run,
        described,
        monitor,
        mode=None,
        max_minutes=None,
        resume=False,
        deterministic=False,
        tensorboard=False,
        wandb=False,
        command=None,
        loss_unit="nats a token",
    ):
        self._trackers = [name for name, on in (("tensorboard", tensorboard), ("wandb", wandb)) if on]
        check_trackers(self._trackers)
        self.folder = RunFolder(run)
        self.resumed = resume and self.folder.holds_run()
        self.state = None
        self._task = task
        self._described = described
        self._monitor = monitor
        self._mode = mode or ("min" if monitor == "val_loss" else "max")
        self._max_minutes = max_minutes
        self._deterministic = deterministic
        self._command = command or f"{type(task).__name__}(preset={task.preset!r}).fit(..., run={str(run)!r})"
        self._loss_unit = loss_unit
        self._stack = contextlib.ExitStack()

    def __enter__(self):
        task, folder = self._task, self.folder
        self._before = dict(vars(task))
        try:
            if self.resumed:
                self._stack.enter_context(folder.lock())
                task.check_same_run(folder, **self._described)
            else:
                folder.check_free()
        except BaseException:
            self._stack.close()
            raise
        if self._deterministic or (self.resumed and folder.config().get("deterministic")):
            tf.config.experimental.enable_op_determinism()
        keep_freed_memory()
        keras.utils.set_random_seed(task.settings.seed)
        return self

    def __exit__(self, kind, error, trace):
        if kind is not None:
            vars(self._task).clear()
            vars(self._task).update(self._before)
        self._stack.close()

    def tokenizer(self, make):
        """Gives the task's tokenizer.

        Args:
            make: Called for a new run; returns the tokenizer.

        Returns:
            What `make` returned, or the tokenizer that the resumed run has.
        """
        return load_tokenizer(self.folder.tokenizer_path) if self.resumed else make()

    def start(self, examples):
        """Begins a new run's folder, or puts a resumed one's model where its newest checkpoint left it.

        The task's tokenizer and compiled model must be made: settings that do not fit leave no folder behind.

        Args:
            examples: A few inputs of the validation, plain values, by which an export is compared with the task.

        Raises:
            CheckpointError: If the run has checkpoints and none can be read.
        """
        task, folder = self._task, self.folder
        if not self.resumed:
            self._stack.enter_context(folder.lock())
            config = task.config(**self._described, deterministic=self._deterministic)
            folder.create(config, task.tokenizer)
            folder.write_examples(examples)
        self.state = resume_from(folder, task.model) if folder.checkpoints("last") else None
        task.run = folder

    def fit(self, batches, validation, validate, callbacks=()):
        """Trains to the end of the epochs or minutes, unless they were over before.

        Args:
            batches: Batches of the training with `as_dataset`, as `RunRecorder` takes them.
            validation: `tf.data.Dataset` for the loss of the validation.
            validate: Called after each epoch; returns a dict of further metrics.
            callbacks: Further callbacks.

        Raises:
            DivergenceError: If the loss diverges for the fourth time; the report then says so.
            Terminated: After SIGTERM, when a checkpoint is saved, as KeyboardInterrupt after Ctrl-C.
        """
        task, settings, state, max_minutes = self._task, self._task.settings, self.state, self._max_minutes
        if task.is_over(state, max_minutes):
            return
        recorder = RunRecorder(
            self.folder,
            batches,
            validation,
            validate,
            self._monitor,
            mode=self._mode,
            patience=settings.patience,
            max_minutes=max_minutes,
            checkpoint_minutes=settings.checkpoint_minutes,
            state=state,
        )
        progress = ProgressBar(max_minutes, minutes_before=state["seconds"] / 60 if state else 0.0)
        callbacks = [progress, *callbacks]
        try:
            with tracker_callbacks(self.folder, self._trackers) as trackers:
                resumable_fit(task.model, recorder, batches.as_dataset(), settings.epochs, [*callbacks, *trackers])
        except DivergenceError:
            self.report()
            raise
        finally:
            progress.stop()

    def best_model(self):
        """Reads the model of the best epoch.

        Returns:
            A functional model, not compiled.

        Raises:
            CheckpointError: If no checkpoint can be read.
        """
        return self.folder.load_checkpoint("best")[0]

    def report(self, sections=()):
        """Writes the run's report; if it cannot be written, that is a warning.

        Args:
            sections: What the task has to say: texts in Markdown.

        Returns:
            The best epoch's line of `metrics.jsonl`, a dict; empty where no epoch was finished.
        """
        folder, task = self.folder, self._task
        best = folder.best_metrics() if folder.checkpoints("best") else {}
        title = f"{task.name.capitalize()}, preset {task.preset}"
        try:
            write_report(folder, title, self._command, self._monitor, best, sections, self._loss_unit)
        except OSError as error:  # a full disk must not cost the trained model
            warnings.warn(f"The report could not be written: {error}", stacklevel=2)
        return best
