"""Dot-product attention against loops, in every dtype, with every mask."""

import keras
import numpy as np
import pytest

from keras_attn.ops import dot_product_attention
from tests import oracle
from tests.layer_checks import normal, numbers

B, T, S, N, H, V = 2, 3, 5, 7, 11, 13
MASKS = {
    "keys": np.array([[1, 1, 0, 1, 0], [0, 1, 1, 1, 1]], bool)[:, None, None, :],
    "queries": np.array([[1, 0, 1], [1, 1, 0]], bool)[:, None, :, None],
    "pairs": oracle.causal_mask(T, S, 2)[None, None],
    "rows with nothing": oracle.causal_mask(T, S, -2)[None, None],
    "all of a batch row": np.array([True, False])[:, None, None, None],
    "everything": np.zeros((1, 1, 1, 1), bool),
    "heads": np.random.default_rng(5).integers(0, 2, (B, N, T, S)).astype(bool),
}


def inputs(scale=1.0):
    return [scale * normal(*shape, seed=i) for i, shape in enumerate([(B, T, N, H), (B, S, N, H), (B, S, N, V)])]


@pytest.mark.parametrize("scale", [None, 0.7])
@pytest.mark.parametrize("mask", [None, *MASKS])
def test_it_equals_the_loops(mask, scale):
    mask = MASKS.get(mask)
    output, scores = dot_product_attention(*inputs(), mask=mask, scale=scale, return_attention_scores=True)
    expected_output, expected_scores = oracle.softmax_attention(*inputs(), mask=mask, scale=scale)
    np.testing.assert_allclose(numbers(output), expected_output, atol=2e-6)
    np.testing.assert_allclose(numbers(scores), expected_scores, atol=1e-6)
    alone = dot_product_attention(*inputs(), mask=mask, scale=scale)
    assert np.array_equal(numbers(alone), numbers(output))


@pytest.mark.parametrize("mask", ["rows with nothing", "all of a batch row", "everything"])
def test_nothing_to_attend_to_gives_zeros(mask):
    outputs = dot_product_attention(*inputs(100.0), mask=MASKS[mask], return_attention_scores=True)
    output, scores = map(numbers, outputs)
    nothing = ~np.broadcast_to(MASKS[mask], (B, N, T, S)).any(-1)  # [B, N, T]
    assert nothing.any() and not scores[nothing].any() and not output[nothing.transpose(0, 2, 1)].any()


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_masked_keys_have_no_influence(dtype):
    mask = MASKS["keys"]
    query, key, value = inputs()
    hidden = np.broadcast_to(~mask[:, 0, 0, :, None, None], (B, S, N, 1))

    def attend(key, value):
        tensors = [keras.ops.cast(x, dtype) for x in (query, key, value)]
        return [numbers(x) for x in dot_product_attention(*tensors, mask=mask, return_attention_scores=True)]

    before = attend(key, value)
    after = attend(np.where(hidden, 999.0 - key, key), np.where(hidden, -777.0 * value, value))
    assert all(np.array_equal(old, new) for old, new in zip(before, after, strict=True))
    seen = attend(np.where(hidden, key, key + 1.0), value)
    assert not np.array_equal(seen[0], before[0])


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_the_softmax_is_float32(dtype):
    # Whole numbers of few bits: the scores are exact in both dtypes, and only the result may be rounded.
    generator = np.random.default_rng(0)
    keys = 1009
    query, key = (generator.integers(-8, 9, (1, length, 1, 3)) for length in (5, keys))
    value = generator.integers(0, 2, (1, keys, 1, 2))
    tensors = [keras.ops.cast(x, dtype) for x in (query, key, value)]
    output, scores = dot_product_attention(*tensors, scale=1 / 32, return_attention_scores=True)
    assert keras.backend.standardize_dtype(output.dtype) == keras.backend.standardize_dtype(scores.dtype) == dtype
    expected_output, expected_scores = oracle.softmax_attention(query, key, value, scale=1 / 32)
    half_a_step = {"bfloat16": 2**-8, "float16": 2**-11}[dtype]
    smallest = 2.0**-24  # below it float16 has no digits left
    np.testing.assert_allclose(numbers(scores), expected_scores, rtol=1.01 * half_a_step, atol=smallest)
    np.testing.assert_allclose(numbers(output), expected_output, rtol=4 * half_a_step)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_large_scores_stay_finite(dtype):
    query, key, value = inputs()
    tensors = [keras.ops.cast(x, dtype) for x in (60 * query, 60 * key, value)]
    rounded = [numbers(x) for x in tensors]
    mask = MASKS["rows with nothing"]
    output, scores = map(numbers, dot_product_attention(*tensors, mask=mask, return_attention_scores=True))
    assert np.isfinite(output).all() and np.isfinite(scores).all()
    expected = oracle.softmax_attention(*rounded, mask=mask)[1]
    clear = (expected > 0.999) | (expected < 0.001)  # elsewhere the rounding of a score of thousands decides
    assert clear.mean() > 0.8
    assert np.abs(scores - expected)[clear].mean() < 0.03


def test_dropout_thins_the_weights_and_not_the_scores():
    query, key = np.zeros((1, 1, 1, 2), "float32"), np.zeros((1, 997, 1, 2), "float32")
    value = np.ones((1, 997, 1, 1), "float32")
    output, scores = dot_product_attention(query, key, value, dropout=0.25, seed=1, return_attention_scores=True)
    np.testing.assert_allclose(numbers(scores), 1 / 997, rtol=1e-5)
    kept = float(numbers(output)[0, 0, 0, 0]) * 0.75 * 997  # each weight left is 1 / 0.75 times as large
    assert abs(kept - round(kept)) < 0.01 and 700 < kept < 800
    again = dot_product_attention(query, key, value, dropout=0.25, seed=1)
    assert np.array_equal(numbers(again), numbers(output))
