"""Plain text: what language models learn from, read from the files that people have."""

import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path

from keras_attn.data.parallel_text import read_lines
from keras_attn.data.skipped_rows import SkippedRows
from keras_attn.data.table_files import read_table

_TABLES = {".csv", ".tsv", ".jsonl", ".parquet"}


@dataclass(frozen=True)
class PlainText(SkippedRows):
    """Texts, and what was left out of them.

    Args:
        texts: The texts.
        skipped: One message a row that was left out, naming file and line; blank lines are passed over in silence.

    Example:
        >>> PlainText(["a man"]).fingerprint() == PlainText(["a dog"]).fingerprint()
        False
    """

    texts: list[str]
    skipped: list[str] = field(default_factory=list)

    def fingerprint(self):
        """Tells these texts from others.

        Returns:
            Sixteen hexadecimal digits.
        """
        digest = hashlib.sha256()
        for text in self.texts:
            digest.update(f"{text}\n".encode())
        return digest.hexdigest()[:16]


def read_plain_text(files, column="text"):
    """Reads texts from files, all of them one after another.

    A file that ends in `.csv`, `.tsv`, `.jsonl` (or one of them and `.gz`) or `.parquet` is a table, of which one
    column is read; every other is plain text in UTF-8, one text a line, and may be compressed (`.gz`).

    Args:
        files: A path, or a list of paths.
        column: Name of the column of the texts in tables.

    Returns:
        A `PlainText`.

    Raises:
        FileNotFoundError: A file does not exist.
        ValueError: A file is empty, damaged or in another encoding, a table lacks the column, or no text is left.

    Example:
        >>> import pathlib, tempfile
        >>> file = pathlib.Path(tempfile.mkdtemp()) / "texts.txt"
        >>> _ = file.write_text("a man\\n\\na dog\\n", encoding="utf-8")
        >>> read_plain_text(file).texts
        ['a man', 'a dog']
    """
    paths = [files] if isinstance(files, (str, os.PathLike)) else list(files)
    texts, skipped = [], []
    for path in map(Path, paths):
        if _TABLES.isdisjoint(suffix.lower() for suffix in path.suffixes[-2:]):
            texts += read_lines(path)
            continue
        rows, bad = read_table(path, [column])
        skipped += bad
        for where, (text,) in rows:
            if isinstance(text, str):
                texts.append(text)
            else:
                skipped.append(f"{where}: skipped, no text in {column!r}")
    texts = [text for text in texts if text.strip()]
    if not texts:
        raise ValueError(
            f"There is no text: all {len(skipped)} rows were left out or blank. Give files with a text a line, or "
            f"tables with the column {column!r}. Received: files={[str(path) for path in paths]}"
        )
    return PlainText(texts, skipped)
