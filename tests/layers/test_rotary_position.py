"""The rotary layer against complex numbers; inside attention it is tested there."""

import keras
import numpy as np
import pytest

from keras_attn.layers import RotaryPosition
from tests import oracle
from tests.layer_checks import check_config, normal, numbers

INPUTS = normal(2, 5, 3, 14)


@pytest.mark.parametrize("start", [0, 4])
def test_the_equation(start):
    found = numbers(RotaryPosition(max_wavelength=50.0)(INPUTS, start=start))
    np.testing.assert_allclose(found, oracle.rotate_by_position(INPUTS, start, 50.0), atol=1e-5)


def test_the_dtype_is_that_of_the_input():
    half = keras.ops.cast(INPUTS, "bfloat16")
    assert keras.backend.standardize_dtype(RotaryPosition()(half).dtype) == "bfloat16"


def test_config():
    check_config(RotaryPosition(max_wavelength=100.0))


def test_errors():
    with pytest.raises(ValueError, match=r"`max_wavelength` must be above 1\. Received: max_wavelength=1"):
        RotaryPosition(max_wavelength=1)
