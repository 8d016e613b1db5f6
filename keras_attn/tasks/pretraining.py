import numpy as np

from keras_attn.data import LanguageBatches, PlainText, TokenMasking, read_plain_text
from keras_attn.tasks.pretraining_model import LanguageScores, build_model
from keras_attn.tasks.pretraining_start import start_from_neighbours
from keras_attn.tasks.task import Task, say
from keras_attn.tasks.texts import as_tensor
from keras_attn.tasks.training_run import TrainingRun
from keras_attn.text import train_tokenizer

_MONITOR = "perplexity"
_HELD_OUT = 50  # of so many texts one is kept for the validation, where no other is given


class Pretraining(Task):
    """Learns a language from plain text, so that other tasks can start from what it has learnt.

    Args:
        preset: Name of a preset, see `keras-attn presets`.
        **settings: What differs from the preset: any field of `PretrainingSettings`.

    Raises:
        ValueError: If the preset or a setting is unknown (the nearest is named) or of a wrong type.

    Example:
        >>> from keras_attn.tasks import Pretraining
        >>> Pretraining(objective="causal").settings.objective
        'causal'
    """

    name = "pretraining"

    def fit(
        self,
        data,
        run,
        validation=None,
        max_minutes=None,
        resume=False,
        deterministic=False,
        tensorboard=False,
        wandb=False,
        strategy="auto",
        command=None,
    ):
        """Learns from texts and keeps the epoch that validates best.

        Args:
            data: A path or a list of paths, as `data.read_plain_text` reads them, or a `PlainText`.
            run: Run folder to write; it must not hold a run unless `resume`.
            validation: The same as `data`, for validation; every fiftieth text of `data` when None, left out there.
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
            ValueError: If a file is malformed (file and line are named), or there are too few texts.
            CheckpointError: If `resume` finds no checkpoint that can be read.
            RunInUseError: If another process trains in `run`.
            RuntimeError: If TensorBoard or Weights & Biases is asked for and not installed.
            WorkerLostError: If another of many workers is gone.
            DivergenceError: If the loss diverges although the training went back to a checkpoint with half the learning
                rate three times; what was good is kept in `run`.
            Terminated: After SIGTERM, when a checkpoint is saved, as KeyboardInterrupt after Ctrl-C.
        """
        data = self._texts(data, "training")
        if validation is None:
            data, validation = _held_out(data)
        else:
            validation = self._texts(validation, "validation")
        described = {"texts": len(data.texts), "validation_texts": len(validation.texts), "data": data.fingerprint()}
        how = {"max_minutes": max_minutes, "resume": resume, "deterministic": deterministic, "command": command}
        how |= {"tensorboard": tensorboard, "wandb": wandb, "strategy": strategy}
        with TrainingRun(self, run, described, _MONITOR, "min", **how) as training:
            self.tokenizer = training.tokenizer(lambda: self._train_tokenizer(data))
            sequences = self._sequences(data)
            batches = self._batches(sequences, shuffle=True)
            held_out = self._batches(self._sequences(validation), shuffle=False)
            total_steps = self.settings.epochs * len(batches)
            with training.scope():
                self.model = build_model(self.settings, self.tokenizer.vocabulary_size, total_steps)
            if self.settings.start == "neighbours" and not training.resumed:
                start_from_neighbours(self.model, sequences)
            training.start(validation.texts[:16])
            scores, measured = LanguageScores(self.model), held_out.as_dataset()
            training.fit(batches, held_out, lambda: scores.measure(measured))
            self.model = training.best_model()
            best = training.report()
        return {name: best[name] for name in ("val_loss", "perplexity", "accuracy") if name in best}

    def evaluate(self, data):
        """Measures how well the model guesses tokens of other texts.

        Args:
            data: A path or a list of paths, as `data.read_plain_text` reads them, or a `PlainText`.

        Returns:
            Dict of `perplexity`, `exp(-mean log p)` of the tokens to be guessed, which are always the same ones, and
            `accuracy` from 0 to 100: how often the right token is ranked first.

        Raises:
            RuntimeError: If the task is not trained.
        """
        self.check_trained()
        batches = self._batches(self._sequences(self._texts(data, "test")), shuffle=False)
        return LanguageScores(self.model).measure(batches.as_dataset())

    def _texts(self, data, purpose):
        texts = data if isinstance(data, PlainText) else read_plain_text(data, self.settings.text_column)
        if texts.skipped:
            say(texts.skipped_report(purpose))
        return texts

    def _train_tokenizer(self, data):
        settings = self.settings
        size = None if settings.tokenizer == "character" else settings.vocabulary_size
        return train_tokenizer(settings.tokenizer, data.texts, size, settings.lowercase, or_fewer=True)

    def _sequences(self, texts):
        """The ids of each text, without start and end."""
        ids = self.tokenizer.tokenize(as_tensor(texts.texts))
        return np.split(ids.values.numpy(), ids.row_splits.numpy()[1:-1])

    def _batches(self, sequences, shuffle):
        settings, tokenizer = self.settings, self.tokenizer
        masking = None
        if settings.objective == "masked":
            special = {getattr(tokenizer, f"{name}_id") for name in ("padding", "start", "end", "unknown", "mask")}
            masking = TokenMasking(tokenizer.word_starts(), tokenizer.mask_id, special, settings.masked_share)
        return LanguageBatches(
            sequences,
            masking,
            batch_tokens=settings.batch_tokens,
            max_length=settings.max_length,
            num_buckets=settings.num_buckets,
            shuffle=shuffle,
            seed=settings.seed,
            start_id=tokenizer.start_id,
            end_id=tokenizer.end_id,
        )


def _held_out(data):
    """The texts without every fiftieth, and those."""
    if len(data.texts) < _HELD_OUT:
        raise ValueError(
            f"There are too few texts to keep some for the validation, of {_HELD_OUT} one: give a `validation` of its "
            f"own. Received: {len(data.texts)} texts"
        )
    kept = [text for i, text in enumerate(data.texts) if (i + 1) % _HELD_OUT]
    return PlainText(kept), PlainText(data.texts[_HELD_OUT - 1 :: _HELD_OUT])
