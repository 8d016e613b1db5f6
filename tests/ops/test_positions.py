"""Positions against the papers' formulas, number by number."""

import keras
import numpy as np
import pytest

from keras_attn.ops import rotate_by_position, sinusoidal_positions, sinusoids
from tests import oracle
from tests.layer_checks import normal, numbers


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


@pytest.mark.parametrize("start", [0, 5, np.int64(3)])
def test_rotation_equals_complex_numbers(start):
    inputs = normal(2, 5, 3, 14)
    found = numbers(rotate_by_position(inputs, start, max_wavelength=100.0))
    np.testing.assert_allclose(found, oracle.rotate_by_position(inputs, int(start), 100.0), atol=1e-5)


def test_rotated_products_depend_on_the_distance_alone():
    query, key = normal(1, 1, 1, 14, seed=1), normal(1, 1, 1, 14, seed=2)

    def product(query_position, key_position):
        rotated = rotate_by_position(query, query_position), rotate_by_position(key, key_position)
        return float((numbers(rotated[0]) * numbers(rotated[1])).sum())

    assert product(7, 3) == pytest.approx(product(104, 100), abs=1e-4)
    assert abs(product(7, 3) - product(7, 5)) > 0.01


def test_odd_heads_cannot_be_rotated():
    with pytest.raises(ValueError, match=r"the head size must be even\. Received: H=7"):
        rotate_by_position(normal(1, 2, 3, 7))


def test_sinusoids_of_distances():
    found = numbers(sinusoids(np.array([3, -2, 0], "int32"), 10))
    wanted = [oracle.sinusoidal_positions(1, 10, start)[0] for start in (3, -2, 0)]
    np.testing.assert_allclose(found, wanted, atol=2e-6)
