import dataclasses

import numpy as np
import sacrebleu
import tensorflow as tf
import tensorflow_text  # noqa: F401 registers the tokenizers' ops

from keras_attn.data import ParallelText, TokenCache, read_parallel_text
from keras_attn.explain import AttentionMap
from keras_attn.tasks.pair_shards import PairShards
from keras_attn.tasks.search_options import make_options
from keras_attn.tasks.search_plan import make_plan
from keras_attn.tasks.task import Task, check_explained, say
from keras_attn.tasks.training_run import TrainingRun
from keras_attn.tasks.translation_answers import Answers
from keras_attn.tasks.translation_batches import make_batches
from keras_attn.tasks.translation_export import export_translation
from keras_attn.tasks.translation_model import build_model
from keras_attn.tasks.translator import Translator
from keras_attn.text import load_tokenizer, train_tokenizer
from keras_attn.training import RunFolder


class Translation(Task):
    """Translates texts, after learning it from pairs of them.

    Args:
        preset: Name of a preset, see `keras-attn presets`.
        **settings: What differs from the preset: any field of `TranslationSettings`.

    Raises:
        ValueError: If the preset or a setting is unknown (the nearest is named) or of a wrong type.

    Example:
        >>> from keras_attn import Translation
        >>> Translation(preset="tiny", dropout=0.1).settings.dropout
        0.1
    """

    name = "translation"

    def __init__(self, preset="tiny", **settings):
        super().__init__(preset, **settings)
        self._others = []  # further models of an ensemble
        self._answers = None

    @classmethod
    def ensemble(cls, folders):
        """Makes a task of several trained ones, which translate together: `predict`, `evaluate` and so on.

        Args:
            folders: Run folders, each trained with the same vocabulary.

        Returns:
            The task, with the settings of the first run. It cannot be saved; its parts are.

        Raises:
            FileNotFoundError: If a folder holds no run.
            ValueError: If there is no folder, or their vocabularies differ.
            CheckpointError: If no checkpoint can be read.
        """
        if isinstance(folders, str) or not folders:
            raise ValueError(f"`folders` must be a list of one or more run folders. Received: folders={folders!r}")
        first, *others = (cls.load(folder) for folder in folders)
        vocabulary = _files(RunFolder(folders[0]).tokenizer_path)
        for folder in folders[1:]:
            if _files(RunFolder(folder).tokenizer_path) != vocabulary:
                raise ValueError(
                    "An ensemble needs runs of one vocabulary: train the others on the same texts with the same "
                    f"tokenizer settings. Received: {str(folder)!r}, which differs from {str(folders[0])!r}"
                )
        max_length = min(task.settings.max_length for task in (first, *others))
        first.settings = dataclasses.replace(first.settings, max_length=max_length)
        first._others = [other.model for other in others]
        return first

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
        """Learns from pairs of texts and keeps the epoch that validates best.

        Args:
            data: Two paths (source, target), one `.tsv` or `.jsonl` path, a `ParallelText`, or `PairShards`.
            validation: The same but for the last, for validation.
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
            Dict of the best epoch's validation metrics.

        Raises:
            FileNotFoundError: If a file is missing.
            FileExistsError: If `run` already holds a run.
            ValueError: If a file is malformed (file and line are named) or too small for the vocabulary.
            CheckpointError: If `resume` finds no checkpoint that can be read.
            RunInUseError: If another process trains in `run`.
            RuntimeError: If TensorBoard or Weights & Biases is asked for and not installed.
            WorkerLostError: If another of many workers is gone.
            DivergenceError: If the loss diverges although the training went back to a checkpoint with half the learning
                rate three times; what was good is kept in `run`.
            Terminated: After SIGTERM, when a checkpoint is saved, as KeyboardInterrupt after Ctrl-C.
        """
        settings = self.settings
        data = self._tokenized(data) if isinstance(data, PairShards) else _pairs(data, "training")
        validation = _pairs(validation, "validation")
        counts = {"pairs": len(data.sources), "validation_pairs": len(validation.sources)}
        described = {**counts, "data": data.fingerprint()}
        how = {"deterministic": deterministic, "tensorboard": tensorboard, "wandb": wandb, "command": command}
        how |= {"strategy": strategy, "max_minutes": max_minutes, "resume": resume}
        with TrainingRun(self, run, described, settings.monitor, **how) as training:
            self.tokenizer = training.tokenizer(lambda: self._train_tokenizer(data))
            batches = make_batches(data, self.tokenizer, settings, training=True)
            if batches.truncated:
                longest = f"longer than {settings.max_length} tokens"
                say(f"{batches.truncated} texts are {longest} and were cut (max_length).")
            if settings.schedule == "cosine" and settings.total_steps is None:
                total_steps = settings.epochs * len(batches) // settings.accumulate
                settings = dataclasses.replace(settings, total_steps=total_steps)
            with training.scope():
                self._use(build_model(settings, self.tokenizer.vocabulary_size))
            training.start(validation.sources[:16])
            held_out = make_batches(validation, self.tokenizer, settings, training=False)
            training.fit(batches, held_out, self._validate(validation))
            self._use(training.best_model())
            best = training.report()
        return {name: best[name] for name in best if name.startswith("val_") or name == settings.monitor}

    def evaluate(self, data, beam_size=None, progress=None, **options):
        """Translates and compares with the given translations.

        Args:
            data: Two paths (source, target), one `.tsv` or `.jsonl` path, or a `ParallelText`.
            beam_size: Hypotheses of the search; the setting when None.
            progress: Called with the number of texts done so far, or None.
            **options: Other fields of `SearchOptions`.

        Returns:
            Dict of `bleu` (sacreBLEU on raw text), `bleu_tokenized` (on text that is tokenized already,
            `tokenize=none`), `chrf` and `exact_match`, each from 0 to 100.
        """
        data = _pairs(data, "test")
        answers = self.nbest(data.sources, 1, beam_size, progress=progress, **options)
        return self.score([best[0].text if best else "" for best in answers], data.targets)

    def score(self, answers, references):
        """Compares translations with references.

        Args:
            answers: List of translations.
            references: List of the right ones.

        Returns:
            Dict as `evaluate` gives it.
        """
        values = {name: metric.corpus_score(answers, [references]).score for name, metric in _metrics().items()}
        exact = np.mean([answer == reference for answer, reference in zip(answers, references, strict=True)])
        return {**values, "exact_match": 100.0 * float(exact)}

    def signatures(self):
        """Gives the sacreBLEU signature of each metric that has one, to quote beside the figure.

        Returns:
            Dict of metric -> signature.
        """
        signatures = {}
        for name, metric in _metrics().items():
            metric.corpus_score([""], [[""]])
            signatures[name] = str(metric.get_signature())
        return signatures

    def predict(self, texts, beam_size=None, batch_size=64, **options):
        """Translates texts.

        Args:
            texts: List of texts.
            beam_size: Hypotheses of the search; the setting when None, 1 for greedy.
            batch_size: Texts translated at a time.
            **options: Other fields of `SearchOptions`, such as `prefix`, `ban` or `sample`; see docs/decoding.md.

        Returns:
            List of translations. Where the options leave none, "" with a warning.

        Raises:
            RuntimeError: If the task is not trained.
            ValueError: If an option is unknown, out of its range, or contradicts another one or the model.
        """
        return self._asked().best(texts, make_options(beam_size=beam_size, **options), batch_size)

    def nbest(self, texts, num_results, beam_size=None, batch_size=64, progress=None, details=False, **options):
        """Translates texts in several ways.

        Args:
            texts: List of texts.
            num_results: Translations a text.
            beam_size: Hypotheses of the search, at least `num_results`; when None the setting, or `num_results` if
                that is more.
            batch_size: Texts translated at a time.
            progress: Called with the number of texts done so far, or None.
            details: Whether the answers tell their tokens, the score of each and the alignment too.
            **options: Other fields of `SearchOptions`, such as `prefix`, `ban` or `sample`; see docs/decoding.md.

        Returns:
            For each text a list of `Answer`s, best first; fewer than `num_results` where there are no more.

        Raises:
            RuntimeError: If the task is not trained.
            ValueError: If an option is unknown, out of its range, or contradicts another one or the model, or `texts`
                is a single text.
        """
        options = make_options(beam_size=beam_size, num_results=num_results, **options)
        return self._asked().nbest(texts, options, batch_size, progress, details)

    def score_pairs(self, sources, targets, batch_size=64, progress=None):
        """Asks how likely given translations are.

        Args:
            sources: List of texts.
            targets: List of their translations.
            batch_size: Pairs scored at a time.
            progress: Called with the number of pairs done so far, or None.

        Returns:
            List of `PairScore(score, tokens, token_scores)`, log-probabilities.

        Raises:
            RuntimeError: If the task is not trained.
            ValueError: If the lists are no texts, or of different lengths.
        """
        return self._asked().score(sources, targets, batch_size, progress)

    def save(self, folder):
        """Writes a folder from which `load` makes this task again, without the training's history.

        Args:
            folder: A folder that does not exist or is empty.

        Raises:
            FileExistsError: If the folder holds anything.
            RuntimeError: If the task has not been trained, or is an ensemble.
        """
        if self._others:
            raise RuntimeError(
                "An ensemble is not saved: its parts are, in their run folders. Received: a task made by `ensemble`"
            )
        super().save(folder)

    def explain(self, text, beam_size=None):
        """Shows where the model looked while it translated.

        Args:
            text: A text.
            beam_size: Hypotheses of the search; the setting when None.

        Returns:
            An `AttentionMap` of the cross-attention, over the pieces of the text and of its translation.

        Raises:
            RuntimeError: If the task is not trained.
            ValueError: If the text is empty.
        """
        self.check_trained()
        check_explained(text)
        translator = self._translator()
        source = translator.source_ids(tf.constant([text]))
        target = translator.find(source, self._plan(beam_size)).ids[:, 0]  # [1, T]
        target = target[:, : tf.math.count_nonzero(target)]
        layers = [layer.numpy()[0] for layer in translator.cross_attention(source, target)]  # [N, T, S] each
        if len({len(layer) for layer in layers}) > 1:  # of an ensemble
            layers = [layer.mean(axis=0, keepdims=True) for layer in layers]
        scores = np.stack(layers)  # [L, N, T, S]
        pieces = [self.tokenizer.pieces(ids.numpy()[0]) for ids in (source, target)]
        return AttentionMap(*pieces, scores)

    def export(self, folder, format="savedmodel", quantize=None, dtype=None, examples=None, shortlist=None):
        """Writes the trained model, with its tokenizer, as the next version in a model's folder; see docs/export.md.

        Args:
            folder: The model's folder, such as `saved_models/en-de`.
            format: "savedmodel" (text in, text out, the whole search in the graph), "ctranslate2", "onnx" or "litert".
            quantize: "int8" to store the matrices in 8 bits (savedmodel, ctranslate2).
            dtype: "float32" or "bfloat16" to compute in; as it was trained when None (savedmodel, ctranslate2).
            examples: Texts by which to compare the export with the task, and to warm a server up; some of the
                validation when None.
            shortlist: Pairs, a `ParallelText` such as that of the training, from which to learn what the pieces of a
                text can become: only of that are the translations then made, which is faster (savedmodel).

        Returns:
            The folder of the new version.

        Raises:
            RuntimeError: If the task is not trained.
            ValueError: If the format, or what is asked of it, is unknown.
            ExportError: If the folder cannot be written, the format cannot express the model, or what was written does
                not answer as the task does.
        """
        self.check_trained()
        models, strategy = [self.model, *self._others], self._plan().strategy
        return export_translation(self, models, strategy, folder, format, quantize, dtype, examples, shortlist)

    def _tokenized(self, shards):
        if self.settings.bpe_dropout:
            raise ValueError(
                "A token cache holds one sequence of tokens a text, so no merges can be left out: set bpe_dropout=0, "
                f"or read the texts into memory. Received: bpe_dropout={self.settings.bpe_dropout}"
            )
        names = ("tokenizer", "vocabulary_size", "lowercase", "split_digits")
        return shards.tokenize(self._train_tokenizer, {name: getattr(self.settings, name) for name in names})

    def _train_tokenizer(self, data):
        settings = self.settings
        if isinstance(data, TokenCache):
            return load_tokenizer(data.folder / "tokenizer")
        return train_tokenizer(
            settings.tokenizer,
            [*data.sources, *data.targets],
            None if settings.tokenizer == "character" else settings.vocabulary_size,
            settings.lowercase,
            settings.split_digits,
        )

    def _validate(self, validation):
        """Makes what is called after each epoch."""
        settings = self.settings
        limit = settings.validation_limit
        held_out = ParallelText(validation.sources[:limit], validation.targets[:limit])
        if settings.monitor == "val_loss":
            return dict
        return lambda: {settings.monitor: self.evaluate(held_out, beam_size=1)[settings.monitor]}

    def _use(self, model):
        self.model = model
        self._others = []
        self._answers = None

    def _translator(self):
        return Translator([self.model, *self._others], self.tokenizer, self.settings.max_length)

    def _asked(self):
        """What answers texts; it keeps what it has traced."""
        self.check_trained()
        if self._answers is None:
            self._answers = Answers(self._translator(), self.settings)
        return self._answers

    def _plan(self, beam_size=None):
        return make_plan(make_options(beam_size=beam_size), self.settings, self.tokenizer)


def _metrics():
    return {
        "bleu": sacrebleu.BLEU(force=True),  # no advice on standard error at every validation
        "bleu_tokenized": sacrebleu.BLEU(tokenize="none", force=True),
        "chrf": sacrebleu.CHRF(),
    }


def _pairs(data, purpose):
    pairs = data if isinstance(data, ParallelText) else read_parallel_text(data)
    if pairs.skipped:
        say(pairs.skipped_report(purpose))
    return pairs


def _files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}
