"""The files that people have, sound and broken."""

import gzip
import json

import pytest

from keras_attn.data import TaggedText, read_tagged_text

COLUMNS = """\
-DOCSTART- -X- O
# label = order
# source = mail
Tea NN B-drink
for IN O
two CD I-count

# label = ask

# O
# O O
why WP O
"""


def written(folder, name, text):
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_columns(tmp_path):
    data = read_tagged_text(written(tmp_path, "a.conll", COLUMNS))
    assert data.words == [["Tea", "for", "two"]] and data.tags == [["B-drink", "O", "B-count"]]
    assert data.labels == ["order"] and data.repairs == 1
    assert data.skipped == [f"{tmp_path / 'a.conll'}:10: skipped, no label"]
    plain = COLUMNS.replace("# label", "# topic")
    data = read_tagged_text(written(tmp_path, "b.conll", plain))
    assert data.labels is None and data.words[1] == ["#", "#", "why"]  # signs may be words
    data = read_tagged_text(written(tmp_path, "c.tsv", "a b\tx\tO\r\n\r\nc\ty\tB-z\r\n"), word_column=0, tag_column=2)
    assert data.words == [["a b"], ["c"]] and data.tags == [["O"], ["B-z"]]
    data = read_tagged_text(written(tmp_path, "d.txt", "O Tea\nB-x two\n"), word_column=1, tag_column=0)
    assert data.words == [["Tea", "two"]] and data.tags == [["O", "B-x"]]


def test_parallel_files(tmp_path):
    words, tags, labels = (
        written(tmp_path, name, text)
        for name, text in (
            ("words", "to  New York\n\nto Rome\nto\n"),
            ("tags", "O B-c I-c\n\nO\nO\n"),
            ("labels", "a\nb\nb\n\n"),
        )
    )
    data = read_tagged_text((words, tags))
    assert data.words == [["to", "New", "York"], ["to"]] and data.labels is None
    assert data.skipped == [f"{words}:2: skipped, empty sentence", f"{words}:3: skipped, 2 words and 1 tags"]
    data = read_tagged_text([words, tags, labels])
    assert data.labels == ["a"] and data.skipped[-1] == f"{words}:4: skipped, no label"
    with pytest.raises(ValueError, match=r"words has 4, .*short has 1"):
        read_tagged_text((words, written(tmp_path, "short", "O\n")))


def test_json_lines(tmp_path):
    rows = [
        {"tokens": ["to", "Rome"], "tags": ["O", "S-c"], "label": 3},
        {"tokens": ["to", "Rome"], "tags": ["O"], "label": 3},
        {"tokens": [], "tags": [], "label": 3},
        {"tokens": "to", "tags": ["O"], "label": 3},
        {"tokens": ["a", " "], "tags": ["O", "O"], "label": 3},
        {"tokens": ["a"], "tags": ["O"], "label": None},
    ]
    text = "".join(json.dumps(row) + "\n" for row in rows) + "{\n"
    path = written(tmp_path, "a.jsonl.gz", gzip.compress(text.encode()))
    data = read_tagged_text(path)
    assert data.words == [["to", "Rome"]] and data.tags == [["O", "B-c"]] and data.labels == ["3"] and data.repairs == 0
    expected = {
        2: "2 words and 1 tags",
        3: "empty sentence",
        4: "must be lists",
        5: "an empty word",
        6: "no label",
        7: "JSON",
    }
    for line, problem in expected.items():
        assert any(f"{path}:{line}: skipped" in message and problem in message for message in data.skipped), line
    report = data.skipped_report("training")
    assert report.startswith("6 training rows left out:\n") and report.endswith("and 1 more")
    rows = [{"tokens": ["a"], "tags": ["O"]}]
    assert read_tagged_text(written(tmp_path, "b.jsonl", json.dumps(rows[0]))).labels is None


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.txt", "the DT\ncat NN\n", r"a\.txt:1: a tag must be O, or B-.*Received: tag='DT'"),
        (
            "a.txt",
            "the\n",
            r"No tagged sentence is left: 1 left out, the first .*a\.txt:1: skipped, no word and tag: 'the'",
        ),
        ("a.txt", "", "the file is empty"),
        ("a.txt", b"\xff O\n", r"a\.txt:1: not valid UTF-8"),
        ("a.jsonl", '{"words": ["a"]}', r"there is no column 'tokens'; there are 'words'"),
    ],
)
def test_errors(name, text, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        read_tagged_text(written(tmp_path, name, text))


def test_wrong_arguments(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere: no such file"):
        read_tagged_text(tmp_path / "nowhere")
    with pytest.raises(ValueError, match=r"`scheme` must be one of 'auto', 'bio'.*Received: scheme='io'"):
        read_tagged_text(tmp_path, scheme="io")
    with pytest.raises(ValueError, match="Received: 4 files"):
        read_tagged_text(["a"] * 4)


def test_a_line_of_ten_megabytes(tmp_path):
    data = read_tagged_text(written(tmp_path, "long.txt", "x" * 10_000_000 + " O\nRome B-city\n"))
    assert len(data.words[0][0]) == 10_000_000 and data.words[0][1] == "Rome"


def test_duplicates_and_fingerprints():
    data = TaggedText([["To", "Rome"], ["to", "rome"], ["home"]], [["O", "B-c"], ["O", "O"], ["O"]], ["a", "b", "b"])
    assert data.count_duplicates(data.select([2]).text_keys()) == (1, 1)
    other = TaggedText(data.words, data.tags, ["a", "b", "a"])
    assert data.fingerprint() == TaggedText(data.words, data.tags, data.labels).fingerprint() != other.fingerprint()
    assert data.select([0]).labels == ["a"] and data.types() == {"c": 1}
