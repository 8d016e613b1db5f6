import numpy as np
import pytest

from keras_attn.data import TextBatches

RANDOM = np.random.default_rng(0)
IDS = [RANDOM.integers(4, 99, length).tolist() for length in RANDOM.integers(0, 30, 203)]
TARGETS = np.eye(203)


def batches_of(**arguments):
    return TextBatches(IDS, {"head_0": TARGETS, "head_1": TARGETS[:, :2]}, **{"batch_size": 8, **arguments})


def rows_of(batches):
    """Which texts stand in each batch, by their targets."""
    return [batch[1]["head_0"].argmax(axis=1).tolist() for batch in (batches[i] for i in range(len(batches)))]


def test_every_text_once_an_epoch_with_its_ids_and_targets():
    batches = batches_of(max_length=16)
    assert len(batches) == 26 and sorted(row for rows in rows_of(batches) for row in rows) == list(range(203))
    assert batches.truncated == sum(len(row) > 15 for row in IDS)
    assert batches.target_tokens == sum(min(len(row), 15) + 1 for row in IDS)
    for index, rows in enumerate(rows_of(batches)):
        ids, targets = batches[index]
        assert ids.dtype == np.int32 and ids.shape[1] % 4 == 0
        for row, text in zip(ids, rows, strict=True):
            expected = [*IDS[text][:15], 2]
            assert row.tolist() == expected + [0] * (ids.shape[1] - len(expected))
        assert np.array_equal(targets["head_1"], TARGETS[rows][:, :2])


def test_texts_may_begin_with_an_id_too():
    batches = batches_of(max_length=16, start_id=77, end_id=78, shuffle=False, batch_size=203)
    assert batches.truncated == sum(len(row) > 14 for row in IDS)
    for row, text in zip(batches[0][0], IDS, strict=True):
        expected = [77, *text[:14], 78]
        assert row.tolist() == expected + [0] * (len(row) - len(expected))


def test_the_order_is_a_function_of_seed_and_epoch():
    first, again, other = batches_of(seed=3), batches_of(seed=3), batches_of(seed=4)
    assert rows_of(first) == rows_of(again) != rows_of(other)
    first.epoch = 1
    assert rows_of(first) != rows_of(again)
    again.epoch = 1
    assert rows_of(first) == rows_of(again)
    assert [row for rows in rows_of(batches_of(shuffle=False)) for row in rows] == list(range(203))


def test_texts_of_like_lengths_stand_together():
    batches = batches_of()
    slots = sum(batches[i][0].size for i in range(len(batches)))
    assert batches.target_tokens / slots > 0.8  # in order of the file: below 0.6
    batches = batches_of(shuffle=False)
    assert batches.target_tokens / sum(batches[i][0].size for i in range(len(batches))) < 0.6


def test_weights_and_the_dataset():
    weights = np.arange(203.0)
    batches = batches_of(weights={"head_0": weights})
    dataset = batches.as_dataset()
    assert dataset.cardinality() == 26
    for index, (ids, targets, own) in enumerate(dataset.as_numpy_iterator()):
        rows = rows_of(batches)[index]
        assert np.array_equal(ids, batches[index][0]) and np.array_equal(targets["head_0"], TARGETS[rows])
        assert own["head_0"].tolist() == weights[rows].tolist()
    batches.epoch = 1
    assert np.array_equal(next(dataset.as_numpy_iterator())[0], batches[0][0])


def test_errors():
    with pytest.raises(ValueError, match=r"Received: 0 texts, \[0\] rows"):
        TextBatches([], {"head_0": np.zeros((0, 2))})
    with pytest.raises(ValueError, match=r"Received: 2 texts, \[2, 1\] rows"):
        TextBatches([[4], [5]], {"head_0": np.eye(2)}, {"head_0": np.ones(1)})
