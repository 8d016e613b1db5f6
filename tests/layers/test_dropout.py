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
    layer = Dropout(0.25, seed=1)
    first, second = (numbers(layer(INPUTS, training=True)) for _ in range(2))
    assert 0.23 < (first == 0).mean() < 0.27
    assert not np.array_equal(first, second)
    np.testing.assert_allclose(first[first != 0], INPUTS[first != 0] / 0.75, rtol=1e-4)


def test_it_stands_in_for_keras_own():
    """Also where it leaves the draw to it: a shape of its own, and a rate of 1."""
    layer = Dropout(0.5, noise_shape=(None, None, 1), seed=1)
    dropped = numbers(layer(INPUTS, training=True)) == 0
    assert isinstance(layer, keras.layers.Dropout) and layer.supports_masking
    assert np.array_equal(dropped.any(axis=-1), dropped.all(axis=-1)) and 0 < dropped.mean() < 1
    assert not numbers(Dropout(1.0)(INPUTS, training=True)).any()


def test_rates_out_of_range_are_refused():
    with pytest.raises(ValueError, match=r"Received: rate=-0\.1"):
        Dropout(-0.1)
