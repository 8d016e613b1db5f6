"""A schedule at a fraction of its rates, and how a rate is halved."""

import keras
import pytest

from keras_attn.training import InverseSquareRoot, SmallerStep
from keras_attn.training.smaller_step import halve_step


def test_a_smaller_step_is_no_heavier_with_each_return():
    optimizer = keras.optimizers.Adam(InverseSquareRoot(0.1, 4))
    for times in (1, 2, 3):
        halve_step(optimizer, times, before=times - 1)
    assert isinstance(optimizer._learning_rate.schedule, InverseSquareRoot) and optimizer._learning_rate.factor == 0.125
    config = keras.optimizers.serialize(optimizer)
    again = keras.optimizers.deserialize(config)._learning_rate
    assert isinstance(again, SmallerStep) and float(again(3)) == pytest.approx(0.0125)


def test_a_plain_rate_is_halved_as_often_as_it_was_not_yet():
    optimizer = keras.optimizers.SGD(0.4)
    halve_step(optimizer, 3, before=1)
    assert float(optimizer.learning_rate) == pytest.approx(0.1)
