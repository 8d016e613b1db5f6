"""Windowed pooling against its equation, a window at a time."""

import numpy as np
import pytest

from keras_attn.layers import WindowedPooling
from tests.layer_checks import normal, numbers, shuffle_weights

INPUTS = normal(3, 5, 7)
MASK = np.array([[True] * 5, [True] * 3 + [False] * 2, [False] * 5])


def test_the_equation():
    layer = WindowedPooling(num_windows=2, units=11)
    layer(INPUTS)
    shuffle_weights(layer)
    kernel, bias = (numbers(w) for w in layer.hidden_dense.get_weights())
    content, centers, widths = numbers(layer.score_weights), numbers(layer.centers), np.exp(numbers(layer.log_widths))
    output, weights = layer(INPUTS, mask=MASK, return_attention_scores=True)
    for b in range(2):
        length = MASK[b].sum()
        for p in range(2):
            scores = [
                content[:, p] @ np.tanh(INPUTS[b, s].astype("float64") @ kernel + bias)
                - ((s + 0.5) / length - centers[p]) ** 2 / (2 * widths[p] ** 2)
                for s in range(length)
            ]
            expected = np.exp(scores) / np.exp(scores).sum()
            np.testing.assert_allclose(numbers(weights)[b, p, :length], expected, atol=1e-5)
            np.testing.assert_allclose(numbers(output)[b, p], expected @ INPUTS[b, :length], atol=1e-5)
    assert not numbers(output)[2].any() and not numbers(weights)[1, :, 3:].any()


def test_windows_begin_spread_over_the_time():
    layer = WindowedPooling(num_windows=4)
    layer(normal(1, 8, 3))
    np.testing.assert_allclose(numbers(layer.centers), [0.125, 0.375, 0.625, 0.875])


def test_errors():
    with pytest.raises(ValueError, match=r"`num_windows` must be a positive integer\. Received: num_windows=0"):
        WindowedPooling(num_windows=0)
    with pytest.raises(ValueError, match=r"`units` must be a positive integer\. Received: units=0"):
        WindowedPooling(units=0)
