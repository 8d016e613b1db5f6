"""Tokenizers by their kind: trained as a setting says, and read back from a folder."""

import json
from pathlib import Path

from keras_attn.text.byte_tokenizer import ByteTokenizer
from keras_attn.text.character_tokenizer import CharacterTokenizer
from keras_attn.text.subword_tokenizer import SubwordTokenizer
from keras_attn.text.tokenizer import SETTINGS_FILE, Tokenizer, VocabularySizeError
from keras_attn.text.wordpiece_tokenizer import WordpieceTokenizer

_TOKENIZERS = (SubwordTokenizer, CharacterTokenizer, ByteTokenizer, WordpieceTokenizer)
KINDS = {tokenizer.kind: tokenizer for tokenizer in _TOKENIZERS}


def train_tokenizer(
    kind, texts, vocabulary_size=None, lowercase=False, split_digits=False, or_fewer=False
) -> Tokenizer:
    """Trains the tokenizer that a task's setting names.

    Args:
        kind: "unigram" or "bpe" for subwords, "character" or "byte".
        texts: List of texts.
        vocabulary_size: Number of ids; None takes every character, and bytes always are 260.
        lowercase: Whether to fold case; not for bytes.
        split_digits: Whether each digit is a piece of its own; subwords only.
        or_fewer: Whether to take as many subwords as there are where the texts give fewer than `vocabulary_size`.

    Returns:
        The tokenizer.

    Raises:
        ValueError: If the kind is unknown, or the texts do not allow such a vocabulary.

    Example:
        >>> from keras_attn.text import train_tokenizer
        >>> train_tokenizer("character", ["abba"]).vocabulary_size
        6
    """
    if kind in ("unigram", "bpe"):
        try:
            return SubwordTokenizer.train(texts, vocabulary_size, kind, lowercase, split_digits)
        except VocabularySizeError as error:
            if not or_fewer:
                raise
            return SubwordTokenizer.train(texts, error.largest, kind, lowercase, split_digits)
    if kind == "character":
        return CharacterTokenizer.train(texts, vocabulary_size, lowercase)
    if kind == "byte":
        return ByteTokenizer()
    raise ValueError(f"`kind` must be 'unigram', 'bpe', 'character' or 'byte'. Received: kind={kind!r}")


def load_tokenizer(folder) -> Tokenizer:
    """Reads a tokenizer that `Tokenizer.save` wrote.

    Args:
        folder: The folder it was saved in.

    Returns:
        The tokenizer: the same ids for the same text as the one that was saved.

    Raises:
        FileNotFoundError: If the folder, or a file of it, is missing.
        ValueError: If a file of it is damaged.

    Example:
        >>> import tempfile
        >>> from keras_attn.text import ByteTokenizer, load_tokenizer
        >>> folder = tempfile.mkdtemp()
        >>> ByteTokenizer().save(folder)
        >>> load_tokenizer(folder).vocabulary_size
        260
    """
    path = Path(folder) / SETTINGS_FILE
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
        kind, vocabulary_size = settings.pop("kind"), settings.pop("vocabulary_size")
        if kind not in KINDS:
            raise ValueError(f"its kind is {kind!r}, which is none of {', '.join(KINDS)}")
        tokenizer = KINDS[kind].from_folder(folder, settings)
        if tokenizer.vocabulary_size != vocabulary_size:
            raise ValueError(f"it has {tokenizer.vocabulary_size} ids, but was saved with {vocabulary_size}")
    except OSError as error:
        raise FileNotFoundError(
            f"No tokenizer here: {error.filename} can't be read ({error.strerror}); pass a folder that "
            f"Tokenizer.save wrote. Received: folder={str(folder)!r}"
        ) from error
    except json.JSONDecodeError as error:
        raise _damaged(f"{path}, line {error.lineno}", error.msg, folder) from error
    except KeyError as error:
        raise _damaged(path, f"the entry {error} is missing", folder) from error
    except (TypeError, ValueError) as error:
        raise _damaged(path, str(error), folder) from error
    return tokenizer


def _damaged(place, reason, folder):
    return ValueError(
        f"The tokenizer is damaged: {place}: {reason}; save it again or copy the whole folder anew. "
        f"Received: folder={str(folder)!r}"
    )
