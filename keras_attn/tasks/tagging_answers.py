"""What a trained tagger says of texts."""

import itertools
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from keras_attn.data.tag_schemes import spans
from keras_attn.explain import AttentionMap, TokenWeights
from keras_attn.tasks.tagger import ragged_words
from keras_attn.tasks.texts import as_tensor


class Entity(NamedTuple):
    """An entity that was found in a text.

    Args:
        type: Its type.
        text: Its words as they stand in the text.
        start: Character at which it begins.
        end: Character behind its last.
    """

    type: str
    text: str
    start: int
    end: int


class Tagged(NamedTuple):
    """What a tagger says of a text.

    Args:
        text: The text.
        words: Its words, as far as they were read.
        tags: A tag for each word, in BIO.
        starts: Character at which each word begins.
        ends: Character behind the last of each word.
        score: Probability of all tags together, from 0 to 1.
        label: The label of the whole; None for a tagger without labels.
        label_score: Its probability.
    """

    text: str
    words: list
    tags: list
    starts: list
    ends: list
    score: float
    label: str | None = None
    label_score: float | None = None

    def entities(self):
        """Finds the entities.

        Returns:
            List of `Entity`.
        """
        places = [(name, self.starts[first], self.ends[last - 1]) for name, first, last in spans(self.tags)]
        return [Entity(name, self.text[start:end], start, end) for name, start, end in places]

    def line(self):
        """Writes words and tags.

        Returns:
            A line of `word/TAG`; words outside of entities stand alone.
        """
        return " ".join(
            word if tag == "O" else f"{word}/{tag}" for word, tag in zip(self.words, self.tags, strict=True)
        )


class Asked:
    """Asks a tagger: texts in batches of like lengths, answers in the order of the texts.

    Args:
        tagger: A `Tagger`.
        tag_set: Its `TagSet`.
    """

    def __init__(self, tagger, tag_set):
        self.tagger = tagger
        self.tag_set = tag_set
        words = [tf.RaggedTensorSpec([None, None], tf.string)]
        self._split = tf.function(tagger.words, input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)
        self._answer = tf.function(self._read, input_signature=words, autograph=False)
        self._look = tf.function(self._attend, input_signature=words, autograph=False)

    def tag(self, texts, batch_size=64, progress=None):
        """Tags texts.

        Args:
            texts: List of texts, or of lists of words.
            batch_size: Texts tagged at a time.
            progress: Called with the number of texts done so far, or None.

        Returns:
            List of `Tagged`, and the share of each text that the tokenizer does not know.
        """
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        found, unknown = [None] * len(texts), np.zeros(len(texts))
        for start in range(0, len(order), batch_size):
            rows = order[start : start + batch_size]
            split = self._split_all([texts[i] for i in rows])
            words = ragged_words([words[: self.tagger.max_length] for _, words, _, _ in split])
            answers = {name: tensor.numpy() for name, tensor in self._answer(words).items()}
            for place, row in enumerate(rows):
                found[row] = self._tagged(split[place], {name: array[place] for name, array in answers.items()})
                unknown[row] = answers["unknown"][place]
            if progress is not None:
                progress(start + len(rows))
        return found, unknown

    def attention(self, text):
        """Shows where each word of a text looks.

        Args:
            text: A text, or a list of words.

        Returns:
            An `AttentionMap` of one layer.
        """
        found = self.tag([text])[0][0]
        read = found.words[: self.tagger.max_length]
        scores = self._look(ragged_words([read])).numpy()[0]  # [N, W, W]
        looking = [word if tag == "O" else f"{word}/{tag}" for word, tag in zip(read, found.tags, strict=False)]
        return AttentionMap(
            read, looking, scores[None], "Attention between words", ("word looked at", "word that looks")
        )

    def word_weights(self, text, word):
        """Shows where one word of a text looks.

        Args:
            text: A text, or a list of words.
            word: The word, at its first place; or the number of the place, from 0.

        Returns:
            A `TokenWeights`.

        Raises:
            ValueError: If the text has no such word.
        """
        shown = self.attention(text)
        places = range(len(shown.source))
        place = word if isinstance(word, int) else next((i for i in places if shown.source[i] == word), None)
        if place not in places:
            raise ValueError(f"The text has no such word; it has {shown.source}. Received: word={word!r}")
        weights = shown.select()[place].tolist()
        return TokenWeights([f"▁{other}" for other in shown.source], weights, f"{shown.target[place]} looks at")

    def _split_all(self, texts):
        """For each text, or list of words: the text, its words, and where they begin and end."""
        plain = [text for text in texts if isinstance(text, str)]
        columns = [part.to_list() for part in self._split(as_tensor(plain))]  # words, starts, ends
        split = zip(*columns, strict=True)
        found = []
        for text in texts:
            if isinstance(text, str):
                words, starts, ends = next(split)
                found.append((text, [word.decode() for word in words], starts, ends))
            else:
                found.append(_joined(list(text)))
        return found

    def _tagged(self, split, answer):
        """What is said of one text, of its words and the dict of its answers."""
        text, words, starts, ends = split
        states = answer["states"]
        tags = [self.tag_set.tags[state] for state in states[states >= 0]]
        tags += ["O"] * (len(words) - len(tags))  # of given words, those behind the last that is read
        label = label_score = None
        if self.tag_set.labels is not None:
            scores = answer["label_scores"]
            label, label_score = self.tag_set.labels[scores.argmax()], float(scores.max())
        return Tagged(text, words, tags, starts, ends, float(answer["score"]), label, label_score)

    def _read(self, words):
        inputs = self.tagger.inputs(words)
        return {**self.tagger.answers(inputs), "unknown": self.tagger.unknown_share(inputs)}

    def _attend(self, words):
        return self.tagger.attention(self.tagger.inputs(words))


def _joined(words):
    """Words between spaces as a text, with them, and where they begin and end."""
    ends = [end - 1 for end in itertools.accumulate(len(word) + 1 for word in words)]
    starts = [end - len(word) for end, word in zip(ends, words, strict=True)]
    return " ".join(words), words, starts, ends
