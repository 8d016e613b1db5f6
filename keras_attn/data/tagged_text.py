"""Tagged text: sentences as words, each with a tag, read from columns, parallel files or JSON lines."""

import contextlib
import hashlib
import re
from dataclasses import dataclass, field
from pathlib import Path

from keras_attn.data.labelled_text import LabelledText
from keras_attn.data.parallel_text import read_lines, shorten
from keras_attn.data.skipped_rows import SkippedRows
from keras_attn.data.table_files import read_table
from keras_attn.data.tag_schemes import SCHEMES, scheme_of, split_tag, to_bio

_COMMENT = re.compile(r"#\s*([\w.]+)\s*=\s*(.*)")
_DOCUMENT = "-DOCSTART-"


@dataclass(frozen=True)
class TaggedText(SkippedRows):
    """Sentences with their tags, and what was repaired or left out.

    Args:
        words: For each sentence the list of its words.
        tags: For each sentence a tag for each word, in BIO.
        labels: A label for each sentence, or None.
        skipped: One message a sentence that was left out, naming file and line.
        repairs: Number of tags that went on with an entity that was not there, and now begin one.

    Example:
        >>> data = TaggedText([["to", "Rome"]], [["O", "B-city"]])
        >>> data.texts(), data.labels, data.types()
        (['to Rome'], None, {'city': 1})
    """

    words: list[list[str]]
    tags: list[list[str]]
    labels: list[str] | None = None
    skipped: list[str] = field(default_factory=list)
    repairs: int = 0

    noun = "sentence"

    def __len__(self):
        return len(self.words)

    def texts(self):
        """Gives the sentences as texts.

        Returns:
            List of texts, words joined by spaces.
        """
        return [" ".join(words) for words in self.words]

    def types(self):
        """Counts the entities.

        Returns:
            Dict of type -> number of entities, in alphabetical order.
        """
        counts = {}
        for tag in (tag for tags in self.tags for tag in tags if tag.startswith("B-")):
            counts[tag[2:]] = counts.get(tag[2:], 0) + 1
        return dict(sorted(counts.items()))

    def select(self, rows):
        """Takes some sentences.

        Args:
            rows: Their numbers.

        Returns:
            A `TaggedText`.
        """
        labels = None if self.labels is None else [self.labels[row] for row in rows]
        words, tags = [self.words[row] for row in rows], [self.tags[row] for row in rows]
        return TaggedText(words, tags, labels, self.skipped, self.repairs)

    def fingerprint(self):
        """Tells these sentences, tags and labels from others.

        Returns:
            Sixteen hexadecimal digits.
        """
        digest = hashlib.sha256()
        for row, (words, tags) in enumerate(zip(self.words, self.tags, strict=True)):
            digest.update(f"{words}\t{tags}\t{self.labels and self.labels[row]}\n".encode())
        return digest.hexdigest()[:16]

    def text_keys(self):
        """Gives each sentence a number by which repeated ones are found, see `LabelledText.text_keys`.

        Returns:
            List of whole numbers below 2**64.
        """
        return LabelledText(self.texts(), {}).text_keys()

    def count_duplicates(self, keys=()):
        """Counts the sentences that were there before.

        Args:
            keys: The `text_keys` of other sentences.

        Returns:
            How many of these sentences are among the others, and how many repeat an earlier one of these.
        """
        return LabelledText(self.texts(), {}).count_duplicates(keys)


def read_tagged_text(files, word_column=0, tag_column=-1, scheme="auto"):
    """Reads sentences with a tag for each word, and where there is one a label for each sentence.

    All files are UTF-8 and may be compressed (`.gz`). Sentences that are empty, or have not one tag a word, are left
    out and reported in `skipped`; where some have a label, so are those without.

    Args:
        files: One path: `.jsonl`, an object a line with the lists `tokens` and `tags` and perhaps a `label`; or any
            other ending, columns between tabs or else spaces, a word a line, an empty line between sentences, where
            `# label = x` before a sentence is its label, other such comments and `-DOCSTART-` lines are passed over.
            Or two paths or three: words, tags and perhaps labels, a sentence a line, words and tags between spaces.
        word_column: Column of the words, counted from 0; -1 is the last.
        tag_column: Column of the tags.
        scheme: How entities are written: "bio", "bioes" (BILOU is read too) or "iob1"; "auto" finds out.

    Returns:
        A `TaggedText`, in BIO.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: A file is empty, damaged or not UTF-8, parallel files differ in their number of lines, a tag is none
            of the scheme's (file and line are named), or no sentence is left.

    Example:
        >>> import pathlib, tempfile
        >>> file = pathlib.Path(tempfile.mkdtemp()) / "flights.bio"
        >>> _ = file.write_text("# label = ask\\nto O\\nNew B-city\\nYork I-city\\n\\n", encoding="utf-8")
        >>> data = read_tagged_text(file)
        >>> data.words, data.tags, data.labels
        ([['to', 'New', 'York']], [['O', 'B-city', 'I-city']], ['ask'])
    """
    if scheme not in ("auto", *SCHEMES):
        raise ValueError(
            f"`scheme` must be one of 'auto', {', '.join(map(repr, SCHEMES))}. Received: scheme={scheme!r}"
        )
    paths = [Path(path) for path in (files if isinstance(files, tuple | list) else [files])]
    if not 1 <= len(paths) <= 3:
        raise ValueError(
            "Give one file, or two or three (words, tags, labels), line i of each for sentence i. "
            f"Received: {len(paths)} files"
        )
    if len(paths) > 1:
        rows, skipped = _parallel_rows(paths)
    elif ".jsonl" in [suffix.lower() for suffix in paths[0].suffixes[-2:]]:
        rows, skipped = _json_rows(paths[0])
    else:
        rows, skipped = _column_rows(paths[0], word_column, tag_column)
    return _tagged(_sound(rows, skipped), skipped, scheme, paths)


def _tagged(rows, skipped, scheme, paths):
    has_labels = any(label for *_, label in rows)
    if has_labels:
        skipped += [f"{where}: skipped, no label" for where, *_, label in rows if not label]
        rows = [row for row in rows if row[-1]]
    if not rows:
        first = f", the first {skipped[0]}" if skipped else ""
        raise ValueError(
            f"No tagged sentence is left: {len(skipped)} left out{first}. Received: files={list(map(str, paths))}"
        )
    scheme = scheme_of([tags for _, _, tags, _ in rows]) if scheme == "auto" else scheme
    data = TaggedText([], [], [] if has_labels else None, skipped)
    repairs = 0
    for _, words, tags, label in rows:
        tags, repaired = to_bio(tags, scheme)
        data.words.append(words)
        data.tags.append(tags)
        repairs += repaired
        if has_labels:
            data.labels.append(label)
    return TaggedText(data.words, data.tags, data.labels, skipped, repairs)


def _sound(rows, skipped):
    """The rows that are sentences; of the others it is noted why not."""
    sound = []
    for where, words, tags, label in rows:
        if not words:
            skipped.append(f"{where}: skipped, empty sentence")
        elif len(words) != len(tags):
            skipped.append(f"{where}: skipped, {len(words)} words and {len(tags)} tags")
        elif not all(word.strip() for word in words):
            skipped.append(f"{where}: skipped, an empty word")
        else:
            for tag in tags:
                if split_tag(tag) is None:
                    raise ValueError(
                        f"{where}: a tag must be O, or B-, I-, E-, S- (or L-, U-) and a type, such as B-city; is this "
                        f"the column of the tags? Received: tag={shorten(tag)}"
                    )
            sound.append((where, words, tags, label))
    return sound


def _parallel_rows(paths):
    """Rows of (place, words, tags, label) from files of a sentence a line."""
    columns = [read_lines(path) for path in paths]
    if len({len(lines) for lines in columns}) > 1:
        counts = ", ".join(f"{path} has {len(lines)}" for path, lines in zip(paths, columns, strict=True))
        raise ValueError(
            f"The files must have the same number of lines (line i of each belongs to sentence i). Received: {counts}"
        )
    labels = columns[2] if len(columns) > 2 else [""] * len(columns[0])
    rows = [
        (f"{paths[0]}:{number}", words.split(), tags.split(), label.strip())
        for number, (words, tags, label) in enumerate(zip(*columns[:2], labels, strict=True), start=1)
    ]
    return rows, []


def _json_rows(path):
    """Rows of (place, words, tags, label) from JSON lines."""
    table, skipped = read_table(path, ["tokens", "tags"])
    labels = {}
    with contextlib.suppress(ValueError):  # no line has one
        labels = {where: str(label) for where, (label,) in read_table(path, ["label"])[0] if label is not None}
    rows = []
    for where, (words, tags) in table:
        if all(isinstance(part, list) and all(isinstance(text, str) for text in part) for part in (words, tags)):
            rows.append((where, words, tags, labels.get(where, "")))
        else:
            skipped.append(f"{where}: skipped, 'tokens' and 'tags' must be lists of texts")
    return rows, skipped


def _column_rows(path, word_column, tag_column):
    """Rows of (place, words, tags, label) from columns, a word a line."""
    rows, skipped, sentence = [], [], _Sentence()
    for number, line in enumerate([*read_lines(path), ""], start=1):
        if not line.strip() or line.startswith(_DOCUMENT):
            sentence.end(rows, skipped)
            sentence = _Sentence()
            continue
        sentence.where = sentence.where or f"{path}:{number}"
        comment = None if sentence.words else _COMMENT.fullmatch(line.strip())
        if comment:
            sentence.label = comment[2].strip() if comment[1] == "label" else sentence.label
            continue
        cells = line.strip("\r").split("\t") if "\t" in line else line.split()
        try:
            word, tag = cells[word_column], cells[tag_column]
        except IndexError:
            word = tag = ""
        if len(cells) < 2 or not word.strip() or not tag.strip():
            sentence.problem = sentence.problem or f"{path}:{number}: skipped, no word and tag: {shorten(line)}"
        sentence.words.append(word.strip())
        sentence.tags.append(tag.strip())
    return rows, skipped


class _Sentence:
    """A sentence of columns that is being read."""

    def __init__(self):
        self.where, self.words, self.tags, self.label, self.problem = "", [], [], "", None

    def end(self, rows, skipped):
        if self.problem:
            skipped.append(self.problem)
        elif self.words:
            rows.append((self.where, self.words, self.tags, self.label))
