import tensorflow_text  # noqa: F401 registers the tokenizers' ops

from keras_attn.data import TaggedText, read_tagged_text
from keras_attn.tasks import tagging_training as learning
from keras_attn.tasks.seen_texts import known_of_test, save_training_keys, training_keys
from keras_attn.tasks.tagger import Tagger
from keras_attn.tasks.tagging_answers import Asked
from keras_attn.tasks.tagging_export import export_tagging
from keras_attn.tasks.tagging_labels import TagSet
from keras_attn.tasks.tagging_measures import TagMeasures, check_seqeval
from keras_attn.tasks.tagging_report import report_sections
from keras_attn.tasks.task import Task, check_explained, say
from keras_attn.tasks.texts import check_texts, warn_of_unreadable
from keras_attn.tasks.training_run import TrainingRun
from keras_attn.training.report import write_page

_OF_VALIDATION = ("f1", "token_accuracy", "label_accuracy")


class Tagging(Task):
    """Finds entities in texts, such as names or what an order is made of, and tells what a text is as a whole.

    Args:
        preset: Name of a preset, see `keras-attn presets`.
        **settings: What differs from the preset: any field of `TaggingSettings`.

    Raises:
        ValueError: If the preset or a setting is unknown (the nearest is named) or of a wrong type.

    Example:
        >>> from keras_attn import Tagging
        >>> Tagging(preset="tiny", dropout=0.1).settings.dropout
        0.1
    """

    name = "tagging"

    def __init__(self, preset="tiny", **settings):
        super().__init__(preset, **settings)
        self.tag_set = None
        self.baselines = []
        self.label_baseline = None
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
        """Learns from tagged sentences and keeps the epoch that validates best.

        Args:
            data: One path or several, see `read_tagged_text`, or a `TaggedText`.
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
            Dict of the best epoch's validation metrics, and of the baselines' on the validation.

        Raises:
            FileNotFoundError: If a file is missing.
            FileExistsError: If `run` already holds a run.
            ValueError: If a file is malformed, or there is nothing to find or to tell apart.
            CheckpointError: If `resume` finds no checkpoint that can be read.
            RunInUseError: If another process trains in `run`.
            RuntimeError: If seqeval is not installed, or TensorBoard is asked for and is not.
            WorkerLostError: If another of many workers is gone.
            DivergenceError: If the loss diverges although the training went back to a checkpoint with half the learning
                rate three times; what was good is kept in `run`.
            Terminated: After SIGTERM, when a checkpoint is saved, as KeyboardInterrupt after Ctrl-C.
        """
        check_seqeval()
        data, validation = self.read(data, "training"), self.read(validation, "validation")
        tag_set, validation, notes = learning.look_through(data, validation)
        say(*notes[1:])
        described = {"texts": len(data.words), "validation_texts": len(validation.words), "data": data.fingerprint()}
        how = {"deterministic": deterministic, "tensorboard": tensorboard, "wandb": wandb, "command": command}
        how |= {"strategy": strategy, "max_minutes": max_minutes, "resume": resume, "loss_unit": "nats a word"}
        with TrainingRun(self, run, described, self.settings.monitor, **how) as training:
            self.tag_set = tag_set
            batches = learning.begin(self, training, data, validation)
            if batches.truncated:
                notes.append(f"{batches.truncated} sentences are longer than `max_length` words and were cut.")
                say(notes[-1])
            held_out = learning.make_batches(self, validation, shuffle=False)
            training.fit(batches, held_out, lambda: self._validation_figures(validation))
            self.use(training.best_model())
            self.baselines, self.label_baseline = learning.load_baselines(self.run.path)
            if not self.baselines:
                self.baselines, self.label_baseline = learning.train_baselines(self, data, validation)
            self._save_parts(self.run.path)
            best = training.report(self._sections(validation, self.answers(validation.words), notes))
        own = {name: best[name] for name in (*_OF_VALIDATION, "val_loss") if name in best}
        return {**own, **self._baseline_figures(validation)}

    def evaluate(self, data, progress=None, report=None):
        """Tags the words of sentences and compares with the given tags.

        Args:
            data: One path or several, or a `TaggedText`.
            progress: Called with the number of sentences done so far, or None.
            report: Folder to write `report.md` into, or None.

        Returns:
            Dict of f1, precision, recall and macro_f1 of entities, token_accuracy, sentence_accuracy and, with labels,
            label_accuracy, from 0 to 100; of the baselines' f1 and token_accuracy. And counts: sentences left out for a
            type or label that the training did not know, sentences that the training had, sentences that repeat
            another one.

        Raises:
            RuntimeError: If the task is not trained, or seqeval is not installed.
            ValueError: If the data cannot be read, or hold nothing that is known.
        """
        self.check_trained()
        check_seqeval()
        data = self.read(data, "test")
        known, counts = known_of_test(self.tag_set, data, self.run, "types or labels")
        answers = self.answers(known.words, progress=progress)
        if report is not None:
            notes = [f"{name.replace('_', ' ')}: {count} sentences" for name, count in counts.items()]
            write_page(report, f"Tagging of {len(known)} sentences", lambda _: self._sections(known, answers, notes))
        return {**self._measured(known, answers).summary(), **self._baseline_figures(known), **counts}

    def predict(self, texts, batch_size=64):
        """Finds the entities of texts.

        Args:
            texts: List of texts.
            batch_size: Texts tagged at a time.

        Returns:
            For each text the list of its `Entity`s.

        Raises:
            RuntimeError: If the task is not trained.
            ValueError: If `texts` is no list of texts.
        """
        return [found.entities() for found in self.tag(texts, batch_size)]

    def tag(self, texts, batch_size=64, progress=None):
        """Tags the words of texts.

        Args:
            texts: List of texts.
            batch_size: Texts tagged at a time.
            progress: Called with the number of texts done so far, or None.

        Returns:
            List of `Tagged`.

        Raises:
            RuntimeError: If the task is not trained.
            ValueError: If `texts` is no list of texts.
        """
        check_texts("texts", texts)
        return self.answers(texts, batch_size, progress)

    def explain(self, text, word=None):
        """Shows where the words of a text look before they are tagged.

        Args:
            text: A text.
            word: A word of it, or the number of its place from 0; None for all words.

        Returns:
            An `AttentionMap` of all words; of one word a `TokenWeights`.

        Raises:
            RuntimeError: If the task is not trained.
            ValueError: If the text is empty or has no such word.
        """
        self.check_trained()
        check_explained(text)
        return self._ask().attention(text) if word is None else self._ask().word_weights(text, word)

    def export(self, folder, examples=None):
        """Writes the trained model, with its tokenizer, as the next version in a model's folder, for TF Serving.

        Args:
            folder: The model's folder, such as `saved_models/orders`.
            examples: Texts by which to compare the export with the task, and to warm a server up; some of the
                validation when None.

        Returns:
            The folder of the new version.

        Raises:
            RuntimeError: If the task is not trained.
            ExportError: If the folder cannot be written, or what was written does not answer as the task does.
        """
        self.check_trained()
        return export_tagging(self, self._ask().tagger, folder, examples)

    def read(self, data, purpose):
        """Reads tagged sentences as the settings say, and reports those left out.

        Args:
            data: One path or several, or a `TaggedText`.
            purpose: What the sentences are for, such as "training".

        Returns:
            A `TaggedText`.
        """
        if not isinstance(data, TaggedText):
            settings = self.settings
            data = read_tagged_text(data, settings.word_column, settings.tag_column, settings.scheme)
        if data.skipped:
            say(data.skipped_report(purpose))
        return data

    def answers(self, texts, batch_size=64, progress=None):
        """Tags texts or given words, and warns of texts that the tokenizer cannot read.

        Args:
            texts: List of texts, or of lists of words.
            batch_size: Texts tagged at a time.
            progress: Called with the number of texts done so far, or None.

        Returns:
            List of `Tagged`. Of a text of more than `max_length` words only the first are there; given words are all
            there, those behind with the tag O.

        Raises:
            RuntimeError: If the task is not trained.
        """
        found, unknown_shares = self._ask().tag(texts, batch_size, progress)
        warn_of_unreadable(unknown_shares, stacklevel=3)
        return found

    def use(self, model):
        """Takes other weights for what follows.

        Args:
            model: A model made by `models.tagger`.
        """
        self.model = model
        self._asked = None

    def _ask(self):
        self.check_trained()
        if self._asked is None:
            tagger = Tagger(self.model, self.tokenizer, self.settings.word_rule, self.settings.max_length)
            self._asked = Asked(tagger, self.tag_set)
        return self._asked

    def _measured(self, data, answers):
        labels = None if self.tag_set.labels is None else [found.label for found in answers]
        return TagMeasures(data, [found.tags for found in answers], labels)

    def _validation_figures(self, data):
        found = self._measured(data, self.answers(data.words)).summary()
        return {name: found[name] for name in _OF_VALIDATION if name in found}

    def _baseline_measures(self, data):
        return {baseline.name: TagMeasures(data, baseline.tag(data.words)) for baseline in self.baselines}

    def _label_baseline_accuracy(self, data):
        return self.label_baseline and learning.label_accuracy(self.label_baseline, self.tag_set, data)

    def _baseline_figures(self, data):
        found = {}
        for name, measures in self._baseline_measures(data).items():
            summary = measures.summary()
            found |= {f"{name}_{figure}": summary[figure] for figure in ("f1", "token_accuracy")}
        if self.label_baseline is not None:
            found["baseline_label_accuracy"] = self._label_baseline_accuracy(data)
        return found

    def _sections(self, data, answers, notes):
        """The sections of a report on some sentences."""
        measures, baselines = self._measured(data, answers), self._baseline_measures(data)
        return report_sections(measures, baselines, self._label_baseline_accuracy(data), answers, notes)

    def _save_parts(self, folder):
        self.tag_set.save(folder)
        save_training_keys(folder, training_keys(self.run))
        learning.save_baselines(folder, self.baselines, self.label_baseline)

    def _load_parts(self, folder):
        self.tag_set = TagSet.load(folder)
        self.baselines, self.label_baseline = learning.load_baselines(folder)
