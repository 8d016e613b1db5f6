"""Lines from files that grow, are rotated and truncated, and from pipes; the place is always behind what was given."""

import os
import random
import re
import threading
import time
import warnings

import pytest

from keras_attn.monitoring import FileLines, PipeLines
from keras_attn.monitoring.line_source import LineSplitter


def drain(source, size=3, wait=0.01):
    lines = [line for batch in source.batches(size, wait) for line in batch]
    source.close()
    return lines


@pytest.mark.parametrize("seed", range(20))
def test_the_splitter_beside_splitting_it_whole(seed):
    draw = random.Random(seed)
    content = b"".join(b"x" * draw.choice([0, 1, 5, 10, 11, 40]) + b"\n" for _ in range(50)) + b"y" * draw.choice(
        [0, 4, 30]
    )
    splitter, found = LineSplitter(limit=10), []
    start = 0
    while start < len(content):
        end = start + draw.randint(1, 30)
        found += splitter.feed(content[start:end])
        assert len(splitter.rest) <= 10
        start = end
    last = splitter.finish()
    found += [last] if last else []
    lines = content.split(b"\n")
    expected = [(line if len(line) <= 10 else None, len(line) + 1) for line in lines[:-1]]
    if lines[-1]:
        expected.append((lines[-1] if len(lines[-1]) <= 10 else None, len(lines[-1])))
    assert found == expected
    assert splitter.finish() is None


def test_a_file_in_batches(tmp_path):
    path = tmp_path / "m.jsonl"
    path.write_bytes(b"1\n2\r\n\n4\n5\n")
    source = FileLines(path)
    assert list(source.batches(2, 0.01)) == [[b"1", b"2\r"], [b"", b"4"], [b"5"]]


@pytest.mark.parametrize("stop", range(8))
def test_a_file_goes_on_at_its_position(tmp_path, stop):
    path = tmp_path / "m.jsonl"
    path.write_bytes(b"".join(b"%d\n" % number * number for number in range(1, 8)))
    everything = drain(FileLines(path))
    source = FileLines(path)
    batches = source.batches(4, 0.01)
    first = [line for _ in range(stop) for line in next(batches)]
    position = source.position()
    source.close()
    assert first + drain(FileLines(path, position)) == everything


def test_a_long_line_is_left_out_without_being_held(tmp_path):
    path = tmp_path / "m.jsonl"
    path.write_bytes(b"1\n" + b"x" * 10_000_000 + b"\n3\n" + b"y" * 2_000_000)
    source = FileLines(path, limit=1_000_000)
    assert drain(source) == [b"1", None, b"3", None]


@pytest.mark.parametrize("rest, read", [(b'{"a": 1}', True), (b'{"a": ', False), (b"5", True)])
def test_an_unfinished_last_line(tmp_path, rest, read):
    """Whole JSON is read at the end; half a line is left for the next time, when it may be whole."""
    path = tmp_path / "m.jsonl"
    path.write_bytes(b"1\n" + rest)
    source = FileLines(path)
    assert [line for batch in source.batches(9, 0.01) for line in batch] == [b"1", *[rest] * read]
    position = source.position()
    with path.open("ab") as file:
        file.write(b"7}\n9\n")
    assert drain(FileLines(path, position)) == ([b"7}", b"9"] if read else [rest + b"7}", b"9"])


def follow(path, steps, expected, position=None):
    """Reads while another thread changes the files; gives the lines once there are as many as expected."""
    source, lines, deadline = FileLines(path, position, follow=True), [], time.monotonic() + 20
    thread = threading.Thread(target=steps)
    for batch in source.batches(3, 0.02):
        if thread.ident is None:
            thread.start()
        lines += batch
        if (len(lines) >= expected and not thread.is_alive()) or time.monotonic() > deadline:
            break
    thread.join()
    position = source.position()
    source.close()
    return lines, position


def test_a_file_that_grows(tmp_path):
    path = tmp_path / "m.jsonl"
    path.write_bytes(b"1\n2")

    def steps():
        for content in (b"\n", b"3", b"3\n4\n", b"5\n"):
            time.sleep(0.05)
            with path.open("ab") as file:
                file.write(content)

    assert follow(path, steps, 5)[0] == [b"1", b"2", b"33", b"4", b"5"]


def test_a_file_that_is_rotated(tmp_path):
    """Twice, once with an unfinished last line; the place is one in the newest file."""
    path = tmp_path / "m.jsonl"
    path.write_bytes(b"1\n2\n")

    def steps():
        for number in (1, 2):
            time.sleep(0.1)
            with path.open("ab") as file:
                file.write(b"old %d" % number)
            path.rename(tmp_path / f"m.jsonl.{number}")
            time.sleep(0.1)
            path.write_bytes(b"new %d\n" % number)

    lines, position = follow(path, steps, 6)
    assert lines == [b"1", b"2", b"old 1", b"new 1", b"old 2", b"new 2"]
    assert position["offset"] == 6


def test_a_file_that_is_truncated(tmp_path):
    path = tmp_path / "m.jsonl"
    path.write_bytes(b"1\n22222\n")

    def steps():
        time.sleep(0.1)
        os.truncate(path, 0)
        time.sleep(0.1)
        with path.open("ab") as file:
            file.write(b"3\n")

    with pytest.warns(UserWarning, match="was truncated; it is read on from its begin"):
        assert follow(path, steps, 3)[0] == [b"1", b"22222", b"3"]


def read_two_and_stop(path):
    path.write_bytes(b"first\nsecond\nthird\n")
    source = FileLines(path)
    assert next(source.batches(2, 0.01)) == [b"first", b"second"]
    position = source.position()
    source.close()
    return position


def test_rotated_while_nobody_watched(tmp_path):
    """The rest of the old file comes first, wherever it has gone; another process's copies are not mistaken for it."""
    path = tmp_path / "m[1].jsonl"
    position = read_two_and_stop(path)
    path.rename(tmp_path / "m[1].jsonl.2")
    (tmp_path / "m[1].jsonl.1").write_bytes(b"between\nthese\ntimes\n")
    path.write_bytes(b"a new file that is longer than the old one was\n")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert drain(FileLines(path, position)) == [b"third", b"a new file that is longer than the old one was"]


def test_moved_and_copied_back(tmp_path):
    path = tmp_path / "m.jsonl"
    position = read_two_and_stop(path)
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content + b"fourth\n")
    assert drain(FileLines(path, position)) == [b"third", b"fourth"]


@pytest.mark.parametrize("content", [b"new\n", b"quite another file, longer than the old\n"])
def test_replaced_while_nobody_watched(tmp_path, content):
    path = tmp_path / "m.jsonl"
    position = read_two_and_stop(path)
    path.write_bytes(content)
    with pytest.warns(UserWarning, match="is not the file that was read before"):
        assert drain(FileLines(path, position)) == [content.strip()]


def test_what_cannot_be_read(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no such file\. Check the path\. Received: file="):
        FileLines(tmp_path / "missing.jsonl")
    (tmp_path / "m.jsonl.gz").write_bytes(b"")
    for path in (tmp_path, tmp_path / "m.jsonl.gz"):
        with pytest.raises(ValueError, match=re.escape("zcat FILE | keras-attn monitor RUN -")):
            FileLines(path)


def test_a_pipe():
    reading, writing = os.pipe()
    source = PipeLines(reading)
    assert source.position() is None

    def write():
        for content in (b"1\n2", b"2\n", b"3\n4"):
            os.write(writing, content)
            time.sleep(0.05)
        os.close(writing)

    thread = threading.Thread(target=write)
    thread.start()
    assert drain(source) == [b"1", b"22", b"3", b"4"]
    thread.join()
    os.close(reading)


def test_a_batch_does_not_wait_longer_than_it_may():
    reading, writing = os.pipe()
    os.write(writing, b"1\n")
    start = time.monotonic()
    batches = PipeLines(reading).batches(100, 0.1)
    assert next(batches) == [b"1"]
    assert next(batches) == []
    assert 0.15 < time.monotonic() - start < 2
    os.close(writing)
    assert list(batches) == [[]]
    os.close(reading)
