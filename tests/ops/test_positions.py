"""Sinusoidal positions against the paper's formula, number by number."""

import keras
import numpy as np
import pytest

from keras_attn.ops import sinusoidal_positions
from tests import oracle
from tests.layer_checks import numbers


@pytest.mark.parametrize(("length", "dim"), [(7, 10), (1, 2), (13, 6)])
@pytest.mark.parametrize("start", [0, 3, np.int32(3), np.int64(3)])
def test_it_equals_the_formula(length, dim, start):
    expected = oracle.sinusoidal_positions(length, dim, int(start))
    for given in (start, keras.ops.convert_to_tensor(start)):
        np.testing.assert_allclose(numbers(sinusoidal_positions(length, dim, given)), expected, atol=2e-6)


def test_far_positions_are_near():
    expected = oracle.sinusoidal_positions(3, 64, 5000)
    np.testing.assert_allclose(numbers(sinusoidal_positions(3, 64, 5000)), expected, atol=2e-3)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_angles_are_float32_whatever_the_dtype(dtype):
    positions = sinusoidal_positions(5, 8, start=301, dtype=dtype)  # bfloat16 can't count that far one by one
    assert keras.backend.standardize_dtype(positions.dtype) == dtype
    np.testing.assert_allclose(numbers(positions), oracle.sinusoidal_positions(5, 8, 301), atol=2**-8)


def test_an_odd_size_is_named():
    with pytest.raises(ValueError, match=r"must be even, make it 8\. Received: dim=7$"):
        sinusoidal_positions(3, 7)
