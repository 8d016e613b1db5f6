"""Pooling against the paper's three equations, one sequence at a time."""

import keras
import numpy as np
import pytest

from keras_attn.layers import AttentionPooling
from tests.layer_checks import check_config, check_gradients, check_reload, normal, numbers, shuffle_weights

INPUTS = normal(3, 5, 7)
MASK = np.array([[True] * 5, [True, False, True, True, False], [False] * 5])


def pooled(layer, x, mask):
    kernel, bias, context = (
        numbers(w) for w in (layer.hidden_dense.kernel, layer.hidden_dense.bias, layer.score_weights)
    )
    powers = [
        np.exp(context @ np.tanh(step @ kernel + bias)) if seen else 0.0 for step, seen in zip(x, mask, strict=True)
    ]
    weights = np.array(powers) / (sum(powers) or 1.0)
    return weights @ x, weights


def test_the_equations():
    layer = AttentionPooling(units=11)
    layer(INPUTS)
    shuffle_weights(layer)
    output, weights = layer(INPUTS, mask=MASK, return_attention_scores=True)
    for b in range(3):
        expected, expected_weights = pooled(layer, INPUTS[b].astype("float64"), MASK[b])
        np.testing.assert_allclose(numbers(output)[b], expected, atol=1e-5)
        np.testing.assert_allclose(numbers(weights)[b], expected_weights, atol=1e-6)
    assert not numbers(output)[2].any()


def test_it_takes_a_keras_mask():
    ids = np.array([[3, 1, 0, 0]])
    embedding = keras.layers.Embedding(5, 7, mask_zero=True)
    layer = AttentionPooling()
    np.testing.assert_allclose(numbers(layer(embedding(ids))), numbers(layer(embedding(ids[:, :2]))), atol=1e-6)


def test_shapes_saving_and_gradients(tmp_path):
    inputs = keras.Input((None, 7))
    model = keras.Model(inputs, AttentionPooling(units=11)(inputs))
    assert model.output_shape == (None, 7)
    check_reload(model, INPUTS, tmp_path)
    check_gradients(model, INPUTS, normal(3, 7, seed=5))


def test_config():
    check_config(AttentionPooling(units=11, dtype="mixed_bfloat16"))


def test_errors():
    with pytest.raises(ValueError, match=r"`units` must be a positive integer\. Received: units=0"):
        AttentionPooling(units=0)
