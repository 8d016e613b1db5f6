"""A cache of tokens: equal to the texts read whole, resumable, and not mixed up with another one."""

import functools
import multiprocessing
import os
import signal
import time

import numpy as np
import pytest

from keras_attn.data import ParallelText, TokenBatches, TokenCache


def make_encode(slow=0.0, offset=3):
    """A function that gives each letter its number; the word "stop" ends it."""

    def encode(texts):
        time.sleep(slow)
        if "stop" in texts:
            raise RuntimeError("asked to stop")
        ids = [ord(letter) - ord("a") + offset for text in texts for letter in text]
        return ids, [len(text) for text in texts]

    return encode


def pairs(count, seed):
    draw = np.random.default_rng(seed)
    words = ["".join(draw.choice(list("abcdefgh"), draw.integers(1, 9))) for _ in range(2 * count)]
    return words[:count], words[count:]


@pytest.fixture
def files(tmp_path):
    """Four files of pairs: three tables and two texts, line by line; a row of the first has no target."""
    made = []
    for number in range(3):
        path = tmp_path / f"part-{number}.tsv"
        rows = [f"{source}\t{target}" for source, target in zip(*pairs(40, number), strict=True)]
        path.write_text("\n".join([*rows, "alone\t"] if number == 0 else rows) + "\n", "utf-8")
        made.append(path)
    for side, texts in zip(("en", "de"), pairs(25, 9), strict=True):
        (tmp_path / f"last.{side}").write_text("\n".join(texts) + "\n", "utf-8")
    return [*made, (tmp_path / "last.en", tmp_path / "last.de")]


@pytest.fixture
def whole():
    """All their pairs, read at once."""
    parts = [pairs(40, number) for number in range(3)] + [pairs(25, 9)]
    return ParallelText(*([text for part in parts for text in part[side]] for side in (0, 1)))


def ids_of(texts, offset=3):
    return [[ord(letter) - ord("a") + offset for letter in text] for text in texts]


def test_batches_from_a_cache_are_those_of_the_texts(files, whole, tmp_path):
    done = []
    cache = TokenCache.build(tmp_path / "cache", files, make_encode, processes=2, advance=done.append)
    assert len(cache) == 145 and cache.skipped == 1 and done == [1, 2, 3, 4]
    assert cache.sources.ids.dtype == np.uint16 and isinstance(cache.sources.ids, np.memmap)
    how = {"batch_tokens": 64, "max_length": 8, "num_buckets": 4, "seed": 5}
    expected = TokenBatches(ids_of(whole.sources), ids_of(whole.targets), **how)
    found = TokenBatches(cache.sources, cache.targets, **how)
    assert len(found) == len(expected) and found.truncated == expected.truncated > 0
    for epoch in (0, 3):
        found.epoch = expected.epoch = epoch
        for index in range(len(found)):
            (inputs, labels), (wanted, wanted_labels) = found[index], expected[index]
            np.testing.assert_array_equal(labels, wanted_labels)
            for name, array in inputs.items():
                np.testing.assert_array_equal(array, wanted[name])


def test_many_ids_take_more_bytes(files, tmp_path):
    cache = TokenCache.build(tmp_path / "cache", files[:1], functools.partial(make_encode, offset=70_000), processes=1)
    assert cache.targets.ids.dtype == np.int32 and cache.targets.ids.min() >= 70_000


def build_slowly(folder, files):
    TokenCache.build(folder, files, functools.partial(make_encode, slow=0.3), processes=1)


def test_killed_it_goes_on_with_the_next_file(files, tmp_path):
    folder, begun = tmp_path / "cache", multiprocessing.get_context("spawn").Process
    process = begun(target=build_slowly, args=(tmp_path / "cache", files))
    process.start()
    deadline = time.monotonic() + 60
    while not list(folder.glob("parts/0*.npz")):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    with pytest.raises(FileNotFoundError, match="no whole cache"):
        TokenCache(folder)
    first = (folder / "parts" / "000000.npz").stat().st_mtime_ns
    os.utime(folder / "parts" / "000000.npz", ns=(first, first))
    done = []
    cache = TokenCache.build(folder, files, make_encode, processes=1, advance=done.append)
    assert len(cache) == 145 and 0 < len(done) < 4 and not (folder / "parts").exists()
    other = TokenCache.build(tmp_path / "other", files, make_encode, processes=1)
    assert cache.fingerprint() == other.fingerprint()
    np.testing.assert_array_equal(cache.sources.ids, other.sources.ids)


def test_an_error_keeps_what_is_done(files, tmp_path):
    bad = tmp_path / "bad.tsv"
    bad.write_text("stop\tstop\n", "utf-8")
    with pytest.raises(RuntimeError, match="asked to stop"):
        TokenCache.build(tmp_path / "cache", [*files, bad], make_encode, processes=1)
    assert len(list((tmp_path / "cache" / "parts").glob("0*.npz"))) == 4


def test_a_cache_is_made_once_and_of_the_files_it_says(files, tmp_path):
    folder, how = tmp_path / "cache", {"described": {"vocabulary_size": 30}, "processes": 1}
    made = TokenCache.build(folder, files, make_encode, **how)
    again = TokenCache.build(folder, files, None, **how)  # nothing is encoded
    assert again.fingerprint() == made.fingerprint()
    with pytest.raises(ValueError, match="its vocabulary_size differ"):
        TokenCache.build(folder, files, make_encode, described={"vocabulary_size": 31}, processes=1)
    with pytest.raises(ValueError, match="its files differ"):
        TokenCache.build(folder, files[:2], make_encode, **how)
    with pytest.raises(FileNotFoundError, match=r"none\.tsv: no such file"):
        TokenCache.build(tmp_path / "new", [tmp_path / "none.tsv"], make_encode)
    assert not (tmp_path / "new").exists()
    (folder / "cache.json").unlink()
    with pytest.raises(ValueError, match="a damaged cache"):
        TokenCache.build(folder, files, make_encode, **how)
