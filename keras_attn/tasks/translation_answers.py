"""How a trained translator is asked: texts in batches, answers in the order of the texts."""

import dataclasses
import warnings
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from keras_attn.tasks.search_plan import make_plan
from keras_attn.tasks.texts import as_tensor, check_texts


class Answer(NamedTuple):
    """One translation of a text.

    Args:
        text: The translation.
        score: Its log-probability, divided by the length penalty; with a coverage penalty that is in it too.
        tokens: Its pieces, the end included. This and what follows are None where no details were asked for.
        token_scores: The log-probability of each.
        source_tokens: The pieces of the text, the end included.
        alignment: float array [T, S]: how much the model looked at each piece of the text, for each of the answer.
    """

    text: str
    score: float
    tokens: list | None = None
    token_scores: list | None = None
    source_tokens: list | None = None
    alignment: np.ndarray | None = None


class PairScore(NamedTuple):
    """How likely a translation is that was given.

    Args:
        score: The sum of its token scores.
        tokens: Its pieces, the end included.
        token_scores: The log-probability of each, after those before it.
    """

    score: float
    tokens: list
    token_scores: list


class Answers:
    """Asks a translator, and traces its search once for each set of options.

    Args:
        translator: A `Translator`.
        settings: The `TranslationSettings` that it was trained with.
    """

    def __init__(self, translator, settings):
        self.translator = translator
        self.settings = settings
        self._functions = {}
        self._score = tf.function(translator.score, input_signature=2 * [_TEXTS], autograph=False)

    def nbest(self, texts, options, batch_size=64, progress=None, details=False):
        """Translates texts.

        Args:
            texts: List of texts.
            options: `SearchOptions`.
            batch_size: Texts translated at a time.
            progress: Called with the number of texts done so far, or None.
            details: Whether to fill in all of `Answer`.

        Returns:
            For each text a list of `Answer`s, best first; an empty list where the options leave none.

        Raises:
            ValueError: If the options do not fit the model or each other, or `texts` is no list of texts.
        """
        check_texts("texts", texts)
        prefixes = options.prefix if isinstance(options.prefix, tuple) else [options.prefix] * len(texts)
        if len(prefixes) != len(texts):
            raise ValueError(
                "`prefix` must be one text, or a list with one for each of `texts`. "
                f"Received: {len(prefixes)} prefixes for {len(texts)} texts"
            )
        find, has_prefix = self._function(options, details), any(prefixes)
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        answers = [None] * len(texts)
        for start in range(0, len(order), batch_size):
            rows = order[start : start + batch_size]
            inputs = [texts, prefixes] if has_prefix else [texts]
            found = find(*(as_tensor([each[i] for i in rows]) for each in inputs))
            found = {name: tensor.numpy() for name, tensor in found.items()}
            for row, i in enumerate(rows):
                answers[i] = self._answers_of({name: values[row] for name, values in found.items()})
            if progress is not None:
                progress(start + len(rows))
        return answers

    def best(self, texts, options, batch_size=64):
        """Translates texts, and warns where the options leave no translation.

        Args:
            texts: List of texts.
            options: `SearchOptions`.
            batch_size: Texts translated at a time.

        Returns:
            List of translations, "" where there is none.
        """
        answers = self.nbest(texts, options, batch_size)
        missing = answers.count([])
        if missing:
            warnings.warn(
                f"{missing} texts have no answer that the options allow; an empty one stands in its place.",
                stacklevel=3,
            )
        return [found[0].text if found else "" for found in answers]

    def score(self, sources, targets, batch_size=64, progress=None):
        """Asks how likely given translations are.

        Args:
            sources: List of texts.
            targets: List of their translations.
            batch_size: Pairs scored at a time.
            progress: Called with the number of pairs done so far, or None.

        Returns:
            List of `PairScore`s.

        Raises:
            ValueError: If the lists are no texts, or of different lengths.
        """
        check_texts("sources", sources)
        check_texts("targets", targets)
        if len(sources) != len(targets):
            raise ValueError(
                "Each source needs one target. "
                f"Received: sources of length {len(sources)}, targets of length {len(targets)}"
            )
        self._warn_of_long(sources, targets)
        order = sorted(range(len(sources)), key=lambda i: len(sources[i]) + len(targets[i]))
        scores = [None] * len(sources)
        for start in range(0, len(order), batch_size):
            rows = order[start : start + batch_size]
            found = self._score(*(as_tensor([texts[i] for i in rows]) for texts in (sources, targets)))
            for i, total, ids, of_tokens in zip(rows, *(tensor.numpy() for tensor in found), strict=True):
                length = np.count_nonzero(ids)
                tokens = self.translator.tokenizer.pieces(ids[:length])
                scores[i] = PairScore(float(total), tokens, of_tokens[:length].tolist())
            if progress is not None:
                progress(start + len(rows))
        return scores

    def _function(self, options, details):
        """The traced search; prefixes are an input of it, and not part of what it is traced for."""
        plan = make_plan(options, self.settings, self.translator.tokenizer)  # which checks, so also where it is known
        has_prefix = any(options.prefix)
        key = dataclasses.replace(options, prefix=""), has_prefix, details

        def find(texts, prefixes=None):
            source = self.translator.source_ids(texts)
            ids, scores = self.translator.find(source, plan, prefixes)
            found = dict(zip(("text", "score"), self.translator.texts(source, ids, scores), strict=True))
            if details:
                found |= {"source": source, "ids": ids, "token_scores": self.translator.token_scores(source, ids)}
                found["alignment"] = self.translator.alignment(source, ids)
            return found

        if key not in self._functions:
            signature = (1 + has_prefix) * [_TEXTS]
            self._functions[key] = tf.function(find, input_signature=signature, autograph=False)
        return self._functions[key]

    def _answers_of(self, found):
        """The answers to one text; those of which the score is -inf do not exist."""
        answers = []
        for place, (text, score) in enumerate(zip(found["text"], found["score"], strict=True)):
            if score > -np.inf:
                details = self._details_of(found, place) if "ids" in found else ()
                answers.append(Answer(text.decode("utf-8"), float(score), *details))
        return answers

    def _details_of(self, found, place):
        pieces = self.translator.tokenizer.pieces
        source_length = np.count_nonzero(found["source"])
        written = np.flatnonzero(found["ids"][place])
        length = written[-1] + 1 if source_length > 1 and written.size else 0  # of nothing nothing is said
        return (
            pieces(found["ids"][place, :length]),
            found["token_scores"][place, :length].tolist(),
            pieces(found["source"][:source_length]),
            found["alignment"][place, :length, :source_length],
        )

    def _warn_of_long(self, *lists):
        longest = self.translator.max_length - 1
        lengths = [self.translator.tokenizer.tokenize(as_tensor(texts)).row_lengths().numpy() for texts in lists]
        cut = int((np.concatenate(lengths) > longest).sum())
        if cut:
            warnings.warn(f"{cut} texts are longer than {longest} tokens and were cut before scoring.", stacklevel=3)


_TEXTS = tf.TensorSpec([None], tf.string)
