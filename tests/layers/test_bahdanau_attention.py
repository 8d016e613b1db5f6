"""Additive attention against the paper's equation, one pair at a time."""

import keras
import numpy as np
import pytest

from keras_attn.layers import BahdanauAttention
from tests import oracle
from tests.layer_checks import check_config, check_gradients, check_reload, normal, numbers, shuffle_weights

QUERY, KEY, VALUE = normal(2, 3, 7, seed=1), normal(2, 5, 13, seed=2), normal(2, 5, 11, seed=3)


@pytest.mark.parametrize("use_bias", [True, False])
def test_the_equation(use_bias):
    layer = BahdanauAttention(units=17, use_bias=use_bias)
    layer(QUERY, VALUE, KEY)
    shuffle_weights(layer)
    w, u = layer.query_dense.kernel, layer.key_dense.kernel
    w, u, v = (numbers(x) for x in (w, u, layer.score_weights))
    bias = numbers(layer.key_dense.bias) if use_bias else 0.0
    output, scores = layer(QUERY, VALUE, KEY, return_attention_scores=True)
    expected, probabilities = oracle.single_head_attention(
        QUERY, VALUE, lambda q, k: float(v @ np.tanh(q @ w + k @ u + bias)), KEY
    )
    np.testing.assert_allclose(numbers(output), expected, atol=1e-5)
    np.testing.assert_allclose(numbers(scores), probabilities, atol=1e-5)


def model(**arguments):
    query, value = keras.Input((None, 7)), keras.Input((None, 11))
    return keras.Model([query, value], BahdanauAttention(units=17, **arguments)(query, value))


def test_shapes_saving_and_gradients(tmp_path):
    attention = model()
    assert attention.output_shape == (None, None, 11)
    shuffle_weights(attention)
    check_reload(attention, [QUERY, VALUE], tmp_path)
    check_gradients(model(use_bias=False), [QUERY, VALUE], normal(2, 3, 11, seed=5))


def test_config():
    check_config(BahdanauAttention(units=17, use_bias=False, dropout=0.25, seed=3, dtype="mixed_bfloat16"))


def test_errors():
    with pytest.raises(ValueError, match=r"`units` must be a positive integer\. Received: units=0"):
        BahdanauAttention(units=0)
