"""Multiplicative attention: each score against its equation, one pair at a time."""

import keras
import numpy as np
import pytest

from keras_attn.layers import LuongAttention
from tests import oracle
from tests.layer_checks import check_config, check_gradients, check_reload, normal, numbers

QUERY, KEY, VALUE = normal(2, 3, 7, seed=1), normal(2, 5, 7, seed=2), normal(2, 5, 11, seed=3)


def equation(layer):
    """The score of one query and one key, from the layer's weights."""
    if layer.score == "dot":
        return lambda q, k: float(q @ k)
    if layer.score == "cosine":
        sharpness = float(numbers(layer.sharpness))
        return lambda q, k: sharpness * float(q @ k) / (np.linalg.norm(q) * np.linalg.norm(k))
    kernel = numbers(layer.key_dense.kernel)
    if layer.score == "general":
        return lambda q, k: float(q @ (k @ kernel))
    both = np.concatenate([numbers(layer.query_dense.kernel), kernel])
    return lambda q, k: float(numbers(layer.score_weights) @ np.tanh(np.concatenate([q, k]) @ both))


@pytest.mark.parametrize("score", ["dot", "general", "concat", "cosine"])
def test_the_equation(score):
    layer = LuongAttention(score)
    layer(QUERY, VALUE, KEY)
    if layer.weights:
        layer.set_weights([np.random.default_rng(9).normal(size=weight.shape) for weight in layer.weights])
    output, scores = layer(QUERY, VALUE, KEY, return_attention_scores=True)
    expected, probabilities = oracle.single_head_attention(QUERY, VALUE, equation(layer), KEY)
    np.testing.assert_allclose(numbers(output), expected, atol=1e-4)
    np.testing.assert_allclose(numbers(scores), probabilities, atol=1e-5)


def model(score):
    query, value = keras.Input((None, 7)), keras.Input((None, 7))
    return keras.Model([query, value], LuongAttention(score)(query, value))


@pytest.mark.parametrize("score", ["general", "concat", "cosine"])
def test_shapes_saving_and_gradients(score, tmp_path):
    attention = model(score)
    assert attention.output_shape == (None, None, 7)
    check_reload(attention, [QUERY, KEY], tmp_path)
    check_gradients(attention, [QUERY, KEY], normal(2, 3, 7, seed=5))


def test_widths():
    assert LuongAttention("general")(QUERY, VALUE).shape == (2, 3, 11)
    assert LuongAttention("concat", units=13)(QUERY, VALUE).shape == (2, 3, 11)
    for score in ("dot", "cosine"):
        with pytest.raises(ValueError, match=r"same width.*Received: query.shape=\(2, 3, 7\), key.shape=\(2, 5, 11\)"):
            LuongAttention(score)(QUERY, VALUE)


def test_config():
    check_config(LuongAttention("concat", units=17, dropout=0.25, seed=3, dtype="mixed_bfloat16"))


def test_errors():
    with pytest.raises(ValueError, match=r"`score` must be one of 'dot', .* Received: score='bilinear'"):
        LuongAttention("bilinear")
    with pytest.raises(ValueError, match=r"`units` must be a positive integer"):
        LuongAttention("concat", units=-1)
