"""Windows against slices of the series."""

import numpy as np
import pytest

from keras_attn.data import WindowBatches, WindowSource, every_origin


def source(length, ahead=0, seed=0, gaps=False):
    draw = np.random.default_rng(seed)
    targets = draw.normal(size=(length, 2)).astype("float32")
    observed = draw.random((length, 2)) < 0.7 if gaps else np.ones((length, 2), bool)
    both = length + ahead
    return WindowSource(
        targets,
        observed,
        draw.normal(size=(length, 3)).astype("float32"),
        draw.normal(size=(both, 1)).astype("float32"),
        draw.integers(0, 7, (both, 2)).astype("int32"),
        draw.normal(size=4).astype("float32"),
    )


SOURCES = [source(11, seed=1), source(8, seed=2), source(5, seed=3)]
SIZES = {"lookback": 4, "horizon": 3}


def test_every_window_is_a_slice():
    origins = every_origin(SOURCES, 4, 3)
    assert origins.tolist() == [[0, i] for i in range(4, 9)] + [[1, 4], [1, 5]]
    batches = WindowBatches(SOURCES, origins, **SIZES, batch_size=3, shuffle=False)
    assert len(batches) == 3 and batches.target_tokens == 21
    seen = []
    for index in range(len(batches)):
        inputs, targets = batches[index]
        for row, (series, step) in enumerate(batches.origins_of(index)):
            one = SOURCES[series]
            np.testing.assert_array_equal(inputs["history"][row], one.targets[step - 4 : step])
            np.testing.assert_array_equal(inputs["past"][row], one.past[step - 4 : step])
            np.testing.assert_array_equal(inputs["known"][row], one.known[step - 4 : step + 3])
            np.testing.assert_array_equal(inputs["calendar"][row], one.calendar[step - 4 : step + 3])
            np.testing.assert_array_equal(inputs["static"][row], one.static)
            np.testing.assert_array_equal(targets[row], one.targets[step : step + 3])
            seen.append([series, step])
    assert seen == origins.tolist()


def test_borders_of_a_part():
    assert every_origin(SOURCES, 4, 3, first=[6, 0, 0], end=[10, 7, 5]).tolist() == [[0, 6], [0, 7], [1, 4]]


def test_what_was_not_observed_has_no_weight():
    one = source(9, gaps=True)
    inputs, targets, weights = WindowBatches([one], [[0, 5]], **SIZES, masked=True)[0]
    np.testing.assert_array_equal(weights[0], one.observed[5:8])
    np.testing.assert_array_equal(inputs["observed"][0], one.observed[1:5])
    assert targets.shape == weights.shape == (1, 3, 2)


def test_a_short_series_repeats_its_first_step():
    inputs, _ = WindowBatches([SOURCES[2]], [[0, 2]], **SIZES, masked=True)[0]
    one = SOURCES[2].targets
    np.testing.assert_array_equal(inputs["history"][0], [one[0], one[0], one[0], one[1]])
    assert inputs["observed"][0].tolist() == [[False] * 2] * 2 + [[True] * 2] * 2


def test_the_future_has_no_targets():
    one = source(6, ahead=3)
    batches = WindowBatches([one], [[0, 6]], **SIZES, with_targets=False)
    (inputs,) = batches[0]
    np.testing.assert_array_equal(inputs["known"][0], one.known[2:])
    np.testing.assert_array_equal(inputs["history"][0], one.targets[2:])


def test_the_order_is_that_of_seed_and_epoch():
    def order(seed, epoch):
        batches = WindowBatches(SOURCES, every_origin(SOURCES, 4, 3), **SIZES, batch_size=2, seed=seed)
        batches.epoch = epoch
        return np.concatenate([batches.origins_of(i) for i in range(len(batches))]).tolist()

    assert order(1, 0) == order(1, 0) and order(1, 0) != order(1, 1) and order(1, 0) != order(2, 0)
    assert sorted(order(1, 3)) == every_origin(SOURCES, 4, 3).tolist()


def test_as_a_dataset():
    batches = WindowBatches(SOURCES, every_origin(SOURCES, 4, 3), **SIZES, batch_size=4)
    dataset = batches.as_dataset()
    assert int(dataset.cardinality()) == 2
    for index, (inputs, targets) in enumerate(dataset):
        expected, expected_targets = batches[index]
        np.testing.assert_array_equal(targets, expected_targets)
        assert {name: tensor.numpy().tolist() for name, tensor in inputs.items()} == {
            name: array.tolist() for name, array in expected.items()
        }


def test_no_window():
    with pytest.raises(ValueError, match=r"Received: 0 windows of 3 series"):
        WindowBatches(SOURCES, [], **SIZES)
