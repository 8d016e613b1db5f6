"""Batches of language models hold every token once, shifted or masked."""

import numpy as np
import pytest

from keras_attn.data import LanguageBatches, TokenMasking

V, MASK_ID = 30, 3
SEQUENCES = [np.random.default_rng(i).integers(4, V, 1 + i % 23) for i in range(60)]
MASKING = TokenMasking(np.ones(V, bool), MASK_ID, (0, 1, 2, 3), 0.3)
ARGUMENTS = {"batch_tokens": 64, "max_length": 12, "num_buckets": 3, "seed": 7}


def parts(room):
    return sorted(tuple(s[i : i + room].tolist()) for s in SEQUENCES for i in range(0, len(s), room))


def content(row):
    return tuple(id_ for id_ in row.tolist() if id_ not in (0, 1, 2))


def test_the_next_token():
    batches = LanguageBatches(SEQUENCES, **ARGUMENTS)
    seen = []
    for index in range(len(batches)):
        inputs, labels = batches[index]
        ids = inputs["ids"]
        for row, label in zip(ids, labels, strict=True):
            length = np.count_nonzero(label)
            if length:
                assert row[0] == 1 and label[length - 1] == 2
                assert row[1:length].tolist() == label[: length - 1].tolist()
                seen.append(content(label))
            assert not row[length:].any() and not label[length:].any()
    assert sorted(seen) == parts(11)  # a row has room for eleven tokens beside the end


def restored(inputs, labels):
    """The ids before they were masked, by the labels."""
    ids = inputs["ids"].copy()
    for row, column in zip(*np.nonzero(labels), strict=True):
        ids[row, inputs["positions"][row, column]] = labels[row, column]
    return ids


def test_masked_tokens_can_be_put_back():
    batches, seen, changed = LanguageBatches(SEQUENCES, MASKING, **ARGUMENTS), [], 0
    for index in range(len(batches)):
        inputs, labels = batches[index]
        assert labels.shape == inputs["positions"].shape and labels.shape[1] >= 1
        assert ((labels > 3) | (labels == 0)).all()
        ids = restored(inputs, labels)
        changed += (ids != inputs["ids"]).sum()
        for row in ids:
            if row.any():
                assert row[0] == 1 and row[np.count_nonzero(row) - 1] == 2
                seen.append(content(row))
    assert sorted(seen) == parts(10) and changed > 50


def test_the_order_and_the_masks_are_a_function_of_seed_and_epoch():
    def all_of(seed, epoch):
        batches = LanguageBatches(SEQUENCES, MASKING, **{**ARGUMENTS, "seed": seed})
        batches.epoch = epoch
        return [batches[i] for i in range(len(batches))]

    def same(one, other):
        return len(one) == len(other) and all(
            np.array_equal(a[0]["ids"], b[0]["ids"]) and np.array_equal(a[1], b[1])
            for a, b in zip(one, other, strict=True)
        )

    assert same(all_of(7, 3), all_of(7, 3))
    assert not same(all_of(7, 3), all_of(7, 4)) and not same(all_of(7, 3), all_of(8, 3))


def test_without_shuffling_each_epoch_still_masks_anew():
    batches = LanguageBatches(SEQUENCES, MASKING, shuffle=False, **ARGUMENTS)
    inputs, labels = batches[0]
    batches.epoch = 1
    assert not np.array_equal(inputs["ids"], batches[0][0]["ids"])
    assert np.array_equal(restored(inputs, labels), restored(*batches[0]))


@pytest.mark.parametrize("masking", [None, MASKING], ids=["causal", "masked"])
def test_as_dataset_gives_the_same(masking):
    batches = LanguageBatches(SEQUENCES, masking, **ARGUMENTS)
    dataset = batches.as_dataset()
    assert len(dataset) == len(batches)
    for index, (inputs, labels) in enumerate(dataset):
        expected = batches[index]
        assert inputs.keys() == expected[0].keys() and np.array_equal(labels, expected[1])
        assert all(np.array_equal(inputs[name], expected[0][name]) for name in inputs)


def test_a_row_without_room():
    with pytest.raises(ValueError, match=r"Received: max_length=2$"):
        LanguageBatches(SEQUENCES, MASKING, max_length=2)
