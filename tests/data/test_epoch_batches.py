"""What batches of an epoch share: an order of its own for each, and a dataset of the same batches."""

import numpy as np
import pytest

from keras_attn.data.epoch_batches import EpochBatches


class Numbers(EpochBatches):
    """Nine numbers, three a batch."""

    seed = 1

    def __init__(self):
        self.epoch = 0

    def __getitem__(self, index):
        return (self._plan[index].astype("int32"),)

    def signature(self):
        import tensorflow as tf

        return (tf.TensorSpec((None,), tf.int32),)

    def _plan_epoch(self, generator):
        return np.split(generator.permutation(9), 3)


def served(batches):
    return [batches[index][0].tolist() for index in range(len(batches))]


def test_the_order_is_that_of_the_epoch():
    batches, other = Numbers(), Numbers()
    first = served(batches)
    assert first == [part.tolist() for part in np.split(np.random.default_rng([1, 0]).permutation(9), 3)]
    batches.epoch = 7
    assert batches.epoch == 7 and served(batches) != first
    assert sorted(number for batch in served(batches) for number in batch) == list(range(9))
    other.epoch = 7
    assert served(other) == served(batches)
    batches.epoch = 0
    assert served(batches) == first


def test_each_pass_over_the_dataset_serves_the_epoch():
    batches = Numbers()
    dataset = batches.as_dataset()
    assert int(dataset.cardinality()) == 3 and dataset.options().autotune.enabled is False
    for epoch in (0, 4):
        batches.epoch = epoch
        assert [numbers.tolist() for (numbers,) in dataset.as_numpy_iterator()] == served(batches)


def test_what_a_subclass_must_define():
    with pytest.raises(NotImplementedError, match=r"EpochBatches must define `signature\(\)`"):
        EpochBatches().signature()
    with pytest.raises(NotImplementedError, match="_plan_epoch"):
        EpochBatches()._plan_epoch(None)
