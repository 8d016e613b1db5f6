"""A model computes with what is stored, and little is stored."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_attn import models
from keras_attn.export import StoredWeights
from tests.layer_checks import shuffle_weights

SIZES = {"num_layers": 1, "hidden_dim": 64, "num_heads": 4, "intermediate_dim": 128}
IDS = {"source": np.array([[5, 6, 7, 2], [9, 2, 0, 0]], "int32"), "target": np.array([[1, 8], [1, 11]], "int32")}


@functools.cache
def model_of(dtype="float32"):
    model = models.transformer(1000, dtype=dtype, **SIZES)
    shuffle_weights(model)
    return model


def logits_of(model, weights):
    @tf.function(autograph=False)
    def call(source, target):
        with weights.in_use():
            return model({"source": source, "target": target})

    return np.asarray(call(**{name: tf.constant(ids) for name, ids in IDS.items()}), "float32")


def rounded(weight):
    """By hand: the nearest of 255 steps, which are as wide as the largest weight of each output needs."""
    values = keras.ops.convert_to_numpy(weight.value)
    if values.ndim < 2:
        return values
    axes = {"embeddings": (1,), "attention_output": (0, 1)}
    axis = next((axes[name] for name in axes if name in weight.path), (0,))
    step = np.abs(values).max(axis=axis, keepdims=True) / 127
    return np.round(values / step) * step


def test_int8_computes_with_rounded_weights():
    model = model_of()
    weights = StoredWeights(model, quantize="int8")
    found = logits_of(model, weights)
    plain, before = np.asarray(model(IDS)), model.get_weights()
    for weight in model.weights:
        weight.assign(rounded(weight))
    np.testing.assert_allclose(found, model(IDS), atol=1e-4)
    model.set_weights(before)
    np.testing.assert_array_equal(model(IDS), plain)  # nothing else has changed
    assert 1e-3 < np.abs(found - plain).max() < 0.1 * np.abs(plain).max()
    by_outputs = {tuple(v.shape) for v in weights.module.stored if v.dtype == tf.float32 and "scale" in v.name}
    assert {(1000, 1), (1, 4, 16), (1, 1, 64), (1, 128)} <= by_outputs


def test_bfloat16_computes_as_a_mixed_model():
    model, mixed = model_of(), model_of("mixed_bfloat16")
    mixed.set_weights(model.get_weights())
    expected = np.asarray(keras.ops.cast(mixed(IDS), "float32"))
    found, exact = logits_of(mixed, StoredWeights(mixed, dtype="bfloat16")), np.asarray(model(IDS))
    # A CPU that has units for bfloat16 adds a bias within the product, in float32, where the graph lets it.
    np.testing.assert_allclose(found, expected, atol=2**-7 * np.abs(expected).max())
    assert np.abs(found - exact).mean() < 1.5 * np.abs(expected - exact).mean()


@pytest.mark.parametrize(("form", "share"), [({}, 1.02), ({"dtype": "bfloat16"}, 0.56), ({"quantize": "int8"}, 0.35)])
def test_what_is_stored(tmp_path, form, share):
    model = model_of()
    weights = StoredWeights(model, **form)
    tf.saved_model.save(weights.module, str(tmp_path))
    size = (tmp_path / "variables" / "variables.data-00000-of-00001").stat().st_size
    assert 0.25 * 4 * model.count_params() < size < share * 4 * model.count_params()
