"""Every row once an epoch, rows of like lengths together; `TextBatches` and `TaggedBatches` have tests of their own."""

import numpy as np
import pytest

from keras_attn.data.sorted_batches import SortedBatches, padded

LENGTHS = np.random.default_rng(0).integers(1, 30, 203)


def test_every_row_once_an_epoch_by_seed_and_epoch():
    first, again = SortedBatches(LENGTHS, 8, seed=3), SortedBatches(LENGTHS, 8, seed=3)
    plans = []
    for epoch in (0, 1):
        first.epoch = again.epoch = epoch
        plans.append([row for i in range(len(first)) for row in first.rows_of(i).tolist()])
        assert sorted(plans[-1]) == list(range(203))
        assert plans[-1] == [row for i in range(len(again)) for row in again.rows_of(i).tolist()]
    assert plans[0] != plans[1] and first.target_tokens == LENGTHS.sum()


def test_rows_of_like_lengths_stand_together():
    def slots(batches):
        return sum(len(rows) * LENGTHS[rows].max() for rows in map(batches.rows_of, range(len(batches))))

    assert slots(SortedBatches(LENGTHS, 8)) < 0.8 * slots(SortedBatches(LENGTHS, 8, shuffle=False))


def test_padded_is_never_empty():
    assert padded([[], []], 4, -1).tolist() == [[-1] * 4] * 2
    assert padded([[1, 2, 3, 4, 5]], 4).tolist() == [[1, 2, 3, 4, 5, 0, 0, 0]]


def test_a_subclass_must_describe_its_batches():
    with pytest.raises(NotImplementedError, match="SortedBatches must define"):
        SortedBatches([1], 1).signature()
