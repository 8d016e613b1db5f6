"""The chain's scores against the equation, and what is not allowed."""

import itertools

import numpy as np
import pytest

from keras_attn import ops
from keras_attn.layers import LinearChain
from tests.layer_checks import normal, numbers, shuffle_weights

X = normal(2, 4, 3, seed=1)
STEPS = [[True, True, False], [True, True, True], [True, False, True]]
STARTS = [True, False, True]


def test_the_equation():
    layer = LinearChain(STEPS, STARTS)
    layer(X)
    shuffle_weights(layer)
    table, starts = numbers(layer.transitions), numbers(layer.starts)
    found = numbers(layer(X))
    for b, t, i, j in np.ndindex(2, 4, 3, 3):
        expected = X[b, t, j] + (table[i, j] if t else starts[j])
        expected -= 0 if (STEPS[i][j] if t else STARTS[j]) else 10_000
        assert found[b, t, i, j] == pytest.approx(expected, abs=1e-5 if expected > -100 else 0.01)


def test_no_best_path_takes_a_step_that_is_not_allowed():
    x = 50 * normal(64, 9, 3, seed=2)
    states, _ = ops.best_chain(LinearChain(STEPS, STARTS)(x), np.ones((64, 9), bool))
    states = np.asarray(states)
    free = x.argmax(axis=-1)  # what would be taken
    for found, ok in ((states, True), (free, False)):
        steps = [STEPS[i][j] for row in found for i, j in itertools.pairwise(row)]
        assert (all(steps) and all(STARTS[j] for j in found[:, 0])) is ok


def test_errors():
    with pytest.raises(ValueError, match=r"Received: lengths=\[2, 1\]"):
        LinearChain([[True, True], [True]])
    with pytest.raises(ValueError, match=r"`allowed_starts` must be as long as there are states\. Received: 2 for 3"):
        LinearChain(allowed_starts=[True, True])(X)
