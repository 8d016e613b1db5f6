"""What the trainings of all tasks share."""

import base64
import contextlib
import json
import tempfile
import warnings
from pathlib import Path

import keras
import tensorflow as tf

from keras_attn.text import load_tokenizer
from keras_attn.training import (
    DivergenceError,
    ProgressBar,
    RunFolder,
    RunRecorder,
    find_workers,
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
            with training.scope():
                self.model = build_model(self.settings, ...)
            training.start(examples)
            training.fit(batches, validation_batches, validate)
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
        strategy: By which devices to train, see `training.find_workers`. Of many processes the chief alone reads and
            writes `run`; what others write goes to a folder that is removed.

    Raises:
        FileExistsError: If `run` already holds a run.
        RunInUseError: If another process trains in `run`.
        RuntimeError: If TensorBoard or Weights & Biases is asked for and not installed.
        ValueError: If a resumed run was started with other settings or other data, or workers have different ones.
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
        strategy="auto",
    ):
        self._trackers = [name for name, on in (("tensorboard", tensorboard), ("wandb", wandb)) if on]
        check_trackers(self._trackers)
        self.folder = RunFolder(run)
        self.resumed = False
        self.state = None
        self.workers = None
        self._task = task
        self._described = described
        self._monitor = monitor
        self._mode = mode or ("min" if monitor == "val_loss" else "max")
        self._max_minutes = max_minutes
        self._deterministic = deterministic
        self._command = command or f"{type(task).__name__}(preset={task.preset!r}).fit(..., run={str(run)!r})"
        self._loss_unit = loss_unit
        self._resume = resume
        self._strategy = strategy
        self._stack = contextlib.ExitStack()

    def __enter__(self):
        task = self._task
        self._before = dict(vars(task))
        self.workers = find_workers(self._strategy)
        self._stack.enter_context(self.workers.watch())
        try:
            if not self.workers.is_chief:
                self.folder = RunFolder(Path(self._stack.enter_context(tempfile.TemporaryDirectory())) / "run")
            begun = self.workers.share(self._begin)
            self.resumed = begun["resumed"]
            self._check_same(begun["config"])
        except BaseException:
            self._stack.close()
            raise
        if begun["deterministic"]:
            tf.config.experimental.enable_op_determinism()
        keep_freed_memory()
        keras.utils.set_random_seed(task.settings.seed)
        return self

    def __exit__(self, kind, error, trace):
        if kind is not None:
            vars(self._task).clear()
            vars(self._task).update(self._before)
        elif not self.workers.is_chief:
            self._task.run = None
        return self._stack.__exit__(kind, error, trace)

    def _begin(self):
        """Locks a run that goes on, and tells how the training begins."""
        task, folder = self._task, self.folder
        resumed = self._resume and folder.holds_run()
        if resumed:
            self._stack.enter_context(folder.lock())
            task.check_same_run(folder, **self._described)
        else:
            folder.check_free()
        deterministic = self._deterministic or (resumed and folder.config().get("deterministic", False))
        return {"resumed": resumed, "deterministic": deterministic, "config": task.config(**self._described)}

    def _check_same(self, config):
        """Raises an error if the chief trains something else."""
        own = json.loads(json.dumps(self._task.config(**self._described)))  # as the chief's came here
        different = [name for name in own if config.get(name) != own[name]] if self.workers.count > 1 else []
        if different:
            raise ValueError(
                "All workers must train with the same settings and the same data: give each the same command and the "
                f"same files. Received: worker={self.workers.index}, {different[0]}={own[different[0]]!r}, the chief's "
                f"{config.get(different[0])!r}"
            )

    def scope(self):
        """Gives the context in which the model is built and compiled.

        Returns:
            A context manager.
        """
        return self.workers.scope()

    def tokenizer(self, make):
        """Gives the task's tokenizer.

        Args:
            make: Called for a new run, in the chief alone; returns the tokenizer.

        Returns:
            What `make` returned, or the tokenizer that the resumed run has.
        """
        return self.of_chief(
            lambda: load_tokenizer(self.folder.tokenizer_path) if self.resumed else make(),
            lambda tokenizer, folder: tokenizer.save(folder),
            load_tokenizer,
        )

    def of_chief(self, make, save, load):
        """Gives all processes what one of them makes.

        Args:
            make: Called in the chief alone; returns what is made.
            save: Called with it and a folder, to write files there.
            load: Called with a folder of the same files; returns what `make` returned.

        Returns:
            What `make` returned, or `load` in its place where there are many processes.
        """
        if self.workers.count == 1:
            return make()
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)

            def files():
                save(make(), folder)
                return {path.name: base64.b64encode(path.read_bytes()).decode() for path in folder.iterdir()}

            for name, text in self.workers.share(files).items():
                (folder / name).write_bytes(base64.b64decode(text))
            return load(folder)

    def start(self, examples):
        """Begins a new run's folder, or puts a resumed one's model where its newest checkpoint left it.

        The task's tokenizer and compiled model must be made: settings that do not fit leave no folder behind.

        Args:
            examples: A few inputs of the validation, plain values, by which an export is compared with the task.

        Raises:
            CheckpointError: If the run has checkpoints and none can be read.
        """
        task, folder = self._task, self.folder
        self.workers.prepare(task.model)

        def begin():
            self._stack.enter_context(folder.lock())
            config = task.config(**self._described, deterministic=self._deterministic)
            folder.create(config, task.tokenizer)
            folder.write_examples(examples)

        if not self.workers.is_chief:
            begin()
        if not self.resumed:
            self.workers.share(begin)
        if self.workers.share(lambda: bool(folder.checkpoints("last"))):
            self.state = resume_from(folder, task.model, self.workers)
        else:
            self.workers.share_weights(task.model)  # they may begin with what each process computed
        task.run = folder

    def fit(self, batches, validation, validate, callbacks=()):
        """Trains to the end of the epochs or minutes, unless they were over before.

        Args:
            batches: Batches of the training with `as_dataset`, as `RunRecorder` takes them.
            validation: Batches for the loss of the validation, with `as_dataset`.
            validate: Called after each epoch; returns a dict of further metrics.
            callbacks: Further callbacks.

        Raises:
            DivergenceError: If the loss diverges for the fourth time; the report then says so.
            Terminated: After SIGTERM, when a checkpoint is saved, as KeyboardInterrupt after Ctrl-C.
        """
        task, settings, state, max_minutes = self._task, self._task.settings, self.state, self._max_minutes
        if task.is_over(state, max_minutes):
            return
        workers = self.workers
        recorder = RunRecorder(
            self.folder,
            batches,
            workers.distribute(workers.dataset(validation)),
            validate,
            self._monitor,
            mode=self._mode,
            patience=settings.patience,
            max_minutes=max_minutes,
            checkpoint_minutes=settings.checkpoint_minutes,
            state=state,
            workers=workers,
        )
        progress = ProgressBar(max_minutes, minutes_before=state["seconds"] / 60 if state else 0.0)
        callbacks = [progress, *callbacks] if workers.is_chief else list(callbacks)
        try:
            with tracker_callbacks(self.folder, self._trackers if workers.is_chief else []) as trackers:
                dataset = workers.dataset(batches)
                resumable_fit(task.model, recorder, dataset, settings.epochs, [*callbacks, *trackers])
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
        if self.workers.count == 1:
            return self.folder.load_checkpoint("best")[0]
        trained = self._task.model
        model = keras.Model(trained.input, trained.output, name=trained.name)
        found = []
        self.workers.share(lambda: found.append(self.folder.load_checkpoint("best")[0]))
        for variable, value in zip(model.variables, found[0].variables if found else model.variables, strict=True):
            variable.assign(value)
        self.workers.share_weights(model)
        return found[0] if found else model

    def report(self, sections=()):
        """Writes the run's report; if it cannot be written, that is a warning.

        Args:
            sections: What the task has to say: texts in Markdown.

        Returns:
            The best epoch's line of `metrics.jsonl`, a dict; empty where no epoch was finished.
        """
        folder, task = self.folder, self._task
        best = self.workers.share(lambda: folder.best_metrics() if folder.checkpoints("best") else {})
        title = f"{task.name.capitalize()}, preset {task.preset}"
        try:
            write_report(folder, title, self._command, self._monitor, best, sections, self._loss_unit)
        except OSError as error:  # a full disk must not cost the trained model
            warnings.warn(f"The report could not be written: {error}", stacklevel=2)
        return best
