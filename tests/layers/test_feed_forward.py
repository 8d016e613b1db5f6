"""The feed-forward network against loops."""

import keras
import numpy as np
import pytest

from keras_attn.layers import FeedForward
from tests import block_oracle, oracle
from tests.layer_checks import check_gradients, normal, numbers, shuffle_weights

B, T, D, F = 2, 3, 5, 7
INPUTS = normal(B, T, D)


def built(**arguments):
    layer = FeedForward(F, **arguments)
    layer.build(INPUTS.shape)
    shuffle_weights(layer)
    return layer


@pytest.mark.parametrize("use_bias", [True, False])
@pytest.mark.parametrize(("activation", "function"), [("relu", lambda x: np.maximum(x, 0)), (keras.ops.tanh, np.tanh)])
def test_it_equals_the_loops(activation, function, use_bias):
    layer = built(activation=activation, use_bias=use_bias)
    weights = layer.get_weights()
    assert len(weights) == (4 if use_bias else 2)
    if not use_bias:
        weights = [weights[0], np.zeros(F), weights[1], np.zeros(D)]
    expected = oracle.feed_forward(INPUTS, weights, function)
    np.testing.assert_allclose(numbers(layer(INPUTS)), expected, atol=1e-5)


@pytest.mark.parametrize("use_bias", [True, False])
@pytest.mark.parametrize(("activation", "function"), [("gelu", block_oracle.gelu), ("silu", block_oracle.silu)])
def test_gated_it_equals_the_loops(activation, function, use_bias):
    layer = built(activation=activation, use_bias=use_bias, gated=True)
    weights = layer.get_weights()
    assert len(weights) == (6 if use_bias else 3)
    if not use_bias:
        weights = [weights[0], np.zeros(F), weights[1], np.zeros(F), weights[2], np.zeros(D)]
    expected = block_oracle.gated_feed_forward(INPUTS, weights, function)
    np.testing.assert_allclose(numbers(layer(INPUTS)), expected, atol=1e-5)


@pytest.mark.parametrize(("dtype", "step"), [("mixed_bfloat16", 2**-8), ("mixed_float16", 2**-11)])
def test_half_precision_policies(dtype, step):
    layer = built(dtype=dtype)
    output = layer(INPUTS)
    assert keras.backend.standardize_dtype(output.dtype) == layer.compute_dtype
    np.testing.assert_allclose(numbers(output), oracle.feed_forward(INPUTS, layer.get_weights()), atol=20 * step)


def test_dropout_is_on_in_training_only():
    layer = built(dropout=0.5, seed=1)
    plain = numbers(layer(INPUTS))
    np.testing.assert_allclose(plain, oracle.feed_forward(INPUTS, layer.get_weights()), atol=1e-5)
    first, second = (numbers(layer(INPUTS, training=True)) for _ in range(2))
    assert not np.allclose(first, plain) and not np.allclose(first, second)
    again = built(dropout=0.5, seed=1)
    assert np.array_equal(first, numbers(again(INPUTS, training=True)))


def functional(layer):
    inputs = keras.Input((None, D))
    return keras.Model(inputs, layer(inputs))


@pytest.mark.parametrize("gated", [False, True])
def test_gradients_and_shapes(gated):
    model = functional(FeedForward(F, gated=gated))
    assert model.output_shape == (None, None, D) and tuple(model(INPUTS).shape) == INPUTS.shape
    check_gradients(model, INPUTS, normal(B, T, D, seed=9))


@pytest.mark.filterwarnings("ignore:Layer .* does not have a `quantize` method")
def test_int8_and_lora_stay_near():
    layer = FeedForward(F, activation="tanh")
    model = functional(layer)
    before = numbers(model(INPUTS))
    layer.hidden_dense.enable_lora(2)
    assert np.array_equal(numbers(model(INPUTS)), before)
    layer.hidden_dense.lora_kernel_b.assign(normal(2, F, seed=5))
    adapted = numbers(model(INPUTS))
    assert not np.allclose(adapted, before, atol=0.05)
    model.quantize("int8")
    assert layer.hidden_dense.quantization_mode == layer.output_dense.quantization_mode == "int8"
    after = numbers(model(INPUTS))
    assert not np.array_equal(after, adapted)
    np.testing.assert_allclose(after, adapted, atol=0.05 * np.abs(adapted).max())


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"intermediate_dim": 0}, r"`intermediate_dim` must be a positive integer\. Received: intermediate_dim=0$"),
        ({"dropout": -0.5}, r"`dropout` must be at least 0 and below 1\. Received: dropout=-0\.5$"),
    ],
)
def test_wrong_arguments_are_named(arguments, text):
    with pytest.raises(ValueError, match=text):
        FeedForward(**{"intermediate_dim": F, **arguments})
