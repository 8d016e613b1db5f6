import tensorflow_text  # noqa: F401 registers the tokenizers' ops

from keras_attn.data import LabelledText, read_labelled_text
from keras_attn.tasks import classification_training as learning
from keras_attn.tasks.class_calibration import calibrate
from keras_attn.tasks.classification_answers import Asked, predictions_of
from keras_attn.tasks.classification_baseline import NgramBaseline
from keras_attn.tasks.classification_export import export_classification
from keras_attn.tasks.classification_labels import Labels
from keras_attn.tasks.classification_measures import Measures
from keras_attn.tasks.classification_report import (
    read_calibration,
    report_sections,
    worst_mistakes,
    write_calibration,
)
from keras_attn.tasks.classifier import Classifier
from keras_attn.tasks.seen_texts import known_of_test, save_training_keys, training_keys
from keras_attn.tasks.task import Task, check_explained, say
from keras_attn.tasks.texts import check_texts, warn_of_unreadable
from keras_attn.tasks.training_run import TrainingRun
from keras_attn.training.report import write_page


class Classification(Task):
    """Tells what texts are about, how they are meant, and so on, after learning it from labelled ones.

    Args:
        preset: Name of a preset, see `keras-attn presets`.
        **settings: What differs from the preset: any field of `ClassificationSettings`.

    Raises:
        ValueError: If the preset or a setting is unknown (the nearest is named) or of a wrong type.

    Example:
        >>> from keras_attn import Classification
        >>> Classification(preset="tiny", dropout=0.1).settings.dropout
        0.1
    """

    name = "classification"

    def __init__(self, preset="tiny", **settings):
        super().__init__(preset, **settings)
        self.max_length = self.settings.max_length  # less where what it starts from reads no more
        self.labels = None
        self.calibration = {}
        self.baseline = None
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
        """Learns from labelled texts and keeps the epoch that validates best.

        Args:
            data: A path, see `read_labelled_text`, or a `LabelledText`.
            validation: The same, for validation.
            run: Run folder to write; it must not hold a run unless `resume`.
            max_minutes: Minutes after which to stop, those before a `resume` counted.
            resume: Go on from the newest checkpoint of `run`.
            deterministic: Compute so that a run that is killed and resumed ends, on the same machine's CPU, with the
                very weights of an undisturbed one. Holds for the whole process, and for every resume of the run.
            tensorboard: Write what TensorBoard shows to `tensorboard/` in the run folder.
            wandb: Write to Weights & Biases, and to `wandb/` in the run folder.
            strategy: By which devices to train: "single", "mirrored" (all GPUs), "multiworker" (those of TF_CONFIG),
                "tpu", "auto", or a `tf.distribute.Strategy`; see docs/scaling.md.
            command: The command that was called, for the report; the Python call when None.

        Returns:
            Dict of the best epoch's validation metrics, and of the baseline's accuracy on the validation.

        Raises:
            FileNotFoundError: If a file is missing, or the setting `init` names no such folder.
            FileExistsError: If `run` already holds a run.
            ValueError: If a file is malformed or lacks a column, or there are no two labels to tell apart.
            CheckpointError: If `resume` finds no checkpoint that can be read.
            RunInUseError: If another process trains in `run`.
            RuntimeError: If TensorBoard or Weights & Biases is asked for and not installed.
            WorkerLostError: If another of many workers is gone.
            DivergenceError: If the loss diverges although the training went back to a checkpoint with half the learning
                rate three times; what was good is kept in `run`.
            Terminated: After SIGTERM, when a checkpoint is saved, as KeyboardInterrupt after Ctrl-C.
        """
        data, validation = self.read(data, "training"), self.read(validation, "validation")
        labels, validation, notes = learning.look_through(data, validation)
        say(*notes[1:])
        described = {"texts": len(data.texts), "validation_texts": len(validation.texts), "data": data.fingerprint()}
        how = {"deterministic": deterministic, "tensorboard": tensorboard, "wandb": wandb, "command": command}
        how |= {"strategy": strategy, "max_minutes": max_minutes, "resume": resume, "loss_unit": "nats a text"}
        with TrainingRun(self, run, described, self.settings.monitor, **how) as training:
            self.labels = labels
            batches = learning.begin(self, training, data, validation)
            if batches.truncated:
                notes.append(f"{batches.truncated} texts are longer than `max_length` tokens and were cut.")
                say(notes[-1])
            held_out = learning.make_batches(self, validation, shuffle=False)
            training.fit(
                batches, held_out, lambda: learning.validation_figures(self, validation), learning.callbacks(self)
            )
            self.use(training.best_model(), {})
            self.use(calibration=calibrate(self.measured(validation), self.settings.answer_accuracy))
            self.baseline = NgramBaseline.load(self.run.path) or learning.train_baseline(self, data, validation)
            self._save_parts(self.run.path)
            best = training.report(self._sections(self.run.path, validation, self.measured(validation), notes))
        own = {name: best[name] for name in ("accuracy", "macro_f1", "val_loss") if name in best}
        return {**own, **self._baseline_figures(validation)}

    def evaluate(self, data, progress=None, report=None):
        """Classifies texts and compares with the given labels.

        Args:
            data: A path or a `LabelledText`.
            progress: Called with the number of texts done so far, or None.
            report: Folder to write `report.md` with its pictures into, or None.

        Returns:
            Dict of accuracy, macro_f1 and ece (expected calibration error), from 0 to 100, and the baseline's; of many
            heads the means, and each with the head's name before it. And counts: texts left out for a label that the
            training did not know, texts that the training had, texts that repeat another one.
        """
        self.check_trained()
        data = self.read(data, "test")
        known, counts = known_of_test(self.labels, data, self.run)
        results = self.measured(known, self.scores(known.texts, progress=progress))
        if report is not None:
            notes = [f"{name.replace('_', ' ')}: {count} texts" for name, count in counts.items()]
            title = f"Classification of {len(known)} texts"
            write_page(report, title, lambda folder: self._sections(folder, known, results, notes))
        return {**learning.figures(results), **self._baseline_figures(known), **counts}

    def predict(self, texts, batch_size=64):
        """Classifies texts.

        Args:
            texts: List of texts.
            batch_size: Texts classified at a time.

        Returns:
            List of labels; with several heads, of dicts of head -> label; of several labels a tuple.

        Raises:
            RuntimeError: If the task is not trained.
            ValueError: If `texts` is no list of texts.
        """
        predictions = self.classify(texts, batch_size)
        if len(self.labels.heads) == 1:
            return [next(iter(found.values())).label for found in predictions]
        return [{head: prediction.label for head, prediction in found.items()} for found in predictions]

    def classify(self, texts, batch_size=64, progress=None):
        """Classifies texts, and tells how sure it is.

        Args:
            texts: List of texts.
            batch_size: Texts classified at a time.
            progress: Called with the number of texts done so far, or None.

        Returns:
            For each text a dict of head -> `Prediction`.

        Raises:
            RuntimeError: If the task is not trained.
            ValueError: If `texts` is no list of texts.
        """
        check_texts("texts", texts)
        return predictions_of(self.scores(texts, batch_size, progress), self.labels, self.calibration)

    def explain(self, text):
        """Shows which words a text was judged by.

        Args:
            text: A text.

        Returns:
            A `TokenWeights`: how much of what is pooled comes from each token; equal weights with pooling=mean.

        Raises:
            RuntimeError: If the task is not trained.
            ValueError: If the text is empty.
        """
        self.check_trained()
        check_explained(text)
        found = self.classify([text])[0]
        said = "; ".join(f"{head}: {p.label} ({p.confidence:.2f})" for head, p in found.items())
        return self._asked.token_weights(text, said)

    def export(self, folder, examples=None):
        """Writes the trained model, with its tokenizer, as the next version in a model's folder, for TF Serving.

        Args:
            folder: The model's folder, such as `saved_models/topics`.
            examples: Texts by which to compare the export with the task, and to warm a server up; some of the
                validation when None.

        Returns:
            The folder of the new version.

        Raises:
            RuntimeError: If the task is not trained.
            ExportError: If the folder cannot be written, or what was written does not answer as the task does.
        """
        self.check_trained()
        return export_classification(self, self.classifier(), folder, examples)

    def config(self, **more):
        return super().config(max_length=self.max_length, **more)

    def read(self, data, purpose):
        """Reads labelled texts by the columns of the settings, and reports the rows left out.

        Args:
            data: A path or a `LabelledText`.
            purpose: What the texts are for, such as "training".

        Returns:
            A `LabelledText`.
        """
        if not isinstance(data, LabelledText):
            settings = self.settings
            data = read_labelled_text(data, settings.text_column, settings.label_columns, settings.label_separator)
        if data.skipped:
            say(data.skipped_report(purpose))
        return data

    def measured(self, data, scores=None):
        """Puts scores beside the right labels.

        Args:
            data: `LabelledText` whose labels are all known.
            scores: Dict of head -> array [N, C]; those of the model when None.

        Returns:
            Dict of head -> `Measures`.
        """
        targets, several = self.labels.targets(data), self.labels.multi_label
        scores = self.scores(data.texts) if scores is None else scores
        names = self.labels.classes
        return {head: Measures(names[head], targets[head], array, head in several) for head, array in scores.items()}

    def scores(self, texts, batch_size=64, progress=None):
        """Gives the calibrated probabilities of all classes, and warns of texts that the tokenizer cannot read.

        Args:
            texts: List of texts.
            batch_size: Texts classified at a time.
            progress: Called with the number of texts done so far, or None.

        Returns:
            Dict of head -> array [N, C], classes in the order of `labels.classes`.

        Raises:
            RuntimeError: If the task is not trained.
        """
        if self._asked is None:
            self._asked = Asked(self.classifier())
        scores, unknown_shares = self._asked.scores(texts, batch_size, progress)
        warn_of_unreadable(unknown_shares, stacklevel=3)
        return scores

    def classifier(self):
        """Gives what classifies inside a TensorFlow graph.

        Returns:
            A `Classifier`.

        Raises:
            RuntimeError: If the task is not trained.
        """
        self.check_trained()
        temperatures = {head: found["temperature"] for head, found in self.calibration.items()}
        with_start = self.settings.with_start
        return Classifier(self.model, self.tokenizer, self.labels, temperatures, self.max_length, with_start)

    def use(self, model=None, calibration=None):
        """Takes other weights or another calibration for what follows.

        Args:
            model: A model made by `models.text_classifier`; None keeps the one there is.
            calibration: Dict of head -> dict of numbers; None keeps what there is.
        """
        if model is not None:
            self.model = model
            model.trainable = True  # layers too that were waiting for their turn when it was saved
        self.calibration = self.calibration if calibration is None else calibration
        self._asked = None

    def _sections(self, folder, data, results, notes):
        """The sections of a report on some texts, its pictures written."""
        mistakes = {head: worst_mistakes(measures, data.texts) for head, measures in results.items()}
        for mistake in (mistake for rows in mistakes.values() for mistake in rows):
            mistake["text"] = self._asked.token_weights(mistake["text"]).marked()
        kind = "none" if self.baseline is None else self.baseline.kind
        baselines = self._baseline_measured(data)
        return report_sections(folder, results, baselines, kind, self.calibration, mistakes, notes)

    def _baseline_measured(self, data):
        return {} if self.baseline is None else self.measured(data, self.baseline.scores(data.texts))

    def _baseline_figures(self, data):
        found = learning.figures(self._baseline_measured(data), "baseline_")
        return {name: value for name, value in found.items() if not name.endswith("ece")}  # its scores are no shares

    def _save_parts(self, folder):
        self.labels.save(folder)
        save_training_keys(folder, training_keys(self.run))
        write_calibration(folder, self.calibration)
        if self.baseline is not None:
            self.baseline.save(folder)

    def _load_parts(self, folder):
        self.max_length = self.run.config().get("max_length", self.settings.max_length)
        self.labels = Labels.load(folder)
        self.use(self.model, read_calibration(folder))
        self.baseline = NgramBaseline.load(folder)
