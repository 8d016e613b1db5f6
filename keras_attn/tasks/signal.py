from pathlib import Path

import numpy as np

from keras_attn.data import LabelledSignals, read_signals, read_wav
from keras_attn.tasks import signal_training as learning
from keras_attn.tasks.signal_asked import AskedSignals
from keras_attn.tasks.signal_explanation import explanation
from keras_attn.tasks.signal_export import export_signal
from keras_attn.tasks.signal_features import SignalFeatures
from keras_attn.tasks.signal_values import with_next_values
from keras_attn.tasks.task import Task, say
from keras_attn.tasks.training_run import TrainingRun
from keras_attn.training.report import write_page


class Signal(Task):
    """Makes signals, numbers over time, into labels, into text, or into other signals, after learning it from examples.

    Args:
        preset: Name of a preset, see `keras-attn presets`.
        **settings: What differs from the preset: any field of `SignalSettings`.

    Raises:
        ValueError: If the preset or a setting is unknown (the nearest is named) or of a wrong type.

    Example:
        >>> from keras_attn.tasks import Signal
        >>> Signal(preset="tiny", dropout=0.1).settings.dropout
        0.1
    """

    name = "signal"

    def __init__(self, preset="tiny", **settings):
        super().__init__(preset, **settings)
        self.features = None
        self.goal = None
        self.num_channels = None
        self._asked = None

    def fit(
        self,
        data,
        validation,
        run,
        max_minutes=None,
        resume=False,
        deterministic=False,
        tensorboard=False,
        wandb=False,
        strategy="auto",
        command=None,
    ):
        """Learns from signals and keeps the epoch that validates best.

        Without a validation, a cross-validation on the training's signals chooses between settings and calibrates, and
        then all of them are learnt from to the last epoch; where there are many, or what is learnt is no label, a tenth
        is held out instead.

        Args:
            data: A path, see `read_signals`, or a `LabelledSignals`.
            validation: The same, for validation; None where there is none.
            run: Run folder to write; it must not hold a run unless `resume`.
            max_minutes: Minutes after which to stop, those before a `resume` counted, a cross-validation not.
            resume: Go on from the newest checkpoint of `run`.
            deterministic: Compute so that a run that is killed and resumed ends, on the same machine's CPU, with the
                very weights of an undisturbed one. Holds for the whole process, and for every resume of the run.
            tensorboard: Write what TensorBoard shows to `tensorboard/` in the run folder.
            wandb: Write to Weights & Biases, and to `wandb/` in the run folder.
            strategy: By which devices to train: "single", "mirrored" (all GPUs), "multiworker" (those of TF_CONFIG),
                "tpu", "auto", or a `tf.distribute.Strategy`; see docs/scaling.md.
            command: The command that was called, for the report; the Python call when None.

        Returns:
            Dict of figures on the validation, or of the cross-validation.

        Raises:
            FileNotFoundError: If a file is missing.
            FileExistsError: If `run` already holds a run.
            ValueError: If a file is malformed, or there is nothing to learn in it.
            CheckpointError: If `resume` finds no checkpoint that can be read.
            RunInUseError: If another process trains in `run`.
            RuntimeError: If TensorBoard or Weights & Biases is asked for and not installed.
            WorkerLostError: If another of many workers is gone.
            DivergenceError: If the loss diverges although the training went back to a checkpoint with half the learning
                rate three times; what was good is kept in `run`.
            Terminated: After SIGTERM, when a checkpoint is saved, as KeyboardInterrupt after Ctrl-C.
        """
        parts = learning.look_through(self, data, validation)
        say(*parts.notes[1:])
        how = {"deterministic": deterministic, "tensorboard": tensorboard, "wandb": wandb, "command": command}
        how |= {"strategy": strategy, "max_minutes": max_minutes, "resume": resume, "loss_unit": parts.goal.unit}
        monitor = "val_loss" if parts.validation is None else parts.goal.monitor
        with TrainingRun(self, run, parts.described, monitor, **how) as training:
            self.goal, self.features, self.num_channels = parts.goal, parts.features, parts.data.num_channels
            return learning.train(self, training, parts)

    def evaluate(self, data, progress=None, report=None):
        """Answers signals and compares with what is right.

        Args:
            data: A path or a `LabelledSignals`.
            progress: Called with the number of signals done so far, or None.
            report: Folder to write `report.md` with its pictures into, or None.

        Returns:
            Dict of figures, such as accuracy, macro_f1 and ece (expected calibration error), from 0 to 100, and
            left_out, the number of signals with a label that the training did not know.
        """
        self.check_trained()
        data = self.read(data, "test")
        say(*data.account("test"))
        usable, notes = self.goal.usable(data, "test")
        say(*notes)
        outputs = self.outputs(usable.signals, progress=progress)
        if report is not None:
            notes = [*data.account("test"), *notes]

            def sections(folder):
                found = self.goal.sections(folder, usable, outputs, notes)
                return found + learning.picture_sections(self, folder, usable)

            write_page(report, f"{len(usable)} signals", sections)
        return {**self.goal.figures(usable, outputs), "left_out": len(data) - len(usable)}

    def predict(self, signals, batch_size=64):
        """Answers signals.

        Args:
            signals: List of float arrays [T] or [T, C], or of paths of wav files.
            batch_size: Signals at a time.

        Returns:
            List of labels, of texts, or of arrays.

        Raises:
            RuntimeError: If the task is not trained.
            ValueError: If a signal is no array of numbers, or has another number of channels than the training's.
        """
        answers = self.answers(signals, batch_size)
        return [self.goal.plain(answer) for answer in answers]

    def answers(self, signals, batch_size=64, progress=None):
        """Answers signals, with all there is to say, such as a `Prediction` with its confidence.

        Args:
            signals: List of float arrays [T] or [T, C], or of paths of wav files.
            batch_size: Signals at a time.
            progress: Called with the number of signals done so far, or None.

        Returns:
            List of answers.

        Raises:
            RuntimeError: If the task is not trained.
            ValueError: If a signal is no array of numbers, or has another number of channels than the training's.
        """
        signals = self.as_arrays(signals)  # which first sees that the task is trained
        return self.goal.answers(self.outputs(signals, batch_size, progress))

    def continued(self, signal, steps):
        """Goes on with a signal, each value from those before it, its own ones too.

        Args:
            signal: A float array [T] or [T, C].
            steps: Number of steps to go on.

        Returns:
            Float32 array [steps, C].

        Raises:
            RuntimeError: If the task is not trained.
            ValueError: If the task did not learn next values, or the signal is none.
        """
        (values,) = self.as_arrays([signal])
        if self.settings.output != "next":
            raise ValueError(
                "A signal is gone on with by a task that learnt next values: train one with output=next. "
                f"Received: output={self.settings.output!r}"
            )
        for _ in range(steps):
            values = np.concatenate([values, self.outputs([values])[0][-1:]])
        return values[len(values) - steps :]

    def explain(self, signal):
        """Shows where in time the model looked.

        Args:
            signal: A float array [T] or [T, C], or the path of a wav file.

        Returns:
            A `SignalWeights`.

        Raises:
            RuntimeError: If the task is not trained.
            ValueError: If the signal is none, or the task has no weights in time to show.
        """
        (signal,) = self.as_arrays([signal])
        return explanation(self, signal)

    def export(self, folder, examples=None):
        """Writes the trained model, with its features, as the next version in a model's folder, for TF Serving.

        Args:
            folder: The model's folder, such as `saved_models/gestures`.
            examples: Signals by which to compare the export with the task, and to warm a server up; some of the
                validation when None.

        Returns:
            The folder of the new version.

        Raises:
            RuntimeError: If the task is not trained.
            ExportError: If the folder cannot be written, or what was written does not answer as the task does.
        """
        self.check_trained()
        return export_signal(self, self.asked(), folder, None if examples is None else self.as_arrays(examples))

    def config(self, **more):
        signals = {"channels": self.num_channels, "sample_rate": self.features and self.features.sample_rate}
        return super().config(**{"signals": signals, "features": self.features and self.features.kind, **more})

    def read(self, data, purpose):
        """Reads signals by the settings.

        Args:
            data: A path or a `LabelledSignals`.
            purpose: What they are for, such as "training".

        Returns:
            A `LabelledSignals`.

        Raises:
            ValueError: If they have another number of channels, or samples a second, than the training's.
        """
        if not isinstance(data, LabelledSignals):
            settings = self.settings
            rate = settings.sample_rate or (self.features and self.features.sample_rate)
            data = read_signals(data, settings.label_column, settings.id_column, settings.label_pattern, rate)
        if self.num_channels is not None:
            self._check_channels(data.signals[0], purpose)
        return with_next_values(data) if self.settings.output == "next" and data.targets is None else data

    def as_arrays(self, signals):
        """Gives signals as arrays [T, C].

        Args:
            signals: List of float arrays [T] or [T, C], or of paths of wav files.

        Returns:
            List of float32 arrays.

        Raises:
            RuntimeError: If the task is not trained.
            ValueError: If one is no array of finite numbers, or has another number of channels.
        """
        self.check_trained()
        if isinstance(signals, str | Path | np.ndarray):
            raise ValueError(
                f"`signals` must be a list: write predict([signal]). Received: signals={type(signals).__name__}"
            )
        found = []
        for i, signal in enumerate(signals):
            if isinstance(signal, str | Path):
                signal = read_wav(signal, self.features.sample_rate)[0]
            signal = np.asarray(signal, "float32")
            signal = signal[:, None] if signal.ndim == 1 else signal
            if signal.ndim != 2 or not len(signal) or not np.isfinite(signal).all():
                raise ValueError(
                    "A signal must be an array [T] or [T, C] of finite numbers; `data.labelled_signals.without_gaps` "
                    f"fills gaps. Received: signals[{i}] of shape {signal.shape}"
                )
            self._check_channels(signal, f"signals[{i}]")
            found.append(signal)
        return found

    def outputs(self, signals, batch_size=64, progress=None):
        """Gives what answers are read off.

        Args:
            signals: List of float32 arrays [T, C].
            batch_size: Signals at a time.
            progress: Called with the number of signals done so far, or None.

        Returns:
            List of arrays.
        """
        return self.asked().ask(signals, batch_size, progress)

    def asked(self):
        """Gives what answers inside a TensorFlow graph.

        Returns:
            An `AskedSignals`.
        """
        if self._asked is None:
            self._asked = AskedSignals(self.model, self.features, self.goal, self.num_channels)
        return self._asked

    def use(self, model):
        """Takes another model, or another calibration of it, for what follows.

        Args:
            model: A model as the task trains it.
        """
        self.model = model
        self._asked = None

    def _save_parts(self, folder):
        self.goal.save(folder)

    def _load_parts(self, folder):
        signals = self.run.config()["signals"]
        self.num_channels = signals["channels"]
        self.features = SignalFeatures.of(self.settings, signals["sample_rate"])
        self.goal = learning.GOALS[self.settings.output].load(folder)

    def _check_channels(self, signal, name):
        if signal.shape[1] != self.num_channels:
            raise ValueError(
                f"The training's signals have {self.num_channels} channels. "
                f"Received: {name} of {signal.shape[1]} channels"
            )
