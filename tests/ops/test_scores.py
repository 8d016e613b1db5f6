"""Scores of all pairs against one pair at a time."""

import numpy as np

from keras_attn import ops
from tests.layer_checks import normal, numbers

QUERY, KEY = normal(2, 3, 7, seed=1), normal(2, 5, 7, seed=2)


def one_by_one(score):
    return np.array([[[score(q, k) for k in KEY[b]] for q in QUERY[b]] for b in range(2)])


def test_dot():
    expected = one_by_one(lambda q, k: sum(float(a) * float(b) for a, b in zip(q, k, strict=True)))
    np.testing.assert_allclose(numbers(ops.dot_scores(QUERY, KEY)), expected, atol=1e-5)


def test_cosine():
    expected = one_by_one(lambda q, k: float(q @ k) / (np.linalg.norm(q) * np.linalg.norm(k)))
    np.testing.assert_allclose(numbers(ops.cosine_scores(QUERY, KEY)), expected, atol=1e-6)
    np.testing.assert_allclose(numbers(ops.cosine_scores(QUERY * 1e3, KEY * 1e-2)), expected, atol=1e-6)
    assert not numbers(ops.cosine_scores(np.zeros_like(QUERY), KEY)).any()


def test_additive():
    weights = normal(7, seed=3)
    expected = one_by_one(lambda q, k: sum(w * np.tanh(a + b) for w, a, b in zip(weights, q, k, strict=True)))
    np.testing.assert_allclose(numbers(ops.additive_scores(QUERY, KEY, weights)), expected, atol=1e-5)
