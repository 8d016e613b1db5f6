"""Masked softmax against sums of exponentials in plain Python."""

import math

import keras
import numpy as np
import pytest

from keras_attn import ops
from tests.layer_checks import normal, numbers


def test_forbidden_keys_do_not_count():
    scores = normal(3, 5, 7) * 3
    mask = np.random.default_rng(1).random((3, 5, 7)) < 0.5
    mask[1, 2] = False
    found = numbers(ops.masked_softmax(scores, mask))
    for row in np.ndindex(3, 5):
        powers = [math.exp(score) if allowed else 0.0 for score, allowed in zip(scores[row], mask[row], strict=True)]
        expected = [power / (sum(powers) or 1.0) for power in powers]
        np.testing.assert_allclose(found[row], expected, atol=1e-6)
    assert (found[~mask] == 0.0).all()


def test_no_mask():
    np.testing.assert_allclose(numbers(ops.masked_softmax(np.zeros((2, 4), "float32"))), 0.25)


def test_float32_inside():
    found = ops.masked_softmax(np.array([[16.0, 0.0, 0.0]], "float16"))
    assert keras.backend.standardize_dtype(found.dtype) == "float32"
    assert numbers(found)[0, 1] == pytest.approx(math.exp(-16.0), rel=1e-4)  # 0 in float16
