"""The window's normalisation against the mean and variance of what was observed, one variable at a time."""

import numpy as np

from keras_attn.layers import ReversibleInstanceNorm
from tests.layer_checks import normal, numbers, shuffle_weights

X = 5.0 + 3.0 * normal(3, 11, 2)
OBSERVED = np.random.default_rng(1).random((3, 11, 2)) < 0.6
OBSERVED[2, :, 1] = False


def test_forth():
    output, statistics = ReversibleInstanceNorm(epsilon=1e-3)(X, observed=OBSERVED)
    for b in range(3):
        for c in range(2):
            seen = X[b, OBSERVED[b, :, c], c].astype("float64")
            mean, spread = (seen.mean(), np.sqrt(seen.var() + 1e-3)) if len(seen) else (0.0, np.sqrt(1e-3))
            expected = np.where(OBSERVED[b, :, c], (X[b, :, c] - mean) / spread, 0.0)
            np.testing.assert_allclose(numbers(output)[b, :, c], expected, atol=1e-5)
            np.testing.assert_allclose(numbers(statistics)[b, :, c], [mean, spread], rtol=1e-5)


def test_what_was_not_observed_has_no_influence():
    layer = ReversibleInstanceNorm()
    spoiled = np.where(OBSERVED, X, np.nan).astype("float32")
    np.testing.assert_array_equal(
        numbers(layer(spoiled, observed=OBSERVED)[0]), numbers(layer(X, observed=OBSERVED)[0])
    )


def test_and_back():
    layer = ReversibleInstanceNorm(affine=True)
    layer(X)
    shuffle_weights(layer)
    output, statistics = layer(X)
    np.testing.assert_allclose(numbers(layer(output, statistics=statistics)), X, atol=1e-4)
    longer = normal(3, 4, 2, seed=2)
    gamma, beta = numbers(layer.gamma), numbers(layer.beta)
    mean, spread = X.mean(axis=1, keepdims=True), np.sqrt(X.var(axis=1, keepdims=True) + 1e-5)
    expected = (longer - beta) / gamma * spread + mean
    np.testing.assert_allclose(numbers(layer(longer, statistics=statistics)), expected, rtol=1e-3, atol=1e-3)
