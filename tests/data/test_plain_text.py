"""Texts from lines and from columns."""

import gzip
import json

import pytest

from keras_attn.data import PlainText, read_plain_text


def test_lines_and_columns(tmp_path):
    (tmp_path / "a.txt").write_bytes("\ufeffone\r\n\r\ntwo\u2028still two\n  \n".encode())
    with gzip.open(tmp_path / "b.txt.gz", "wt", encoding="utf-8") as file:
        file.write("three\n")
    (tmp_path / "c.csv").write_text('label,text\nx,"four, and\nmore"\ny,\nz\n', "utf-8")
    rows = [{"text": "five"}, {"text": 5}, {"text": None}]
    (tmp_path / "d.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    read = read_plain_text([tmp_path / name for name in ("a.txt", "b.txt.gz", "c.csv", "d.jsonl")])
    assert read.texts == ["one", "two\u2028still two", "three", "four, and\nmore", "five"]
    assert [message.split(":")[1] for message in read.skipped] == ["5", "2", "3"]


def test_another_column(tmp_path):
    (tmp_path / "a.csv").write_text("id,body\n1,hello\n", "utf-8")
    (tmp_path / "b.jsonl").write_text('{"body": "bye"}\n', "utf-8")
    assert read_plain_text([tmp_path / "a.csv", tmp_path / "b.jsonl"], "body").texts == ["hello", "bye"]
    for name, present in (("a.csv", "'id', 'body'"), ("b.jsonl", "'body'")):
        with pytest.raises(ValueError, match=rf"{name}: there is no column 'text'; there are {present}"):
            read_plain_text(tmp_path / name)


def test_nothing_to_read(tmp_path):
    (tmp_path / "blank.txt").write_text("\n \n", "utf-8")
    with pytest.raises(ValueError, match=r"There is no text.*Received: files=\["):
        read_plain_text(tmp_path / "blank.txt")
    with pytest.raises(FileNotFoundError, match=r"absent\.txt: no such file"):
        read_plain_text(str(tmp_path / "absent.txt"))


def test_the_fingerprint_tells_texts_apart():
    assert PlainText(["a", "b"]).fingerprint() == PlainText(["a", "b"], ["x"]).fingerprint()
    assert PlainText(["a", "b"]).fingerprint() != PlainText(["b", "a"]).fingerprint()
