"""Labelled text: texts and what they are, read from the tables and folders that people have."""

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from keras_attn.data.parallel_text import read_bytes
from keras_attn.data.skipped_rows import SkippedRows
from keras_attn.data.table_files import read_table


@dataclass(frozen=True)
class LabelledText(SkippedRows):
    """Texts with their labels, and what was left out.

    Args:
        texts: The texts.
        labels: Dict of head (the name of a label column) -> a label for each text: a name, or for a head of several
            labels a tuple of names, which may be empty.
        skipped: One message a row that was left out, naming file and line.

    Example:
        >>> data = LabelledText(["fine film"], {"label": ["good"]})
        >>> data.is_multi_label("label"), data.skipped
        (False, [])
    """

    texts: list[str]
    labels: dict[str, list]
    skipped: list[str] = field(default_factory=list)

    noun = "text"

    def __len__(self):
        return len(self.texts)

    def select(self, rows):
        """Gives some of the texts.

        Args:
            rows: Their indices.

        Returns:
            A `LabelledText` with the same account of rows left out.
        """
        labels = {head: [values[row] for row in rows] for head, values in self.labels.items()}
        return LabelledText([self.texts[row] for row in rows], labels, self.skipped)

    def is_multi_label(self, head):
        """Tells whether a text may have several labels.

        Args:
            head: Name of the head.

        Returns:
            Whether its labels are tuples.
        """
        return any(isinstance(label, tuple) for label in self.labels[head])

    def fingerprint(self):
        """Tells these texts and labels from others.

        Returns:
            Sixteen hexadecimal digits.
        """
        digest = hashlib.sha256()
        for text, *labels in zip(self.texts, *self.labels.values(), strict=True):
            digest.update(f"{text}\t{labels}\n".encode())
        return digest.hexdigest()[:16]

    def text_keys(self):
        """Gives each text a number by which repeated ones are found: texts that differ in case and spaces are the same.

        Returns:
            List of whole numbers below 2**64.
        """
        return [
            int.from_bytes(hashlib.blake2b(" ".join(text.casefold().split()).encode(), digest_size=8).digest(), "big")
            for text in self.texts
        ]

    def count_duplicates(self, keys=()):
        """Counts the texts that were there before.

        Args:
            keys: The `text_keys` of other texts.

        Returns:
            How many of these texts are among the others, and how many repeat an earlier one of these.
        """
        own, others = self.text_keys(), set(keys)
        return sum(key in others for key in own), len(own) - len(set(own))


def read_labelled_text(path, text_column="text", label_columns=("label",), separator=None):
    """Reads labelled texts from a table, or from a folder with a sub-folder a class.

    Rows with an empty text or label are left out and reported in `skipped`.

    Args:
        path: A `.csv`, `.tsv`, `.jsonl` or `.parquet` file, see `read_table`; or a folder, each of whose sub-folders is
            named for a class and holds its texts, one a file.
        text_column: Column of the texts.
        label_columns: Columns of the labels, one a head. Of a folder there is one.
        separator: What stands between the labels of a cell, for texts of several labels; None where a cell is one
            label. Lists in jsonl and parquet are several labels in any case.

    Returns:
        A `LabelledText`.

    Raises:
        FileNotFoundError: There is no such file or folder.
        ValueError: It cannot be read as such, lacks a column (those that it has are named), or no row is left.
        RuntimeError: A library for the file's kind is not installed.

    Example:
        >>> import pathlib, tempfile
        >>> file = pathlib.Path(tempfile.mkdtemp()) / "films.csv"
        >>> _ = file.write_text("text,label\\nfine film,good\\n,bad\\n", encoding="utf-8")
        >>> data = read_labelled_text(file)
        >>> data.texts, data.labels, len(data.skipped)
        (['fine film'], {'label': ['good']}, 1)
    """
    path, heads = Path(path), list(label_columns)
    if not heads or len({text_column, *heads}) <= len(heads):
        raise ValueError(
            "The text and each head need a column of their own. "
            f"Received: text_column={text_column!r}, label_columns={heads}"
        )
    if path.is_dir():
        rows, skipped = _read_folder(path, heads)
    else:
        rows, skipped = read_table(path, [text_column, *heads])
    data = LabelledText([], {head: [] for head in heads}, skipped)
    several = [separator is not None or any(isinstance(row[1 + i], list) for _, row in rows) for i in range(len(heads))]
    for where, (text, *cells) in rows:
        text = "" if text is None else str(text)
        labels = [_labels(cell, separator) if many else _name(cell) for cell, many in zip(cells, several, strict=True)]
        empty = [f"column {text_column!r}"] * (not text.strip())
        empty += [f"column {head!r}" for head, label in zip(heads, labels, strict=True) if label == ""]
        if empty:
            skipped.append(f"{where}: skipped, empty {' and '.join(empty)}")
            continue
        data.texts.append(text)
        for head, label in zip(heads, labels, strict=True):
            data.labels[head].append(label)
    if not data.texts:
        first = f", the first {skipped[0]}" if skipped else ""
        raise ValueError(f"No labelled text is left: {len(skipped)} rows left out{first}. Received: path={str(path)!r}")
    return data


def count_labels(labels):
    """Counts how often each label occurs.

    Args:
        labels: List of names or of tuples of names.

    Returns:
        Dict of name -> count, the most frequent first.

    Example:
        >>> count_labels(["b", "a", "b"])
        {'b': 2, 'a': 1}
    """
    flat = (name for label in labels for name in (label if isinstance(label, tuple) else (label,)))
    return dict(Counter(flat).most_common())


def _read_folder(path, heads):
    if len(heads) > 1:
        raise ValueError(f"{path}: a folder a class gives one head. Received: label_columns={heads}")
    folders = sorted(folder for folder in path.iterdir() if folder.is_dir() and not folder.name.startswith("."))
    if not folders:
        raise ValueError(
            f"{path}: the folder has no sub-folders; each class needs one that holds its texts. "
            f"Received: path={str(path)!r}"
        )
    rows, skipped = [], []
    for folder in folders:
        for file in sorted(file for file in folder.iterdir() if file.is_file() and not file.name.startswith(".")):
            try:
                rows.append((str(file), [read_bytes(file).decode("utf-8").removeprefix("\ufeff"), folder.name]))
            except UnicodeDecodeError as error:
                skipped.append(f"{file}: skipped, not valid UTF-8 at byte offset {error.start}")
    return rows, skipped


def _name(cell):
    """A label as text: 1 and 1.0 are the same class."""
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    return "" if cell is None or cell != cell else str(cell).strip()


def _labels(cell, separator):
    if cell is None:
        return ()
    parts = cell if isinstance(cell, list) else [cell] if separator is None else str(cell).split(separator)
    return tuple(dict.fromkeys(name for part in parts if (name := _name(part))))
