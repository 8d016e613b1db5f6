"""Text to ids and back, inside the TensorFlow graph: tokenizers trained from texts and packed with the model."""

import json
from pathlib import Path

from keras_attn.text.byte_tokenizer import ByteTokenizer
from keras_attn.text.character_tokenizer import CharacterTokenizer
from keras_attn.text.subword_tokenizer import SubwordTokenizer
from keras_attn.text.tokenizer import (
    END_ID,
    PADDING_ID,
    SETTINGS_FILE,
    START_ID,
    UNKNOWN_ID,
    Tokenizer,
)

__all__ = [
    "END_ID",
    "PADDING_ID",
    "START_ID",
    "UNKNOWN_ID",
    "ByteTokenizer",
    "CharacterTokenizer",
    "SubwordTokenizer",
    "Tokenizer",
    "load_tokenizer",
]

KINDS = {tokenizer.kind: tokenizer for tokenizer in (SubwordTokenizer, CharacterTokenizer, ByteTokenizer)}


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
