"""Rows of named columns, read from the tables that people have: csv, tsv, jsonl, parquet."""

import csv
import io
import json
import re
import sys
from pathlib import Path

from keras_attn.data.parallel_text import not_utf8, read_bytes, shorten


def read_table(path, columns):
    """Reads some columns of a table.

    `.csv` (commas, quotation marks as spreadsheets write them) and `.tsv` (tabs, nothing quoted) begin with a line that
    names the columns; `.jsonl` holds one object a line; all three are UTF-8 and may be compressed (`.gz`). `.parquet`
    needs pyarrow. A row that cannot be read is left out and reported.

    Args:
        path: The file; its ending says what it is.
        columns: Names of the columns.

    Returns:
        List of rows, each the place (file and line) and the list of its values, as the file has them; and a list of
        messages, one a row that was left out.

    Raises:
        FileNotFoundError: The file does not exist.
        ValueError: It is empty, without rows, damaged, in another encoding, of an unknown kind, or lacks a column;
            those that it has are named.
        RuntimeError: pyarrow is needed and not installed.

    Example:
        >>> import pathlib, tempfile
        >>> file = pathlib.Path(tempfile.mkdtemp()) / "texts.csv"
        >>> _ = file.write_text("label,text\\ngood,fine film\\nbad\\n", encoding="utf-8")
        >>> rows, skipped = read_table(file, ["text", "label"])
        >>> [values for _, values in rows], len(skipped)
        ([['fine film', 'good']], 1)
    """
    path = Path(path)
    readers = {".csv": _read_csv, ".tsv": _read_tsv, ".jsonl": _read_jsonl, ".parquet": _read_parquet}
    rows, skipped = readers[_kind(path)](path, list(columns))
    if not rows and not skipped:
        raise ValueError(
            f"{path}: the table names its columns and has no rows below them; at least one was expected. "
            f"Received: path={str(path)!r}"
        )
    return rows, skipped


def column_names(path):
    """Names the columns of a table.

    Args:
        path: The file, see `read_table`.

    Returns:
        List of names; of a `.jsonl` file those of its first object.

    Raises:
        FileNotFoundError: The file does not exist.
        ValueError: It is empty, damaged or of an unknown kind.
        RuntimeError: pyarrow is needed and not installed.

    Example:
        >>> import pathlib, tempfile
        >>> file = pathlib.Path(tempfile.mkdtemp()) / "texts.csv"
        >>> _ = file.write_text("label,text\\ngood,fine film\\n", encoding="utf-8")
        >>> column_names(file)
        ['label', 'text']
    """
    path = Path(path)
    kind = _kind(path)
    if kind == ".parquet":
        return _parquet(path, lambda parquet: parquet.read_schema(path).names)
    text = _text(path) if kind == ".jsonl" else _text_with_header(path)
    first = next(line for line in text.split("\n") if line.strip()).rstrip("\r")
    if kind == ".jsonl":
        if not _is_text(first):
            _refuse(path)
        try:
            return list(json.loads(first))
        except ValueError as error:
            raise ValueError(
                f"{path}: the first row is not valid JSON ({shorten(error)}). Received: path={str(path)!r}"
            ) from None
    return [name.strip() for name in next(csv.reader([first], delimiter="," if kind == ".csv" else "\t"))]


def _kind(path):
    suffixes = [suffix.lower() for suffix in path.suffixes]
    kind = suffixes[-2] if suffixes[-1:] == [".gz"] and len(suffixes) > 1 else "".join(suffixes[-1:])
    if kind not in (".csv", ".tsv", ".jsonl", ".parquet"):
        raise ValueError(
            f"{path}: a table must end in .csv, .tsv, .jsonl (or one of them and .gz) or .parquet. "
            f"Received: path={str(path)!r}"
        )
    return kind


def missing_column(path, column, present):
    """The error for a column that a table lacks.

    Args:
        path: The file.
        column: The column's name.
        present: Names of those that it has.

    Returns:
        The error, to be raised.
    """
    names = ", ".join(map(repr, present)) or "none"
    return ValueError(f"{path}: there is no column {column!r}; there are {names}. Received: column={column!r}")


def _text_with_header(path):
    """The text of a file whose first line names the columns: one that is no text has not even that."""
    text = _text(path)
    header = re.search(r"[^\r\n]+", text)[0]
    if not _is_text(header):
        _refuse(path)
    return text


def _refuse(path):
    """Says of a file that is no text in UTF-8 where it is none."""
    content = read_bytes(path)
    try:
        content.decode("utf-8")
        offset = content.find(b"\0")
    except UnicodeDecodeError as error:
        offset = error.start
    raise not_utf8(path, content, offset)


def _text(path):
    """The file's text; bytes that are no UTF-8 become half surrogates, so that their rows alone are lost."""
    content = read_bytes(path)
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise ValueError(
            f"{path}: begins like UTF-16. Files must be encoded in UTF-8: convert it first. "
            f"Received: bytes={content[:2]!r}"
        )
    text = content.decode("utf-8", "surrogateescape").removeprefix("\ufeff")
    if not text.strip():
        raise ValueError(f"{path}: the file is empty; at least one row was expected. Received: path={path}")
    return text


def _is_text(line):
    return _is_utf8(line) and "\0" not in line


def _is_utf8(value):
    try:
        value.encode("utf-8")
        return True
    except UnicodeEncodeError:
        return False


def _read_csv(path, columns):
    return _read_rows(path, columns, {"strict": True})


def _read_tsv(path, columns):
    return _read_rows(path, columns, {"delimiter": "\t", "quoting": csv.QUOTE_NONE})


def _read_rows(path, columns, dialect):
    text = _text_with_header(path)
    limit = csv.field_size_limit(sys.maxsize)  # a text may be longer than the module expects
    try:
        reader = csv.reader(io.StringIO(text, newline=""), **dialect)
        header = [name.strip() for name in next(reader)]
        for column in columns:
            if column not in header:
                raise missing_column(path, column, header)
        places = [header.index(column) for column in columns]
        return _rows_of(path, reader, len(header), places)
    finally:
        csv.field_size_limit(limit)


def _rows_of(path, reader, width, places):
    rows, skipped = [], []
    while True:
        where = f"{path}:{reader.line_num + 1}"
        try:
            row = next(reader)
        except StopIteration:
            return rows, skipped
        except csv.Error as error:
            if "unexpected end" in str(error):
                raise ValueError(
                    f"{where}: a quotation mark is opened in this row and never closed. Close it, or double those that "
                    f"belong to a text. Received: path={str(path)!r}"
                ) from None
            skipped.append(f"{where}: skipped, {error}")
            continue
        values = [row[place] for place in places] if len(row) == width else None
        if not row:
            skipped.append(f"{where}: skipped, empty row")
        elif values is None:
            skipped.append(f"{where}: skipped, {len(row)} columns in place of {width}")
        elif not all(map(_is_utf8, values)):
            skipped.append(f"{where}: skipped, not valid UTF-8")
        else:
            rows.append((where, values))


def _read_jsonl(path, columns):
    rows, skipped, names = [], [], {}
    text = _text(path)
    lines = text.split("\n")
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            if number < len(lines):
                skipped.append(f"{path}:{number}: skipped, empty row")
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            row, problem = None, f"not valid JSON ({shorten(error)})"
        else:
            problem = None if isinstance(row, dict) else "no JSON object"
        if problem is None:
            names.update(dict.fromkeys(row))
            missing = [column for column in columns if column not in row]
            if missing:
                problem = f"no {missing[0]!r}"
            elif not _is_utf8(json.dumps([row[column] for column in columns], ensure_ascii=False)):
                problem = "not valid UTF-8"
        if problem is None:
            rows.append((f"{path}:{number}", [row[column] for column in columns]))
        else:
            skipped.append(f"{path}:{number}: skipped, {problem}")
    if not names and not _is_utf8(text):
        _refuse(path)
    for column in columns:
        if names and column not in names:
            raise missing_column(path, column, names)
    return rows, skipped


def _read_parquet(path, columns):
    def read(parquet):
        present = parquet.read_schema(path).names
        for column in columns:
            if column not in present:
                raise missing_column(path, column, present)
        return parquet.read_table(path, columns=columns)

    table = _parquet(path, read)
    values = zip(*(table.column(column).to_pylist() for column in columns), strict=True)
    return [(f"{path}: row {number}", list(row)) for number, row in enumerate(values, start=1)], []


def _parquet(path, read):
    """What a function of `pyarrow.parquet` reads of a file."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise RuntimeError(
            f"Reading parquet needs pyarrow: pip install 'keras_attn[parquet]'. Received: path={str(path)!r}"
        ) from None
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file. Check the path. Received: path={path}")
    try:
        return read(pyarrow.parquet)
    except pyarrow.ArrowInvalid as error:
        raise ValueError(f"{path}: no parquet file, or a damaged one ({error}). Received: path={path}") from None
