"""The cache against a loop that writes position by position."""

import keras
import numpy as np
import pytest

from keras_attn.ops import attend_to_past, empty_cache, empty_past, extend_past, new_past, roll_cache, update_cache
from tests import oracle
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


@pytest.mark.parametrize("lengths", [[1] * 4, [3, 1, 5]])
def test_a_past_grows_by_what_comes(lengths):
    past, count = empty_past(B, K, H, V, "float32"), sum(lengths)
    keys, values = normal(B, count, K, H, seed=1), normal(B, count, K, V, seed=2)
    for start, length in zip(np.cumsum([0, *lengths]), lengths, strict=False):
        past = extend_past(past, keys[:, start : start + length], values[:, start : start + length])
    assert np.array_equal(numbers(past["past_key"]), keys.transpose(0, 2, 1, 3))
    assert np.array_equal(numbers(past["past_value"]), values.transpose(0, 2, 1, 3))


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("width", [1, 3])
@pytest.mark.parametrize("masked", [False, True])
def test_attention_to_a_past_is_attention(groups, width, masked):
    query = normal(B, width, K * groups, H, seed=1)
    key, value = normal(B, S, K, H, seed=2), normal(B, S, K, V, seed=3)
    mask = np.array([[True] * 4 + [False] * 3, [False] * 7]) if masked else None
    found = attend_to_past(query, new_past(key, value), mask)
    repeated = (np.repeat(x, groups, axis=2) for x in (key, value))
    expected, _ = oracle.softmax_attention(query, *repeated, mask=None if mask is None else mask[:, None, None])
    np.testing.assert_allclose(numbers(found), expected, atol=1e-5)
    assert not masked or not numbers(found)[1].any()
