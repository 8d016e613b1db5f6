"""Packed rows hold every pair once, whole, numbered, and with little padding."""

from collections import Counter

import numpy as np
import pytest

from keras_attn.data import TokenBatches
from keras_attn.data.packing import pack_pairs

START, END = 1, 2
generator = np.random.default_rng(0)
LENGTHS = [generator.integers(3, 18, 700)]
LENGTHS.append(LENGTHS[0] + generator.integers(-2, 3, 700))
SOURCES, TARGETS = ([generator.integers(3, 99, n) for n in lengths] for lengths in LENGTHS)


def test_rows_hold_each_pair_once_and_have_room():
    order = generator.permutation(700)
    rows = pack_pairs(order, *LENGTHS, 40, 42)
    assert sorted(rows[rows >= 0]) == list(range(700))
    for lengths, room in zip(LENGTHS, (40, 42), strict=True):
        assert (np.where(rows >= 0, lengths[rows], 0).sum(axis=1) <= room).all()
    assert len(rows) < 1.08 * LENGTHS[0].sum() / 40


def segments_of(ids, numbers):
    """Splits rows of ids by the numbers of their segments, which count from 1, in order, 0 at padding alone."""
    for row, segments in zip(ids, numbers, strict=True):
        assert ((row == 0) == (segments == 0)).all()
        assert np.array_equal(segments, np.sort(np.where(segments == 0, 999, segments)) % 999)
        yield [row[segments == n].tolist() for n in range(1, segments.max() + 1)]


@pytest.mark.parametrize("accumulate", [1, 4])
def test_every_pair_is_seen_once_an_epoch(accumulate):
    batches = TokenBatches(
        SOURCES, TARGETS, batch_tokens=160, max_length=40, packing=True, accumulate=accumulate, seed=2
    )
    expected = Counter(
        ((*map(int, s), END), (START, *map(int, t)), (*map(int, t), END)) for s, t in zip(SOURCES, TARGETS, strict=True)
    )
    for epoch in range(2):
        batches.epoch = epoch
        seen = Counter()
        for index in range(len(batches)):
            inputs, labels, *_ = batches[index]
            sides = [(inputs[s], inputs[f"{s}_segments"]) for s in ("source", "target")]
            sides.append((labels, inputs["target_segments"]))
            assert {x.dtype for side in sides for x in side} == {np.dtype("int32")}
            for row in zip(*(segments_of(*side) for side in sides), strict=True):
                seen.update(zip(*(map(tuple, side) for side in row), strict=True))
        assert seen == expected
    assert len(batches.shapes) == 1 and batches.padding_fraction < 0.12
    assert batches.target_tokens == sum(len(t) + 1 for t in TARGETS)


def test_the_order_is_a_function_of_seed_and_epoch():
    first, second = (TokenBatches(SOURCES, TARGETS, max_length=64, packing=True) for _ in range(2))
    everything = lambda batches: [batches[n][1].tolist() for n in range(len(batches))]  # noqa: E731
    assert everything(first) == everything(second)
    first.epoch = 1
    assert everything(first) != everything(second)


def test_sides_of_unlike_lengths_get_unlike_room():
    batches = TokenBatches(SOURCES, [target[:2] for target in TARGETS], max_length=60, packing=True)
    ((source_length, target_length, rows),) = batches.shapes
    assert source_length == 60 and 10 < target_length < 25 and rows == 4096 // 60


def test_every_epoch_has_as_many_batches():
    make = np.random.default_rng(0).integers
    sources = [[5] * n for n in make(3, 40, 2000)]
    targets = [[5] * max(1, len(s) + d) for s, d in zip(sources, make(-3, 4, 2000), strict=True)]
    batches = TokenBatches(sources, targets, batch_tokens=512, max_length=64, packing=True)
    count, needed = len(batches), set()
    for epoch in range(8):
        batches.epoch = epoch
        assert len(batches) == count
        needed.add(sum(bool(batches[n][1].any()) for n in range(count)))
    assert len(needed) > 1  # the orders fill unlike numbers of rows
