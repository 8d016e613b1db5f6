"""Words are dropped whole, each by itself, and in training only."""

import numpy as np

from keras_attn.layers import WordDropout
from tests.layer_checks import normal, numbers

INPUTS = normal(40, 50, 3)


def test_tokens_are_dropped_whole_at_the_rate():
    outputs = numbers(WordDropout(0.3, seed=1)(INPUTS, training=True))
    dropped = (outputs == 0).all(axis=-1)  # [B, T]
    assert 0.25 < dropped.mean() < 0.35
    np.testing.assert_allclose(outputs[~dropped], INPUTS[~dropped] / 0.7, rtol=1e-5)
    assert not np.array_equal(dropped[0], dropped[1])


def test_nothing_happens_outside_training():
    assert np.array_equal(numbers(WordDropout(0.3)(INPUTS)), INPUTS)
    assert np.array_equal(numbers(WordDropout(0.3)(INPUTS, training=False)), INPUTS)
    assert np.array_equal(numbers(WordDropout(0.0)(INPUTS, training=True)), INPUTS)
