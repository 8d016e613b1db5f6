"""The attention of forecasters against the dot products of their last block."""

import keras
import numpy as np
import pytest
from scipy import special

from keras_attn import models
from keras_attn.models.forecast_attention import forecast_attention
from tests.models.forecaster_cases import SMALL, inputs_of, shape, shuffled


def probabilities(attention, queries, keys):
    """Softmax of the scaled products, by the layer's weights: [B, N, T, S]."""
    (query, query_bias), (key, key_bias) = (
        [np.array(w) for w in layer.get_weights()] for layer in (attention.query_dense, attention.key_dense)
    )
    q = np.einsum("btd,dnh->bnth", queries, query) + query_bias[:, None]
    k = np.einsum("bsd,dnh->bnsh", keys, key) + key_bias[:, None]
    return special.softmax(np.einsum("bnth,bnsh->bnts", q, k) / np.sqrt(q.shape[-1]), axis=-1)


def norm_of(residual, x):
    gamma, beta = (np.array(w) for w in residual.get_weights())
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5) * gamma + beta


def test_shares_of_variables():
    model = shuffled(models.inverted_forecaster(shape(num_targets=3, num_past=2), **SMALL))
    inputs = inputs_of(model)
    block = model.get_layer("encoder_block_0")
    before = np.array(keras.Model(model.input, block.input)(inputs))
    x = norm_of(block.self_attention_residual, before)
    over, shares = forecast_attention(model, inputs)
    assert over == "variables" and shares.shape == (3, 3, 5)
    np.testing.assert_allclose(shares, probabilities(block.self_attention, x, x).mean(axis=1)[:, :3], atol=1e-5)


def test_shares_of_patches_are_spread_over_their_steps():
    model = shuffled(models.patch_forecaster(shape(), **{**SMALL, "num_layers": 2}, patch_length=6, stride=4))
    inputs = inputs_of(model)
    block = model.get_layer("encoder_block_1")
    x = norm_of(block.self_attention_residual, np.array(keras.Model(model.input, block.input)(inputs)))
    patches = probabilities(block.self_attention, x, x).mean(axis=(1, 2)).reshape(3, 2, -1)  # [B, C, P]
    over, shares = forecast_attention(model, inputs)
    expected = np.zeros((3, 2, 23))
    for patch in range(patches.shape[2]):
        for step in range(23 - 6 - 4 * (patches.shape[2] - 1 - patch), 23 - 4 * (patches.shape[2] - 1 - patch)):
            expected[:, :, max(step, 0)] += patches[:, :, patch] / 6
    assert over == "steps of each variable"
    np.testing.assert_allclose(shares, expected, atol=1e-5)


@pytest.mark.parametrize("kind", ["transformer", "recurrent"])
def test_shares_of_steps(kind):
    model = shuffled(models.sequence_forecaster(shape(), kind, **SMALL))
    over, shares = forecast_attention(model, inputs_of(model))
    assert over == "steps" and shares.shape == (3, 5, 23)
    np.testing.assert_allclose(shares.sum(axis=-1), 1.0, atol=1e-5)
    assert shares.std(axis=-1).min() > 1e-6


def test_models_without_attention():
    model = models.linear_forecaster(shape())
    assert forecast_attention(model, inputs_of(model)) is None
    other = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)], name="other")
    with pytest.raises(ValueError, match=r"Received: model.name='other'"):
        forecast_attention(other, {})
