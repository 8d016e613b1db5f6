"""What all classic mechanisms share, seen on the simplest of them."""

import keras
import numpy as np
import pytest

from keras_attn.layers import LuongAttention
from keras_attn.layers.single_head_attention import SingleHeadAttention
from tests import oracle
from tests.layer_checks import normal, numbers

QUERY, KEY, VALUE = normal(2, 3, 7, seed=1), normal(2, 5, 7, seed=2), normal(2, 5, 11, seed=3)
QUERY_MASK = np.array([[True, False, True], [True, True, True]])
VALUE_MASK = np.array([[True, True, False, True, False], [False] * 5])
KEY_MASK = np.array([[True, False, True, True, True]] * 2)


def dot(query, key):
    return float(query @ key)


@pytest.mark.parametrize("rank", [2, 3])
def test_every_mask(rank):
    attention_mask = np.random.default_rng(4).random((2, 3, 5) if rank == 3 else (3, 5)) < 0.7
    masks = {"query_mask": QUERY_MASK, "value_mask": VALUE_MASK, "key_mask": KEY_MASK, "attention_mask": attention_mask}
    both = QUERY_MASK[:, :, None] & VALUE_MASK[:, None] & KEY_MASK[:, None] & attention_mask
    output, scores = LuongAttention("dot")(QUERY, VALUE, KEY, return_attention_scores=True, **masks)
    expected, probabilities = oracle.single_head_attention(QUERY, VALUE, dot, KEY, both)
    np.testing.assert_allclose(numbers(output), expected, atol=1e-5)
    np.testing.assert_allclose(numbers(scores), probabilities, atol=1e-6)
    assert not numbers(output)[1].any()  # nothing to attend to: zeros


def test_causal_is_right_aligned():
    output = LuongAttention("dot")(QUERY, VALUE, KEY, use_causal_mask=True)
    expected, _ = oracle.single_head_attention(QUERY, VALUE, dot, KEY, oracle.causal_mask(3, 5, 2))
    np.testing.assert_allclose(numbers(output), expected, atol=1e-5)


def test_masked_keys_have_no_influence():
    mask = np.array([[True, True, False, True, False]] * 2)
    other_key, other_value = KEY.copy(), VALUE.copy()
    other_key[:, [2, 4]], other_value[:, [2, 4]] = 9.0, -7.0
    layer = LuongAttention("dot")
    first = layer(QUERY, VALUE, KEY, value_mask=mask)
    second = layer(QUERY, other_value, other_key, value_mask=mask)
    np.testing.assert_array_equal(numbers(first), numbers(second))


def test_dropout_is_on_in_training_only():
    layer = LuongAttention("dot", dropout=0.5, seed=1)
    _, plain = layer(QUERY, VALUE, KEY, return_attention_scores=True)
    np.testing.assert_array_equal(numbers(layer(QUERY, VALUE, KEY)), numbers(layer(QUERY, VALUE, KEY, training=False)))
    dropped, scores = layer(QUERY, VALUE, KEY, return_attention_scores=True, training=True)
    np.testing.assert_array_equal(numbers(scores), numbers(plain))  # before dropout
    assert np.abs(numbers(dropped) - numbers(layer(QUERY, VALUE, KEY))).max() > 0.01


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_half_precision(policy):
    output = LuongAttention("dot", dtype=policy)(QUERY, VALUE, KEY)
    assert keras.backend.standardize_dtype(output.dtype) == policy.removeprefix("mixed_")
    expected, _ = oracle.single_head_attention(QUERY, VALUE, dot, KEY)
    np.testing.assert_allclose(numbers(output), expected, atol=0.1)


def test_a_mask_of_the_wrong_rank_is_refused():
    with pytest.raises(ValueError, match=r"`value_mask`|`key_mask`.*expected a boolean tensor of shape \[B, S\]"):
        LuongAttention("dot")(QUERY, VALUE, KEY, value_mask=np.ones((2, 3, 5), bool))


def test_there_is_one_head_only():
    with pytest.raises(ValueError, match=r"one head only.*Received: attention_mask\.shape=\(2, 1, 3, 5\)"):
        LuongAttention("dot")(QUERY, VALUE, KEY, attention_mask=np.ones((2, 1, 3, 5), bool))


def test_a_mechanism_needs_a_comparison():
    with pytest.raises(NotImplementedError, match="SingleHeadAttention must define `compare"):
        SingleHeadAttention()(QUERY, KEY)
