"""Dropout acts in training only, and is a Keras Dropout."""

import keras
import numpy as np
import pytest

from keras_attn.layers import Dropout
from tests.layer_checks import normal, numbers

INPUTS = normal(40, 50, 3)


def test_nothing_happens_outside_training():
    for outputs in (Dropout(0.3)(INPUTS), Dropout(0.3)(INPUTS, training=False), Dropout(0.0)(INPUTS, training=True)):
        assert np.array_equal(numbers(outputs), INPUTS)


def test_elements_are_dropped_at_the_rate_and_anew_at_each_call():
    layer = Dropout(0.3, seed=1)
    first, second = (numbers(layer(INPUTS, training=True)) for _ in range(2))
    assert 0.28 < (first == 0).mean() < 0.32
    assert not np.array_equal(first, second)
    np.testing.assert_allclose(first[first != 0], INPUTS[first != 0] / 0.7, rtol=1e-4)


def test_it_stands_in_for_keras_own():
    layer = Dropout(0.3, seed=1)
    assert isinstance(layer, keras.layers.Dropout) and layer.supports_masking


@pytest.mark.parametrize("rate", [1.0, -0.1])
def test_rates_out_of_range_are_refused(rate):
    with pytest.raises(ValueError, match=f"`rate` must be at least 0 and below 1. Received: rate={rate}"):
        Dropout(rate)
