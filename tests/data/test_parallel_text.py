import dataclasses
import gzip
import json
import re

import pytest

from keras_attn.data.parallel_text import ParallelText, read_lines, read_parallel_text


@pytest.fixture
def write(tmp_path):
    """Writes bytes or text to a named file, compressed if the name ends in .gz, and returns its path."""

    def write_file(name, content):
        content = content.encode("utf-8") if isinstance(content, str) else content
        path = tmp_path / name
        path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
        return path

    return write_file


EXPECTED = ParallelText(["a man", "hello\u2028you"], ["ein Mann", "größe 文"], [])


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_two_files(write, ending):
    source = write(f"x.en{ending}", "a man\nhello\u2028you\n")
    target = write(f"x.de{ending}", "ein Mann\ngröße 文")  # no line feed at the end
    assert read_parallel_text((source, str(target))) == EXPECTED
    assert read_parallel_text([str(source), target]) == EXPECTED


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_tsv(write, ending):
    assert read_parallel_text(write(f"x.TSV{ending}", "a man\tein Mann\nhello\u2028you\tgröße 文\n")) == EXPECTED


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_jsonl(write, ending):
    rows = zip(EXPECTED.sources, EXPECTED.targets, strict=True)
    lines = [json.dumps({"source": s, "target": t, "id": 1}, ensure_ascii=not ending) for s, t in rows]
    assert read_parallel_text(str(write(f"x.jsonl{ending}", "\n".join(lines)))) == EXPECTED


def test_lines_end_at_line_feeds_only(write):
    path = write("x.txt", "\ufeffa\x0b\x0c\x1c\u0085\u2028\u2029b\r\n\r\n \ufeffc\rd\n\n")
    assert read_lines(path) == ["a\x0b\x0c\x1c\u0085\u2028\u2029b", "", " \ufeffc\rd", ""]


def test_very_long_line(write):
    line = "word " * 1_000_000
    assert read_lines(write("x.txt.gz", line + "\nb\n")) == [line, "b"]


def test_rows_with_an_empty_side_are_reported(write):
    source, target = write("x.en", "a\n\n \nd\n"), write("x.de", "A\nB\n\n\n")
    text = read_parallel_text((source, target))
    assert (text.sources, text.targets) == (["a"], ["A"])
    sides = ["empty source", "empty source and target", "empty target"]
    assert text.skipped == [
        f"{source}:{line} and {target}:{line}: skipped, {side}" for line, side in enumerate(sides, start=2)
    ]


def test_empty_rows_of_single_files_are_reported(write):
    tsv = write("x.tsv", "a\tA\n\nb\t\n")
    assert read_parallel_text(tsv).skipped == [
        f"{tsv}:2: skipped, empty source and target",
        f"{tsv}:3: skipped, empty target",
    ]
    jsonl = write("x.jsonl", '{"source": "", "target": "A"}\n{"source": "b", "target": "B"}\n')
    assert read_parallel_text(jsonl) == ParallelText(["b"], ["B"], [f"{jsonl}:1: skipped, empty source"])


def test_parallel_text_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        ParallelText([], []).sources = ["a"]


def test_different_line_counts(write):
    source, target = write("x.en", "a\nb\nc\n"), write("x.de", "A\nB\n")
    with pytest.raises(ValueError, match=r"x\.en has 3, .*x\.de has 2; .* partner is 3\. Received: files="):
        read_parallel_text((source, target))


def test_missing_file(write, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere\.de: no such file"):
        read_parallel_text((write("x.en", "a"), tmp_path / "nowhere.de"))


@pytest.mark.parametrize("name", ["x.txt", "x.txt.gz"])
@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf"])
def test_empty_file(write, name, content):
    with pytest.raises(ValueError, match=rf"{re.escape(name)}: the file is empty"):
        read_lines(write(name, content))


def test_directory(tmp_path):
    with pytest.raises(ValueError, match="is a directory"):
        read_lines(tmp_path)


@pytest.mark.parametrize("name", ["x.txt", "x.txt.gz"])
def test_undecodable_bytes(write, name):
    content = "\ufeffgröße\nb\n".encode() + b"caf\xe9\nd\n"
    offset = content.index(b"\xe9")
    with pytest.raises(ValueError, match=rf"{re.escape(name)}:3: not valid UTF-8 at byte offset {offset} "):
        read_lines(write(name, content))


@pytest.mark.parametrize(
    "damage",
    [lambda data: b"plain text", lambda data: data[:-12], lambda data: data[:30] + b"\x55" * 20 + data[50:]],
    ids=["not gzip", "cut off", "overwritten"],
)
def test_damaged_gzip(tmp_path, damage):
    path = tmp_path / "x.en.gz"
    path.write_bytes(damage(gzip.compress("".join(f"{n * n}\n" for n in range(500)).encode())))
    with pytest.raises(ValueError, match=r"x\.en\.gz: the gzip file is damaged or incomplete"):
        read_lines(path)


@pytest.mark.parametrize(
    ("name", "row", "message"),
    [
        ("x.tsv", "only one column", "expected 2 columns .* found 1"),
        ("x.tsv", "a\tb\tc", "expected 2 columns .* found 3"),
        ("x.jsonl", "{not json", "not valid JSON"),
        ("x.jsonl", "[" * 100_000, "not valid JSON"),
        ("x.jsonl", '["a", "b"]', "expected a JSON object"),
        ("x.jsonl", '{"source": "a"}', 'keys "source" and "target"'),
        ("x.jsonl", '{"source": "a", "target": 3}', "both strings"),
        ("x.jsonl", '{"source": "a", "target": "\\ud83d"}', "surrogate"),
    ],
)
def test_malformed_row(write, name, row, message):
    good = "a\tb" if name == "x.tsv" else '{"source": "a", "target": "b"}'
    with pytest.raises(ValueError, match=rf"{re.escape(name)}:3: .*{message}.*Received: row=") as error:
        read_parallel_text(write(name, f"{good}\n{good}\n{row}\n{good}\n"))
    assert len(str(error.value)) < 600


def test_no_pair_left(write):
    with pytest.raises(ValueError, match=r"No sentence pair is left: all 2 rows .*x\.en:1"):
        read_parallel_text((write("x.en", "\n\n"), write("x.de", "A\nB\n")))


@pytest.mark.parametrize("files", [("a", "b", "c"), ("a",), 5, None])
def test_wrong_kind_of_files(files):
    with pytest.raises(ValueError, match=r"pair of paths .* Received: files="):
        read_parallel_text(files)


@pytest.mark.parametrize("name", ["x.csv", "x", "x.gz", "x.csv.gz", "tsv"])
def test_unknown_single_file(name):
    with pytest.raises(ValueError, match=r"must end in \.tsv or \.jsonl"):
        read_parallel_text(name)
