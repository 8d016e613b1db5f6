import csv
import gzip
import json

import pytest

from keras_attn.data.table_files import column_names, read_table

ROWS = [["fine film", "good"], ['he said "no", twice', "bad"], ["two\nlines", "good"], ["größe 文 \u2028", "bad"]]


@pytest.fixture
def write(tmp_path):
    """Writes bytes or text to a named file, compressed if the name ends in .gz, and returns its path."""

    def write_file(name, content):
        content = content.encode("utf-8") if isinstance(content, str) else content
        path = tmp_path / name
        path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
        return path

    return write_file


def values_of(found):
    rows, skipped = found
    assert skipped == []
    return [values for _, values in rows]


@pytest.mark.parametrize("name", ["x.csv", "x.CSV", "x.csv.gz"])
def test_csv_as_python_writes_it(write, tmp_path, name):
    plain = tmp_path / "plain.csv"
    with open(plain, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(
            [["id", "label", "text"], *([i, label, text] for i, (text, label) in enumerate(ROWS))]
        )
    path = write(name, b"\xef\xbb\xbf" + plain.read_bytes())
    rows, _ = read_table(path, ["text", "label"])
    assert values_of(read_table(path, ["text", "label"])) == ROWS
    assert [where for where, _ in rows] == [f"{path}:{line}" for line in (2, 3, 4, 6)]


def test_tsv_has_no_quotation_marks(write):
    path = write("x.tsv", 'text\tlabel\r\n"fine" film\tgood\r\n"\tbad\r\n')
    assert values_of(read_table(str(path), ["label", "text"])) == [["good", '"fine" film'], ["bad", '"']]


def test_jsonl(write):
    lines = [json.dumps({"label": label, "text": text, "id": 1}) for text, label in ROWS]
    lines.append(json.dumps({"text": "both", "label": ["good", "bad"]}))
    assert values_of(read_table(write("x.jsonl.gz", "\n".join(lines) + "\n"), ["text", "label"])) == [
        *ROWS,
        ["both", ["good", "bad"]],
    ]


def test_parquet(tmp_path):
    pytest.importorskip("pyarrow")
    import pyarrow
    from pyarrow import parquet

    table = pyarrow.table({"text": ["a", None], "label": [1, 2], "more": [[1], []]})
    parquet.write_table(table, tmp_path / "x.parquet")
    rows, skipped = read_table(tmp_path / "x.parquet", ["text", "label"])
    assert [values for _, values in rows] == [["a", 1], [None, 2]] and skipped == []
    assert rows[1][0].endswith("x.parquet: row 2")
    with pytest.raises(ValueError, match=r"no column 'txt'; there are 'text', 'label', 'more'"):
        read_table(tmp_path / "x.parquet", ["txt"])
    (tmp_path / "y.parquet").write_bytes(b"text,label\n")
    with pytest.raises(ValueError, match=r"y\.parquet: no parquet file, or a damaged one"):
        read_table(tmp_path / "y.parquet", ["text"])


def test_parquet_without_pyarrow_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(RuntimeError, match=r"pip install 'keras_attn\[parquet\]'"):
        read_table(tmp_path / "x.parquet", ["text"])


def test_bad_rows_of_a_csv_are_left_out_and_named(write):
    content = b'text,label\nfine,good\nno label\n\n"a"b,good\na,b,c\ncaf\xe9,bad\nlast,bad\n'
    path = write("x.csv", content)
    rows, skipped = read_table(path, ["text", "label"])
    assert [values for _, values in rows] == [["fine", "good"], ["last", "bad"]]
    assert skipped == [
        f"{path}:3: skipped, 1 columns in place of 2",
        f"{path}:4: skipped, empty row",
        f"{path}:5: skipped, ',' expected after '\"'",
        f"{path}:6: skipped, 3 columns in place of 2",
        f"{path}:7: skipped, not valid UTF-8",
    ]


def test_bad_rows_of_a_jsonl_are_left_out_and_named(write):
    lines = ['{"text": "a", "label": 1}', "{no", '["a"]', "", '{"text": "b"}', '{"text": "\\ud83d", "label": 1}']
    path = write("x.jsonl", "\n".join(lines).encode() + b'\n{"text": "\xe9", "label": 2}\n')
    rows, skipped = read_table(path, ["text", "label"])
    assert [values for _, values in rows] == [["a", 1]]
    reasons = ["not valid JSON", "no JSON object", "empty row", "no 'label'", "not valid UTF-8", "not valid UTF-8"]
    assert len(skipped) == len(reasons)
    for line, (message, reason) in enumerate(zip(skipped, reasons, strict=True), start=2):
        assert message.startswith(f"{path}:{line}: skipped, {reason}")


@pytest.mark.parametrize(
    ("name", "content"),
    [("x.csv", "text,mark\na,1\n"), ("x.tsv", "text\tmark\na\t1\n"), ("x.jsonl", '{"text": "a", "mark": 1}\n')],
)
def test_a_missing_column_names_those_present(write, name, content):
    with pytest.raises(ValueError, match=r"no column 'label'; there are 'text', 'mark'\. Received: column='label'$"):
        read_table(write(name, content), ["text", "label"])


PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"
ZIP = b"PK\x03\x04\x14\x00\x06\x00, text, label\n\xff\xfe"


@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl", "csv.gz"])
@pytest.mark.parametrize(("content", "line", "offset"), [(PNG, 1, 0), (ZIP, 2, 22)])
def test_a_file_of_another_kind_under_a_tables_name(write, ending, content, line, offset):
    path = write(f"x.{ending}", content)
    message = rf"x\.{ending}:{line}: not valid UTF-8 at byte offset {offset} .* of another kind .*Received: bytes="
    for read in (lambda: read_table(path, ["text"]), lambda: column_names(path)):
        with pytest.raises(ValueError, match=message) as error:
            read()
        str(error.value).encode("utf-8")  # a terminal can print it


def test_null_characters_in_the_names(write):
    with pytest.raises(ValueError, match=r"x\.csv:1: a null byte at byte offset 1 .*Received: bytes="):
        read_table(write("x.csv", "text,label\na,b\n".encode("utf-16-le")), ["text"])


def test_a_table_in_latin_1_says_where(write):
    with pytest.raises(ValueError, match=r"x\.csv:1: not valid UTF-8 at byte offset 4 .*convert it first\. Received"):
        read_table(write("x.csv", "größe,text\n1,a\n".encode("latin-1").replace(b"\xf6", b"oe")), ["text"])


@pytest.mark.parametrize(("name", "content"), [("x.csv", "text,label\n"), ("x.tsv", "text\tlabel")])
def test_a_header_without_rows(write, name, content):
    with pytest.raises(ValueError, match=r"the table names its columns and has no rows below them.*Received: path="):
        read_table(write(name, content), ["text", "label"])


def test_a_quotation_mark_that_is_never_closed(write):
    with pytest.raises(ValueError, match=r"x\.csv:3: a quotation mark is opened in this row and never closed"):
        read_table(write("x.csv", 'text,label\na,b\n"c,d\n' + "e,f\n" * 50), ["text"])


def test_a_very_long_text(write):
    text = "word " * 2_000_000
    assert values_of(read_table(write("x.csv", f"text,label\n{text},good\n"), ["text"])) == [[text]]


@pytest.mark.parametrize("name", ["x.txt", "x", "x.csv.zip", "csv"])
def test_an_unknown_kind(name):
    with pytest.raises(ValueError, match=r"must end in \.csv, \.tsv, \.jsonl .* or \.parquet\. Received: path="):
        read_table(name, ["text"])


def test_files_that_cannot_be_read(write, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere\.csv: no such file"):
        read_table(tmp_path / "nowhere.csv", ["text"])
    with pytest.raises(ValueError, match=r"empty\.csv: the file is empty"):
        read_table(write("empty.csv", "\n"), ["text"])
    with pytest.raises(ValueError, match=r"x\.csv: begins like UTF-16"):
        read_table(write("x.csv", "text,label\n".encode("utf-16")), ["text"])
