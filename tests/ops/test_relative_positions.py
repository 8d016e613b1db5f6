"""Slopes and buckets against the papers' loops; the biases' own numbers: tests/layers/test_attention_position.py."""

import keras
import numpy as np
import pytest

from keras_attn.ops import (
    alibi_bias,
    alibi_slopes,
    shaw_bias,
    shaw_values,
    t5_bias,
    t5_buckets,
    transformer_xl_bias,
)
from tests import position_oracle
from tests.layer_checks import normal, numbers

B, N, T, S, H, V = 2, 3, 5, 7, 6, 11


@pytest.mark.parametrize("num_heads", [1, 2, 3, 7, 8, 12, 20])
def test_slopes(num_heads):
    wanted = -position_oracle.alibi(num_heads, [0], [1])[:, 0, 0]
    np.testing.assert_allclose(alibi_slopes(num_heads), wanted, rtol=1e-12)


def test_alibi_takes_any_distances():
    distance = np.array([[3, -5, 0], [2, 2, -1]], "int32")
    found = numbers(alibi_bias(normal(B, N, 2, H), distance))
    assert found.shape == (1, N, 2, 3)
    np.testing.assert_allclose(found[0, 1], -np.abs(distance) / 256, rtol=1e-6)


@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize(("num_buckets", "max_distance"), [(32, 128), (32, 20), (14, 97), (4, 3), (64, 1000)])
def test_buckets(num_buckets, max_distance, bidirectional):
    distance = np.arange(-max_distance - 3, max_distance + 4, dtype="int32")[:, None]
    rule = (num_buckets, max_distance, bidirectional)
    wanted = [[position_oracle.t5_bucket(int(d), *rule) for d in row] for row in distance]
    found = t5_buckets(distance, *rule)
    assert keras.backend.standardize_dtype(found.dtype) == "int32"
    np.testing.assert_array_equal(numbers(found), wanted)
    assert np.max(wanted) == num_buckets - 1


def test_buckets_that_cannot_be():
    zero = np.zeros((1,), "int32")
    with pytest.raises(ValueError, match=r"must be even and at least 4, .* Received: num_buckets=2$"):
        t5_buckets(zero, num_buckets=2)
    with pytest.raises(ValueError, match=r"must be at least 2\. Received: num_buckets=1$"):
        t5_buckets(zero, num_buckets=1, bidirectional=False)
    with pytest.raises(ValueError, match=r"must be above 16\. Received: max_distance=16$"):
        t5_buckets(zero, max_distance=16, bidirectional=False)


@pytest.mark.parametrize(
    ("function", "shapes"),
    [
        (shaw_bias, [(B, N, T, H), (9, H)]),
        (t5_bias, [(B, N, T, H), (32, N)]),
        (transformer_xl_bias, [(B, N, T, H), (N, H), (10, N, H)]),
        (shaw_values, [(B, N, T, S), (9, V)]),
    ],
)
def test_a_block_equals_its_part_of_the_whole(function, shapes):
    first, *weights = (normal(*shape, seed=seed) for seed, shape in enumerate(shapes))

    def of(first, distance):
        return numbers(function(*map(keras.ops.convert_to_tensor, (first, distance, *weights))))

    distance = np.arange(S)[None] - np.arange(T)[:, None] - 2
    rows, columns = slice(1, 4), slice(2, 6)
    whole, part = distance.astype("int32"), distance[rows, columns].astype("int32")
    if function is shaw_values:  # linear: what is not in the block has no part in its sum
        inside = np.zeros_like(first)
        inside[:, :, rows, columns] = first[:, :, rows, columns]
        wanted = of(inside, whole)[:, :, rows]
        found = of(first[:, :, rows, columns], part)
    else:
        wanted = of(first, whole)[:, :, rows, columns]
        found = of(first[:, :, rows], part)
    assert found.shape[1:] == wanted.shape[1:] and np.abs(wanted).max() > 0.1
    np.testing.assert_allclose(found, wanted, atol=1e-5)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_far_distances_are_exact_in_half_precision(dtype):
    """Distances are counted in integers and angles taken in float32: 1001 and 1002 are one number in bfloat16."""
    query = keras.ops.cast(normal(B, N, 2, H), dtype)
    distance = np.array([[-1001, -1000], [-1002, -1001]], "int32")
    shift, kernel = np.zeros((N, H)), normal(10, N, H, seed=1)
    found = transformer_xl_bias(query, distance, shift, kernel)
    assert keras.backend.standardize_dtype(found.dtype) == dtype
    wanted = numbers(transformer_xl_bias(keras.ops.cast(query, "float32"), distance, shift, kernel))
    np.testing.assert_allclose(numbers(found), wanted, atol=0.02 * np.abs(wanted).max())
