import numpy as np
import pytest

from keras_attn.data import SignalBatches


def signals(*lengths):
    return [np.full((length, 2), number + 1, "float32") for number, length in enumerate(lengths)]


def test_every_signal_comes_once_an_epoch_padded_and_masked():
    lengths = [3, 9, 5, 4, 12, 1, 2]
    batches = SignalBatches(signals(*lengths), np.eye(7), batch_size=3, seed=5)
    seen = []
    for i in range(len(batches)):
        inputs, targets = batches[i]
        assert inputs["signals"].shape[1] % 8 == 0
        for row, mask, target in zip(inputs["signals"], inputs["mask"], targets, strict=True):
            number = int(target.argmax())
            seen.append(number)
            assert mask.tolist() == [step < lengths[number] for step in range(len(mask))]
            assert (row[mask] == number + 1).all() and not row[~mask].any()
    assert sorted(seen) == list(range(7)) and seen == batches.order().tolist()
    assert batches.target_tokens == sum(lengths)


def test_few_signals_are_gone_through_several_times():
    batches = SignalBatches(signals(3, 4, 5), np.eye(3), batch_size=2, min_batches=10)
    assert len(batches) == 11 and batches.target_tokens == 7 * 12
    assert np.bincount(batches.order()).tolist() == [7, 7, 7]


def test_the_order_is_a_function_of_seed_and_epoch():
    def orders(seed):
        batches, found = SignalBatches(signals(*range(1, 20)), np.eye(19), batch_size=4, seed=seed), []
        for epoch in (0, 1, 0):
            batches.epoch = epoch
            found.append(batches.order().tolist())
        return found

    first, second, again = orders(1)
    assert first == again != second and orders(1) == [first, second, again] and orders(2)[0] != first
    plain = SignalBatches(signals(3, 1, 2), np.eye(3), batch_size=2, shuffle=False)
    assert plain.order().tolist() == [1, 2, 0]  # by length


def test_targets_of_different_lengths_and_a_weight_a_step():
    texts = [np.array([1, 2, 3]), np.array([4])]
    _, targets = SignalBatches(signals(2, 3), texts, batch_size=2, shuffle=False)[0]
    assert targets.tolist() == [[1, 2, 3], [4, 0, 0]]
    values = [np.ones((2, 1), "float32"), np.ones((3, 1), "float32")]
    inputs, targets, weights = SignalBatches(signals(2, 3), values, batch_size=2, shuffle=False, weigh_steps=True)[0]
    assert targets.shape == (2, 8, 1) and targets.sum() == 5
    np.testing.assert_array_equal(weights, inputs["mask"])


@pytest.mark.parametrize("weigh_steps", [False, True])
def test_as_a_dataset(weigh_steps):
    values = [np.ones((length, 1), "float32") for length in (2, 9, 3)]
    batches = SignalBatches(signals(2, 9, 3), values, batch_size=2, weigh_steps=weigh_steps, seed=1)
    for epoch in (0, 1):
        batches.epoch = epoch
        dataset = batches.as_dataset()
        assert int(dataset.cardinality()) == len(batches) == 2
        for i, batch in enumerate(dataset):
            assert len(batch) == 2 + weigh_steps
            np.testing.assert_array_equal(batch[0]["signals"].numpy(), batches[i][0]["signals"])
            np.testing.assert_array_equal(batch[1].numpy(), batches[i][1])


def test_errors():
    with pytest.raises(ValueError, match=r"a target for each\. Received: 2 signals, 1 targets"):
        SignalBatches(signals(1, 2), [0])
