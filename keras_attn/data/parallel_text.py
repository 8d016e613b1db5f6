"""Parallel text: pairs of a source and a target sentence, read from the files that people have."""

import gzip
import hashlib
import json
import os
import zlib
from dataclasses import dataclass, field
from pathlib import Path

from keras_attn.data.skipped_rows import SkippedRows


@dataclass(frozen=True)
class ParallelText(SkippedRows):
    """Sentence pairs, and what was left out of them.

    Args:
        sources: Source sentences; `sources[i]` belongs to `targets[i]`.
        targets: Target sentences.
        skipped: One message a row that was left out, naming file and line.

    Example:

    >>> text = ParallelText(["a man"], ["ein Mann"])
    >>> len(text.sources), text.skipped
    (1, [])
    """

    sources: list[str]
    targets: list[str]
    skipped: list[str] = field(default_factory=list)

    def fingerprint(self):
        """Tells these pairs from others.

        Returns:
            Sixteen hexadecimal digits.
        """
        digest = hashlib.sha256()
        for source, target in zip(self.sources, self.targets, strict=True):
            digest.update(f"{source}\t{target}\n".encode())
        return digest.hexdigest()[:16]


def read_parallel_text(files):
    """Reads sentence pairs from two text files, or from one `.tsv` or `.jsonl` file.

    Every file is UTF-8 and may be compressed (`.gz`). Lines end in a line feed, with or without a carriage
    return before it; a byte order mark at the start is dropped. Rows with an empty side are left out and
    reported in `skipped`.

    Args:
        files: A pair of paths (source, target; line i of one belongs to line i of the other), or one path:
            `.tsv` (two columns: source, target) or `.jsonl` (an object with the keys "source" and "target"
            a line).

    Returns:
        A `ParallelText`.

    Raises:
        FileNotFoundError: A file does not exist.
        ValueError: A file is empty, a directory, damaged or not UTF-8, the two files differ in their number
            of lines, a row is malformed (file and line are named), no pair is left, or `files` is neither
            a pair of paths nor a `.tsv` or `.jsonl` path.

    Example:

    >>> import pathlib, tempfile
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "pairs.tsv"
    >>> _ = file.write_text("a man\\tein Mann\\na dog\\t\\n", encoding="utf-8")
    >>> text = read_parallel_text(file)
    >>> text.sources, text.targets, len(text.skipped)
    (['a man'], ['ein Mann'], 1)
    """
    if isinstance(files, (str, os.PathLike)):
        rows = _read_rows(Path(files))
    elif isinstance(files, (tuple, list)) and len(files) == 2:
        rows = _read_two_files(Path(files[0]), Path(files[1]))
    else:
        raise ValueError(
            "`files` must be a pair of paths (source, target) or the path of one .tsv or .jsonl file. "
            f"Received: files={files!r}"
        )
    text = ParallelText([], [], [])
    for where, source, target in rows:
        empty = [name for name, side in (("source", source), ("target", target)) if not side.strip()]
        if empty:
            text.skipped.append(f"{where}: skipped, empty {' and '.join(empty)}")
        else:
            text.sources.append(source)
            text.targets.append(target)
    if not text.sources:
        raise ValueError(
            f"No sentence pair is left: all {len(text.skipped)} rows have an empty side, "
            f"the first at {text.skipped[0]}. Received: files={files!r}"
        )
    return text


def read_lines(path):
    """Reads the lines of one UTF-8 text file, plain or compressed (`.gz`).

    Lines end at line feeds only, so characters such as U+2028 stay inside a line. Empty lines are kept:
    line i of the file is item i of the list.

    Args:
        path: The file.

    Returns:
        A list of strings without line ends.

    Raises:
        FileNotFoundError: The file does not exist.
        ValueError: The file is empty, a directory, damaged, or not UTF-8 (line and byte offset are named).

    Example:

    >>> import pathlib, tempfile
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "text.en"
    >>> _ = file.write_bytes(b"a man\\r\\n\\na dog")
    >>> read_lines(file)
    ['a man', '', 'a dog']
    """
    path = Path(path)
    text = read_text(path)
    if not text:
        raise ValueError(f"{path}: the file is empty; at least one line was expected. Received: path={path}")
    lines = text.split("\n")
    if not lines[-1]:
        lines.pop()
    return [line.removesuffix("\r") for line in lines]


def read_text(path):
    """Reads a UTF-8 file whole, plain or compressed (`.gz`).

    Args:
        path: A `Path`.

    Returns:
        Its text, without a byte order mark.

    Raises:
        FileNotFoundError: The file does not exist.
        ValueError: It is a directory, damaged, or not UTF-8 (line and byte offset are named).
    """
    content = read_bytes(path)
    try:
        return content.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise not_utf8(path, content, error.start) from None


def not_utf8(path, content, offset):
    """The error for a file that is no text in UTF-8.

    Args:
        path: The file.
        content: Its bytes.
        offset: Where in them it is none.

    Returns:
        The error, to be raised.
    """
    line = content.count(b"\n", 0, offset) + 1
    problem, advice = "not valid UTF-8" if content[offset] else "a null byte", "convert it first"
    if b"\0" in content:
        advice = "it holds null bytes, so it may be a file of another kind (an archive, a picture) under this name"
    return ValueError(
        f"{path}:{line}: {problem} at byte offset {offset} of the file. Files must be text encoded in UTF-8: "
        f"{advice}. Received: bytes={content[offset : offset + 4]!r}"
    )


def read_bytes(path):
    """Reads a file whole, plain or compressed (`.gz`).

    Args:
        path: A `Path`.

    Returns:
        Its bytes.

    Raises:
        FileNotFoundError: The file does not exist.
        ValueError: It is a directory, or damaged.
    """
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file. Check the path. Received: path={path}")
    if path.is_dir():
        raise ValueError(f"{path}: is a directory; a text file was expected. Received: path={path}")
    if path.suffix.lower() != ".gz":
        return path.read_bytes()
    try:
        with gzip.open(path) as file:
            return file.read()
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(
            f"{path}: the gzip file is damaged or incomplete ({error}). Copy or compress it again. "
            f"Received: path={path}"
        ) from None


def _read_two_files(source_path, target_path):
    """Returns (where, source, target) for each line of two files."""
    sources, targets = read_lines(source_path), read_lines(target_path)
    if len(sources) != len(targets):
        raise ValueError(
            f"The two files must have the same number of lines (line i of one translates line i of the other): "
            f"{source_path} has {len(sources)}, {target_path} has {len(targets)}; the first line without a "
            f"partner is {min(len(sources), len(targets)) + 1}. Received: files={(str(source_path), str(target_path))}"
        )
    return [
        (f"{source_path}:{line} and {target_path}:{line}", source, target)
        for line, (source, target) in enumerate(zip(sources, targets, strict=True), start=1)
    ]


def _read_rows(path):
    """Returns (where, source, target) for each row of one `.tsv` or `.jsonl` file."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    kind = suffixes[-2] if suffixes[-1:] == [".gz"] and len(suffixes) > 1 else "".join(suffixes[-1:])
    parsers = {".tsv": _parse_tsv_row, ".jsonl": _parse_json_row}
    if kind not in parsers:
        raise ValueError(
            f"{path}: a single file must end in .tsv or .jsonl (or .tsv.gz, .jsonl.gz). For plain text pass a "
            f"pair of files (source, target). Received: files={str(path)!r}"
        )
    rows = []
    for number, line in enumerate(read_lines(path), start=1):
        where = f"{path}:{number}"
        rows.append((where, *(parsers[kind](where, line) if line.strip() else ("", ""))))
    return rows


def _parse_tsv_row(where, line):
    columns = line.split("\t")
    if len(columns) != 2:
        raise ValueError(
            f"{where}: expected 2 columns separated by one tab (source, target), found {len(columns)}. "
            f"Received: row={shorten(line)}"
        )
    return columns


def _parse_json_row(where, line):
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f"{where}: not valid JSON ({shorten(error)}); expected one object with the keys "
            f'"source" and "target" a line. Received: row={shorten(line)}'
        ) from None
    pair = [row.get("source"), row.get("target")] if isinstance(row, dict) else [None, None]
    if not all(isinstance(side, str) for side in pair):
        raise ValueError(
            f'{where}: expected a JSON object with the keys "source" and "target", both strings. '
            f"Received: row={shorten(line)}"
        )
    try:
        "".join(pair).encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError(
            f"{where}: a half of a surrogate pair stands alone (as in \\ud83d); write the whole character. "
            f"Received: row={shorten(line)}"
        ) from None
    return pair


def shorten(value, width=80):
    """Quotes a value in a message.

    Args:
        value: Anything.
        width: Most characters of it.

    Returns:
        Text in quotation marks.
    """
    text = value if isinstance(value, str) else str(value)
    return repr(text if len(text) <= width else text[:width] + "...")
