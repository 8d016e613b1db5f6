"""The shapes of batches against a search through all of them."""

import itertools

import numpy as np
import pytest

from keras_attn.data.batch_shapes import ShapeSearch, next_larger, packed_shape, smallest_fitting


def slots(shapes, lengths):
    """Token slots when each pair takes the cheapest of the shapes that hold it; None where one fits nowhere."""
    costs = [min((s + t for s, t in shapes if a <= s and b <= t), default=None) for a, b in lengths]
    return None if None in costs else sum(costs)


def test_smallest_fitting_and_next_larger_by_hand():
    shapes = [(3, 3), (3, 6), (7, 4), (8, 8)]
    assert smallest_fitting(shapes, np.array([3, 2, 4, 4]), np.array([1, 5, 4, 5])).tolist() == [0, 1, 2, 3]
    assert next_larger(shapes) == [1, 3, 3, None]


def test_packed_rows_are_as_unequal_as_the_sides():
    assert packed_shape(np.array([2, 2, 2]), np.array([4, 4, 4]), 40) == (20, 40)
    assert packed_shape(np.array([30, 1, 1]), np.array([1, 2, 99]), 40) == (30, 99)  # the longest has room


@pytest.mark.parametrize("seed", range(4))
def test_two_shapes_are_nearly_the_best_two(seed):
    make = np.random.default_rng(seed)
    sources = make.integers(1, 7, 40)
    lengths = list(zip(sources, np.maximum(1, sources + make.integers(-1, 2, 40)), strict=True))
    chosen = ShapeSearch(*map(np.array, zip(*lengths, strict=True)), batch_tokens=8).choose(2)  # one pair a batch
    assert len(chosen) <= 2
    every = list(itertools.product(range(1, 9), range(1, 9)))
    costs = (slots(pair, lengths) for pair in itertools.combinations(every, 2))
    assert slots(chosen, lengths) <= 1.15 * min(cost for cost in costs if cost is not None)
