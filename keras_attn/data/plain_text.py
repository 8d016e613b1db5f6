"""Plain text: what language models learn from, read from the files that people have."""

import csv
import hashlib
import json
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path

from keras_attn.data.parallel_text import read_lines


@dataclass(frozen=True)
class PlainText:
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

    A file that ends in `.csv` or `.jsonl` (or one of them and `.gz`) is a table, of which one column is read; every
    other is plain text, one text a line. All are UTF-8 and may be compressed (`.gz`).

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
    readers = {".csv": _read_csv, ".jsonl": _read_jsonl}
    texts, skipped = [], []
    for path in map(Path, paths):
        kind = path.with_suffix("").suffix if path.suffix.lower() == ".gz" else path.suffix
        values = readers[kind.lower()](path, column) if kind.lower() in readers else enumerate(read_lines(path), 1)
        for line, value in values:
            if isinstance(value, str):
                texts.append(value)
            else:
                skipped.append(f"{path}:{line}: skipped, no text in {column!r}")
    texts = [text for text in texts if text.strip()]
    if not texts:
        raise ValueError(
            f"There is no text: all {len(skipped)} rows were left out or blank. Give files with a text a line, or "
            f"tables with the column {column!r}. Received: files={[str(path) for path in paths]}"
        )
    return PlainText(texts, skipped)


def _read_csv(path, column):
    """Yields the line and the text of each row, None where a row has none."""
    limit = csv.field_size_limit(sys.maxsize)  # a text may be longer than the module expects
    try:
        reader = csv.DictReader(f"{line}\n" for line in read_lines(path))
        if column not in (reader.fieldnames or ()):
            raise _missing_column(path, column, reader.fieldnames or ())
        for row in reader:
            yield reader.line_num, row[column]
    finally:
        csv.field_size_limit(limit)


def _read_jsonl(path, column):
    rows = []
    for line, text in enumerate(read_lines(path), start=1):
        try:
            row = json.loads(text) if text.strip() else None
        except json.JSONDecodeError as error:
            raise ValueError(f"{path}:{line}: not valid JSON ({error.msg}). Received: row={text[:60]!r}") from None
        if row is not None:
            rows.append((line, row if isinstance(row, dict) else {}))
    present = dict.fromkeys(name for _, row in rows for name in row)
    if column not in present:
        raise _missing_column(path, column, present)
    return [(line, row.get(column)) for line, row in rows]


def _missing_column(path, column, present):
    names = ", ".join(map(repr, present)) or "none"
    return ValueError(f"{path}: there is no column {column!r}; there are {names}. Received: column={column!r}")
