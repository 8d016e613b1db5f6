import contextlib
import sys
import warnings

import keras
import numpy as np
import tensorflow as tf

from keras_attn.data import LanguageBatches, PlainText, TokenMasking, read_plain_text
from keras_attn.tasks.pretraining_model import LanguageScores, build_model
from keras_attn.tasks.task import Task
from keras_attn.tasks.texts import as_tensor
from keras_attn.text import load_tokenizer, train_tokenizer
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

    def fit(self, data, run, validation=None, max_minutes=None, resume=False, deterministic=False, command=None):
        """Learns from texts and keeps the epoch that validates best.

        Args:
            data: A path or a list of paths, as `data.read_plain_text` reads them, or a `PlainText`.
            run: Run folder to write; it must not hold a run unless `resume`.
            validation: The same as `data`, for validation; every fiftieth text of `data` when None, left out there.
            max_minutes: Minutes after which to stop, those before a `resume` counted.
            resume: Go on from the newest checkpoint of `run`.
            deterministic: Compute so that a run that is killed and resumed ends, on the same machine's CPU, with the
                very weights of an undisturbed one. Holds for the whole process, and for every resume of the run.
            command: The command that was called, for the report; the Python call when None.

        Returns:
            Dict of the best epoch's validation metrics.

        Raises:
            FileNotFoundError: If a file is missing.
            FileExistsError: If `run` already holds a run.
            ValueError: If a file is malformed (file and line are named), or there are too few texts.
            CheckpointError: If `resume` finds no checkpoint that can be read.
            RunInUseError: If another process trains in `run`.
            DivergenceError: If the loss diverges although the training went back to a checkpoint with half the learning
                rate three times; what was good is kept in `run`.
            Terminated: After SIGTERM, when a checkpoint is saved, as KeyboardInterrupt after Ctrl-C.
        """
        data = self._texts(data, "training")
        if validation is None:
            data, validation = _held_out(data)
        else:
            validation = self._texts(validation, "validation")
        command = command or f"Pretraining(preset={self.preset!r}).fit(..., run={str(run)!r})"
        before = self.tokenizer, self.model
        try:
            with contextlib.ExitStack() as stack:
                folder, batches, state = self._begin(stack, data, validation, RunFolder(run), resume, deterministic)
                if not self.is_over(state, max_minutes):
                    self._train(folder, batches, validation, state, max_minutes, command)
                self.model, state = folder.load_checkpoint("best")
                self.run = folder
                best = self._report(folder, command, state["epoch"])
                return {name: best[name] for name in ("val_loss", "perplexity", "accuracy") if name in best}
        except BaseException:  # Ctrl-C too: the task stays what it was
            self.tokenizer, self.model = before
            raise

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
        batches = self._batches(self._texts(data, "test"), shuffle=False)
        return LanguageScores(self.model).measure(batches.as_dataset())

    def _texts(self, data, purpose):
        texts = data if isinstance(data, PlainText) else read_plain_text(data, self.settings.text_column)
        if texts.skipped:
            shown = "\n  ".join(texts.skipped[:5])
            print(f"{len(texts.skipped)} {purpose} rows left out, such as:\n  {shown}", file=sys.stderr)
        return texts

    def _begin(self, stack, data, validation, folder, resume, deterministic):
        """Makes tokenizer, batches and model, of a new run or as they were saved; `stack` then holds the folder."""
        settings = self.settings
        resume = resume and folder.holds_run()
        if resume:
            stack.enter_context(folder.lock())
        else:
            folder.check_free()
        if deterministic or (resume and folder.config().get("deterministic")):
            tf.config.experimental.enable_op_determinism()
        keep_freed_memory()
        keras.utils.set_random_seed(settings.seed)
        description = {"texts": len(data.texts), "validation_texts": len(validation.texts), "data": data.fingerprint()}
        if resume:
            self.check_same_run(folder, **description)
            self.tokenizer = load_tokenizer(folder.tokenizer_path)
        else:
            size = None if settings.tokenizer == "character" else settings.vocabulary_size
            self.tokenizer = train_tokenizer(settings.tokenizer, data.texts, size, settings.lowercase, or_fewer=True)
        batches = self._batches(data, shuffle=True)
        self.model = build_model(settings, self.tokenizer.vocabulary_size, settings.epochs * len(batches))
        if not resume:  # only now: settings that do not fit leave no folder behind
            stack.enter_context(folder.lock())
            folder.create(self.config(**description, deterministic=deterministic), self.tokenizer)
            folder.write_examples(validation.texts[:16])
        state = resume_from(folder, self.model) if folder.checkpoints("last") else None
        return folder, batches, state

    def _train(self, folder, batches, validation, state, max_minutes, command):
        settings = self.settings
        held_out, scores = self._batches(validation, shuffle=False).as_dataset(), LanguageScores(self.model)
        recorder = RunRecorder(
            folder,
            batches,
            held_out,
            lambda: scores.measure(held_out),
            _MONITOR,
            mode="min",
            patience=settings.patience,
            max_minutes=max_minutes,
            checkpoint_minutes=settings.checkpoint_minutes,
            state=state,
        )
        progress = ProgressBar(max_minutes, minutes_before=state["seconds"] / 60 if state else 0.0)
        try:
            resumable_fit(self.model, recorder, batches.as_dataset(), settings.epochs, [progress])
        except DivergenceError:
            self._report(folder, command, recorder.state["best_epoch"])
            raise
        finally:
            progress.stop()

    def _report(self, folder, command, best_epoch):
        """Writes the report, and returns the best epoch's line."""
        best = next((line for line in folder.metrics() if line["epoch"] == best_epoch), {})
        title = f"Pretraining ({self.settings.objective}), preset {self.preset}"
        try:
            write_report(folder, title, command, _MONITOR, best)
        except OSError as error:  # a full disk must not cost the trained model
            warnings.warn(f"The report could not be written: {error}", stacklevel=2)
        return best

    def _batches(self, texts, shuffle):
        settings, tokenizer = self.settings, self.tokenizer
        ids = tokenizer.tokenize(as_tensor(texts.texts))
        masking = None
        if settings.objective == "masked":
            special = {getattr(tokenizer, f"{name}_id") for name in ("padding", "start", "end", "unknown", "mask")}
            masking = TokenMasking(tokenizer.word_starts(), tokenizer.mask_id, special, settings.masked_share)
        return LanguageBatches(
            np.split(ids.values.numpy(), ids.row_splits.numpy()[1:-1]),
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
