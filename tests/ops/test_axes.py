"""Folding axes into one sequence, against loops over every index."""

import numpy as np
import pytest

from keras_attn import ops
from tests.layer_checks import normal, numbers

X, Y = normal(2, 3, 4, 5, 7, seed=1), normal(2, 3, 6, 5, 11, seed=2)


def test_folding_lays_the_attended_axes_behind_one_another():
    folded = numbers(ops.fold_axes(X, (2,)))
    assert folded.shape == (2 * 3 * 5, 4, 7)
    for b, i, j, k in np.ndindex(2, 3, 4, 5):
        assert np.array_equal(folded[(b * 3 + i) * 5 + k, j], X[b, i, j, k])


@pytest.mark.parametrize("axes", [(1,), (2,), (3,), (1, 3), (3, 1), (1, 2, 3), (-2,)])
def test_unfolding_undoes_it(axes):
    folded = ops.fold_axes(X, axes)
    assert np.array_equal(numbers(ops.unfold_axes(folded, X, axes)), X)


def test_scores_and_masks():
    scores = normal(2 * 3 * 5, 9, 4, 6, seed=3)
    unfolded = numbers(ops.unfold_scores(scores, X, Y, (2,)))
    assert unfolded.shape == (2, 3, 5, 9, 4, 6)
    for b, i, k, n in np.ndindex(2, 3, 5, 9):
        assert np.array_equal(unfolded[b, i, k, n], scores[(b * 3 + i) * 5 + k, n])
    mask = np.random.default_rng(1).random((2, 3, 5, 9, 4, 6)) < 0.5
    folded = numbers(ops.fold_mask(mask, X, Y, (2,)))
    for b, i, k in np.ndindex(2, 3, 5):
        assert np.array_equal(folded[(b * 3 + i) * 5 + k], mask[b, i, k])
    headless = numbers(ops.fold_mask(mask[:, :1, :, 0], X, Y, (2,)))
    assert headless.shape == (30, 1, 4, 6) and np.array_equal(headless[7, 0], mask[0, 0, 2, 0])


@pytest.mark.parametrize("axes", [(), (0,), (4,), (1, 1), (-1,)])
def test_wrong_axes_are_named(axes):
    with pytest.raises(ValueError, match=r"so from 1 to 3\. Received: attention_axes=\("):
        ops.fold_axes(X, axes)


def test_a_mask_of_a_wrong_rank_is_named():
    with pytest.raises(ValueError, match=r"must have 3 to 6 axes.* Received: attention_mask\.shape=\(4, 6\)"):
        ops.fold_mask(np.ones((4, 6), bool), X, Y, (2,))
