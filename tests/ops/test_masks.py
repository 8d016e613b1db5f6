"""Masks against loops over every pair of positions."""

import itertools

import keras
import numpy as np
import pytest

from keras_attn.ops import causal_mask, combine_masks, expand_masks, segment_mask, segment_starts
from tests import oracle

B, N, T, S = 2, 7, 3, 5


def boolean(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 2, shape).astype(bool)


@pytest.mark.parametrize(("query_length", "key_length"), [(5, 5), (1, 7), (3, 7), (7, 3), (1, 1)])
def test_causal_is_right_aligned(query_length, key_length):
    mask = causal_mask(query_length, key_length)
    assert mask.shape == (query_length, key_length) and keras.backend.standardize_dtype(mask.dtype) == "bool"
    expected = oracle.causal_mask(query_length, key_length, key_length - query_length)
    assert np.array_equal(keras.ops.convert_to_numpy(mask), expected)


@pytest.mark.parametrize("start", [0, 2, 11, np.int32(2), np.int64(2)])
def test_causal_from_a_position(start):
    expected = oracle.causal_mask(3, 7, int(start))
    for given in (start, keras.ops.convert_to_tensor(start)):
        assert np.array_equal(keras.ops.convert_to_numpy(causal_mask(3, 7, query_start=given)), expected)


def test_causal_takes_tensors_as_lengths():
    lengths = [keras.ops.convert_to_tensor(length) for length in (3, 7)]
    if keras.backend.backend() == "jax":
        pytest.skip("JAX knows no shapes that depend on numbers")
    assert np.array_equal(keras.ops.convert_to_numpy(causal_mask(*lengths)), oracle.causal_mask(3, 7, 4))


@pytest.mark.parametrize("shape", [None, (T, S), (B, T, S), (B, N, T, S), (1, 1, T, S), (B, 1, 1, S)])
@pytest.mark.parametrize(("with_query", "with_key"), itertools.product((False, True), repeat=2))
def test_masks_of_every_rank_join(shape, with_query, with_key):
    query_mask = boolean(B, T, seed=1) if with_query else None
    key_mask = boolean(B, S, seed=2) if with_key else None
    attention_mask = None if shape is None else boolean(*shape, seed=3)
    joined = combine_masks(expand_masks(query_mask, key_mask=key_mask, attention_mask=attention_mask))
    if shape is None and not with_query and not with_key:
        assert joined is None
        return
    joined = np.broadcast_to(keras.ops.convert_to_numpy(joined), (B, N, T, S))
    for b, n, t, s in np.ndindex(B, N, T, S):
        expected = True
        if with_query:
            expected &= query_mask[b, t]
        if with_key:
            expected &= key_mask[b, s]
        if shape is not None:
            place = (b, n, t, s) if len(shape) == 4 else (b, t, s)[3 - len(shape) :]
            expected &= attention_mask[tuple(min(i, size - 1) for i, size in zip(place, shape, strict=True))]
        assert joined[b, n, t, s] == expected


def test_integers_count_as_booleans():
    joined = keras.ops.convert_to_numpy(expand_masks(key_mask=np.array([[1, 0, 2]]))[0])
    assert joined.dtype == bool and joined.tolist() == [[[[True, False, True]]]]


@pytest.mark.parametrize(
    ("name", "shape", "expected"),
    [
        ("query_mask", (T,), r"\[B, T\]"),
        ("query_mask", (B, T, S), r"\[B, T\]"),
        ("key_mask", (B, 1, 1, S), r"\[B, S\]"),
        ("attention_mask", (S,), r"\[T, S\], \[B, T, S\] or \[B, N, T, S\]"),
        ("attention_mask", (1, B, N, T, S), r"\[T, S\], \[B, T, S\] or \[B, N, T, S\]"),
    ],
)
def test_a_wrong_rank_is_named(name, shape, expected):
    received = ", ".join(map(str, shape))
    text = rf"`{name}` has rank {len(shape)}; expected .*{expected}.* Received: {name}.shape=\({received},?\)$"
    with pytest.raises(ValueError, match=text):
        expand_masks(**{name: np.ones(shape, bool)})


def test_segments_see_themselves_alone():
    queries, keys = np.array([[1, 1, 2, 3, 0], [1, 2, 2, 2, 2]]), np.array([[1, 2, 2, 3, 0, 0], [1, 1, 1, 1, 2, 2]])
    mask = keras.ops.convert_to_numpy(segment_mask(queries, keys))
    for row, t, s in itertools.product(range(2), range(5), range(6)):
        assert mask[row, t, s] == (queries[row, t] == keys[row, s] != 0)


def test_segments_begin_where_their_number_first_stands():
    segments = np.array([[1, 1, 2, 3, 3, 3, 0, 0], [1, 2, 2, 2, 2, 2, 2, 3], [0] * 8])
    starts = keras.ops.convert_to_numpy(segment_starts(segments))
    for row, t in itertools.product(range(3), range(8)):
        number = segments[row, t]
        assert starts[row, t] == (segments[row].tolist().index(number) if number else 0)
