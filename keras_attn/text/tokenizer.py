"""What every tokenizer shares: the special ids, text clean-up, the three graph functions and how it is stored."""

import json
import os
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf
import tensorflow_text as tf_text

PADDING_ID, START_ID, END_ID, UNKNOWN_ID = 0, 1, 2, 3
SPECIAL_PIECES = ("<pad>", "<start>", "<end>", "<unknown>")
SETTINGS_FILE = "tokenizer.json"
REPLACEMENT_CHARACTER = "\ufffd"
_SCRIPTS_WITHOUT_SPACES = {"CJK", "HIRAGANA", "KATAKANA", "BOPOMOFO", "THAI", "LAO", "KHMER", "MYANMAR"}


class Tokenizer(tf.Module):
    """Turns text into ids and ids into text, inside the TensorFlow graph.

    A tokenizer is a `tf.Module`: held by a module that is exported with `tf.saved_model.save`, its tables and models
    go into the SavedModel, which then needs no file of ours. Ids 0 to 3 are reserved in the vocabularies that we train:
    `PADDING_ID`, `START_ID`, `END_ID` and `UNKNOWN_ID`; one that was made elsewhere, such as BERT's, has its own.

    Subclasses set `kind` and fill in `_tokenize`, `_detokenize`, `_normalize`, `_piece` and `_settings`.

    Attributes:
        padding_id: Id of padding, 0 in every vocabulary.
        start_id: Id that begins a sequence.
        end_id: Id that ends one.
        unknown_id: Id of what the vocabulary lacks.
        mask_id: Id that stands for a token to be guessed in masked language modelling.

    Args:
        vocabulary_size: The number of ids, the four reserved ones included.
    """

    kind: str
    padding_id, start_id, end_id, unknown_id = PADDING_ID, START_ID, END_ID, UNKNOWN_ID
    mask_id = UNKNOWN_ID  # a word that can't be seen

    def __init__(self, vocabulary_size: int):
        super().__init__()
        self.vocabulary_size = vocabulary_size

    def tokenize(self, texts):
        """Turns texts into ids, without start and end ids.

        Bytes that are no UTF-8 are read as U+FFFD; what the vocabulary lacks becomes `unknown_id`.

        Args:
            texts: `tf.string` `[B]`, or a list of `str`.

        Returns:
            `tf.RaggedTensor` int32 `[B, None]`.

        Raises:
            ValueError: If `texts` isn't a batch, that is, hasn't exactly one axis.
        """
        return self._tokenize(_valid_utf8(texts))

    def detokenize(self, ids):
        """Turns ids into texts.

        Everything from the first `end_id` of a row on is dropped, and so are `padding_id` and `start_id`;
        `unknown_id` becomes U+FFFD, the replacement character.

        Args:
            ids: Integers `[B, T]`, dense or ragged, each below `vocabulary_size`.

        Returns:
            `tf.string` `[B]`, always valid UTF-8.
        """
        return self._detokenize(self._content(ids))

    def normalize(self, texts):
        """Gives the texts that `detokenize(tokenize(texts))` gives when every piece is in the vocabulary.

        Args:
            texts: `tf.string` `[B]`, or a list of `str`.

        Returns:
            `tf.string` `[B]`.

        Raises:
            ValueError: If `texts` isn't a batch, that is, hasn't exactly one axis.
        """
        return self._normalize(_valid_utf8(texts))

    def pieces(self, ids):
        """Labels ids for pictures and tables, one label an id; a space shows as `▁`.

        Args:
            ids: A sequence of integers.

        Returns:
            A list of `str`, as long as `ids`.

        Raises:
            ValueError: If an id is outside the vocabulary.
        """
        return [self._label(int(id_)) for id_ in ids]

    def word_starts(self):
        """Tells which ids begin a word, so that whole words can be masked.

        A word begins behind a space; punctuation marks, and pieces in scripts that write no spaces, are words of their
        own.

        Returns:
            Boolean array `[vocabulary_size]`.
        """
        return np.array([self._begins_word(label) for label in self.pieces(range(self.vocabulary_size))])

    def save(self, folder):
        """Writes the tokenizer into a folder, made if it isn't there; `load_tokenizer` reads it back.

        Args:
            folder: The folder to write to.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in self._files().items():
            _replace_file(folder / name, content)
        settings = {"kind": self.kind, "vocabulary_size": self.vocabulary_size, **self._settings()}
        text = json.dumps(settings, ensure_ascii=False, indent=2) + "\n"
        _replace_file(folder / SETTINGS_FILE, text.encode("utf-8"))

    @classmethod
    def from_folder(cls, folder, settings):
        """Makes the tokenizer that `save` wrote; `load_tokenizer` calls it for the kind it finds.

        Args:
            folder: The folder that `save` wrote.
            settings: The contents of its settings file, without `kind` and `vocabulary_size`.

        Returns:
            The tokenizer.
        """
        return cls(**settings)

    def _label(self, id_):
        if not 0 <= id_ < self.vocabulary_size:
            raise ValueError(
                f"Ids must lie in the vocabulary, between 0 and {self.vocabulary_size - 1}; use the tokenizer that "
                f"the ids were made with. Received: id={id_}"
            )
        return SPECIAL_PIECES[id_] if id_ < len(SPECIAL_PIECES) else self._piece(id_)

    def _begins_word(self, label):
        is_sign = unicodedata.category(label[0])[0] in "PSZC"
        return is_sign or unicodedata.name(label[0], "").split(" ")[0] in _SCRIPTS_WITHOUT_SPACES

    def _content(self, ids: tf.Tensor | tf.RaggedTensor) -> tf.RaggedTensor:
        """The ids of each row before its first end id, without padding and start ids."""
        if isinstance(ids, tf.RaggedTensor):
            ids = ids.to_tensor(self.padding_id)
        ids = tf.cast(ids, tf.int32)  # [B, T]
        ended = tf.cumsum(tf.cast(ids == self.end_id, tf.int32), axis=1) > 0
        return tf.ragged.boolean_mask(ids, ~ended & (ids != self.padding_id) & (ids != self.start_id))

    def _tokenize(self, texts):
        raise NotImplementedError(f"{type(self).__name__} must define `_tokenize(texts)`.")

    def _detokenize(self, ids):
        raise NotImplementedError(f"{type(self).__name__} must define `_detokenize(ids)`.")

    def _normalize(self, texts):
        raise NotImplementedError(f"{type(self).__name__} must define `_normalize(texts)`.")

    def _piece(self, id_):
        raise NotImplementedError(f"{type(self).__name__} must define `_piece(id_)`.")

    def _settings(self):
        """The constructor's arguments that fit into JSON."""
        return {}

    def _files(self):
        """The other files of the tokenizer: name -> bytes."""
        return {}


def normalize_unicode(texts, lowercase=False):
    """Brings texts to Unicode's NFKC form; whitespace stays as it is.

    Args:
        texts: `tf.string` of any shape, valid UTF-8.
        lowercase: Whether to fold case too (NFKC_Casefold, which also removes invisible characters such as joiners
            and emoji variation selectors).

    Returns:
        `tf.string` of the same shape.

    Example:
        >>> normalize_unicode(["ﬁve ①"]).numpy()[0].decode()
        'five 1'
        >>> normalize_unicode(["Straße"], lowercase=True).numpy()[0].decode()
        'strasse'
    """
    return tf_text.case_fold_utf8(texts) if lowercase else tf_text.normalize_utf8(texts, "NFKC")


def training_lines(texts: Iterable[str]) -> list[str]:
    """Collects the texts that a vocabulary is trained on.

    Args:
        texts: The texts; blank ones are passed over.

    Returns:
        The texts that aren't blank; half surrogate pairs, which no UTF-8 has, become `?`.

    Raises:
        TypeError: If `texts` is one string, or holds something else than strings.
        ValueError: If no text is left.
    """
    if isinstance(texts, str | bytes):
        raise TypeError(
            f"A tokenizer is trained on a sequence of texts; put a single one into a list. "
            f"Received: texts={texts!r:.60}"
        )
    lines = []
    for number, text in enumerate(texts, start=1):
        if not isinstance(text, str):
            raise TypeError(
                f"A tokenizer is trained on texts of type str, but text {number} is {type(text).__name__}; decode "
                f"bytes with .decode('utf-8'). Received: text={text!r:.60}"
            )
        if text.strip():
            lines.append(text.encode("utf-8", errors="replace").decode("utf-8"))
    if not lines:
        raise ValueError(
            "A tokenizer can't be trained on nothing: every text is empty or blank, or there is none; pass the "
            "training texts. Received: texts without content"
        )
    return lines


class VocabularySizeError(ValueError):
    """A vocabulary that the training texts cannot fill.

    Args:
        message: What is said.
        largest: The largest size possible.
    """

    def __init__(self, message, largest):
        super().__init__(message)
        self.largest = largest


def largest_vocabulary_error(vocabulary_size: int, largest: int, unit: str) -> VocabularySizeError:
    """The error for a vocabulary that the training texts can't fill.

    Args:
        vocabulary_size: The size asked for.
        largest: The largest size possible.
        unit: What the vocabulary consists of, in the plural.

    Returns:
        The error, to be raised.
    """
    return VocabularySizeError(
        f"The vocabulary is larger than the training texts allow: they give at most {largest} {unit}, the four "
        f"reserved ids included; pass vocabulary_size={largest} or less, or train on more text. "
        f"Received: vocabulary_size={vocabulary_size}",
        largest,
    )


def smallest_vocabulary_error(vocabulary_size: int, smallest: int, reason: str) -> ValueError:
    """The error for a vocabulary that is too small to be one.

    Args:
        vocabulary_size: The size asked for.
        smallest: The smallest size possible.
        reason: Why it isn't smaller.

    Returns:
        The error, to be raised.
    """
    return ValueError(
        f"The vocabulary is too small: {reason}; pass vocabulary_size={smallest} or more. "
        f"Received: vocabulary_size={vocabulary_size}"
    )


def join_pieces(pieces):
    """Joins the strings of each row.

    Args:
        pieces: `tf.RaggedTensor` of `tf.string` `[B, None]`.

    Returns:
        `tf.string` `[B]`.

    Example:
        >>> join_pieces(tf.ragged.constant([["a", "b"], []])).numpy().tolist()
        [b'ab', b'']
    """
    return tf.strings.reduce_join(pieces, axis=-1)


def replace_invalid_utf8(texts):
    """Puts U+FFFD in the place of bytes that are no UTF-8.

    Args:
        texts: `tf.string` of any shape.

    Returns:
        `tf.string` of the same shape.

    Example:
        >>> replace_invalid_utf8([b"a\\xffb"]).numpy()[0].decode()
        'a\ufffdb'
    """
    return tf.strings.unicode_transcode(
        texts, "UTF-8", "UTF-8", errors="replace", replacement_char=ord(REPLACEMENT_CHARACTER)
    )


def _valid_utf8(texts: tf.Tensor | Sequence[str]) -> tf.Tensor:
    texts = tf.convert_to_tensor(texts, tf.string)
    if texts.shape.rank != 1:
        raise ValueError(
            f"Texts must be a batch of shape [B]; put a single text into a list, flatten more axes with tf.reshape. "
            f"Received: texts of shape {texts.shape}"
        )
    return replace_invalid_utf8(texts)


def _replace_file(path: Path, content: bytes):
    """Writes a file whole or not at all: a file that was there stays until the new one is complete."""
    unfinished = path.with_name(path.name + ".unfinished")
    unfinished.write_bytes(content)
    os.replace(unfinished, path)
