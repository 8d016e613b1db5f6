"""A tokenizer of characters (Unicode code points)."""

from collections import Counter
from collections.abc import Iterable

import tensorflow as tf

from keras_attn.text.tokenizer import (
    REPLACEMENT_CHARACTER,
    SPECIAL_PIECES,
    UNKNOWN_ID,
    Tokenizer,
    join_pieces,
    largest_vocabulary_error,
    normalize_unicode,
    smallest_vocabulary_error,
    training_lines,
)

NUM_RESERVED = len(SPECIAL_PIECES)
TEXTS_A_STEP = 1024


class CharacterTokenizer(Tokenizer):
    """Each character (Unicode code point) of the NFKC-normalised text is an id.

    Whitespace is kept as it is: a line break is a character like any other.

    Args:
        characters: The characters of the vocabulary in the order of their ids; the first one has id 4.
        lowercase: Whether to fold case, in `tokenize` and `normalize` alike.

    Raises:
        ValueError: If a character stands in `characters` twice, or there is none.

    Example:
        >>> tokenizer = CharacterTokenizer("abc ")
        >>> tokenizer.tokenize(["a cab", "x"]).to_list()
        [[4, 7, 6, 4, 5], [3]]
        >>> tokenizer.detokenize([[6, 4, 5, 2, 0, 0]]).numpy().tolist()
        [b'cab']
    """

    kind = "character"

    def __init__(self, characters: str, lowercase: bool = False):
        repeated = [character for character, count in Counter(characters).items() if count > 1]
        if repeated or not characters:
            raise ValueError(
                f"Each character has one id, so the vocabulary must hold at least one and none twice; leave out "
                f"{repeated}. Received: characters={characters!r:.60}"
                if repeated
                else f"A character vocabulary must hold at least one character. Received: characters={characters!r}"
            )
        super().__init__(vocabulary_size=NUM_RESERVED + len(characters))
        self.characters = characters
        self.lowercase = lowercase
        ids = tf.range(NUM_RESERVED, self.vocabulary_size, dtype=tf.int32)
        entries = tf.lookup.KeyValueTensorInitializer(tf.constant(list(characters)), ids)
        self._ids = tf.lookup.StaticHashTable(entries, default_value=UNKNOWN_ID)

    @classmethod
    def train(
        cls, texts: Iterable[str], vocabulary_size: int | None = None, lowercase: bool = False
    ) -> "CharacterTokenizer":
        """Takes the vocabulary from texts: the most frequent characters first, equal ones by code point.

        Args:
            texts: The texts to take the characters from.
            vocabulary_size: The number of ids wanted, the four reserved ones included; rarer characters become
                unknown. None takes every character.
            lowercase: Whether to fold case.

        Returns:
            The tokenizer.

        Raises:
            TypeError: If `texts` holds something else than strings.
            ValueError: If there is no text, or `vocabulary_size` is smaller than 5 or larger than the texts allow.

        Example:
            >>> CharacterTokenizer.train(["banana"]).characters
            'anb'
        """
        if vocabulary_size is not None and vocabulary_size <= NUM_RESERVED:
            raise smallest_vocabulary_error(
                vocabulary_size, NUM_RESERVED + 1, "four ids are reserved and at least one character is needed"
            )
        lines = training_lines(texts)
        counts = Counter()
        for first in range(0, len(lines), TEXTS_A_STEP):
            normalized = normalize_unicode(tf.constant(lines[first : first + TEXTS_A_STEP]), lowercase)
            for text in normalized.numpy():
                counts.update(text.decode("utf-8"))
        if vocabulary_size is None:
            vocabulary_size = NUM_RESERVED + len(counts)
        if vocabulary_size > NUM_RESERVED + len(counts):
            raise largest_vocabulary_error(vocabulary_size, NUM_RESERVED + len(counts), "characters")
        ranked = sorted(counts, key=lambda character: (-counts[character], character))
        return cls("".join(ranked[: vocabulary_size - NUM_RESERVED]), lowercase=lowercase)

    def _tokenize(self, texts):
        return self._ids.lookup(tf.strings.unicode_split(self._normalize(texts), "UTF-8"))

    def _detokenize(self, ids):
        strings = [""] * NUM_RESERVED + list(self.characters)
        strings[UNKNOWN_ID] = REPLACEMENT_CHARACTER
        return join_pieces(tf.gather(tf.constant(strings), ids))

    def _normalize(self, texts):
        return normalize_unicode(texts, self.lowercase)

    def _piece(self, id_):
        return self.characters[id_ - NUM_RESERVED].replace(" ", "▁")

    def _settings(self):
        return {"characters": self.characters, "lowercase": self.lowercase}
