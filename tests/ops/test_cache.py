"""The cache against a loop that writes position by position."""

import keras
import numpy as np
import pytest

from keras_attn.ops import empty_cache, roll_cache, update_cache
from tests.layer_checks import normal, numbers

B, S, K, H, V = 2, 7, 3, 5, 11


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_an_empty_cache_is_zeros_of_its_shape(dtype):
    cache = empty_cache(B, S, K, H, V, dtype)
    assert sorted(cache) == ["key", "value"]
    assert tuple(cache["key"].shape) == (B, S, K, H) and tuple(cache["value"].shape) == (B, S, K, V)
    assert all(keras.backend.standardize_dtype(x.dtype) == dtype and not numbers(x).any() for x in cache.values())


@pytest.mark.parametrize("as_tensor", [False, True])
@pytest.mark.parametrize(("index", "length"), [(0, 1), (4, 1), (6, 1), (0, 3), (4, 3), (0, 7), (5, 3), (7, 1), (9, 2)])
def test_new_positions_are_written_and_no_others(index, length, as_tensor):
    cache = {"key": normal(B, S, K, H, seed=1), "value": normal(B, S, K, V, seed=2)}
    new = {"key": normal(B, length, K, H, seed=3), "value": normal(B, length, K, V, seed=4)}
    given = keras.ops.convert_to_tensor(np.int64(index)) if as_tensor else index
    updated = update_cache({k: keras.ops.convert_to_tensor(v) for k, v in cache.items()}, **new, index=given)
    for name, expected in cache.items():
        for t in range(length):
            if index + t < S:  # what falls past the capacity is not stored
                expected[:, index + t] = new[name][:, t]
        assert np.array_equal(numbers(updated[name]), expected)


def test_the_cache_keeps_its_dtype():
    cache = empty_cache(B, S, K, H, V, "bfloat16")
    new = {"key": normal(B, 2, K, H, seed=3), "value": normal(B, 2, K, V, seed=4)}
    updated = update_cache(cache, **new, index=3)
    assert all(keras.backend.standardize_dtype(x.dtype) == "bfloat16" for x in updated.values())
    np.testing.assert_allclose(numbers(updated["key"])[:, 3:5], new["key"], rtol=2**-8)


@pytest.mark.parametrize("capacity", [1, 4, 9])
@pytest.mark.parametrize("lengths", [[1] * 7, [3, 1, 5], [8]])
def test_a_rolling_cache_holds_the_last_positions(capacity, lengths):
    cache, index = empty_cache(B, capacity, K, H, V, "float32"), 0
    keys, values = normal(B, 20, K, H, seed=1), normal(B, 20, K, V, seed=2)
    for length in lengths:
        new = slice(index, index + length)
        key, value, cache, is_filled = roll_cache(cache, keys[:, new], values[:, new], index)
        index += length
        seen = list(range(index - length - capacity, index))
        assert numbers(is_filled).astype(bool).tolist() == [place >= 0 for place in seen]
        for slot, place in enumerate(seen):
            if place >= 0:
                assert np.array_equal(numbers(key)[:, slot], keys[:, place])
                assert np.array_equal(numbers(value)[:, slot], values[:, place])
        assert np.array_equal(numbers(cache["key"]), numbers(key)[:, -capacity:])
        assert np.array_equal(numbers(cache["value"]), numbers(value)[:, -capacity:])
