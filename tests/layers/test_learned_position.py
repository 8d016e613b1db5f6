"""The layer of learned positions: rows of its table, added."""

import keras
import numpy as np
import pytest

from keras_attn.layers import LearnedPosition
from tests.layer_checks import check_config, check_reload, normal, numbers, weight_gradients

B, T, D = 2, 3, 7
INPUTS = normal(B, T, D)


@pytest.mark.parametrize("start", [0, 2, np.int32(2), np.int64(2)])
def test_it_adds_its_rows(start):
    layer = LearnedPosition(max_length=5)
    layer.build(INPUTS.shape)
    (table,) = layer.get_weights()
    assert table.shape == (5, D) and np.abs(table).min() > 0
    for given in (start, keras.ops.convert_to_tensor(start)):
        found = numbers(layer(INPUTS, start=given))
        np.testing.assert_allclose(found, INPUTS + table[int(start) : int(start) + T], atol=1e-6)


@pytest.mark.parametrize("dtype", ["mixed_bfloat16", "mixed_float16"])
def test_half_precision_policies(dtype):
    layer = LearnedPosition(max_length=5, dtype=dtype)
    output = layer(INPUTS, start=1)
    assert keras.backend.standardize_dtype(output.dtype) == dtype.removeprefix("mixed_")
    np.testing.assert_allclose(numbers(output), INPUTS + layer.get_weights()[0][1:4], atol=0.03)


def test_gradients():
    inputs = keras.Input((T, D))
    upstream = normal(B, T, D, seed=1)
    (gradient,) = weight_gradients(
        keras.Model(inputs, LearnedPosition(max_length=5)(inputs)), INPUTS, upstream
    ).values()
    np.testing.assert_allclose(gradient, np.concatenate([upstream.sum(axis=0), np.zeros((2, D))]), atol=1e-5)


def test_config_shapes_and_reload(tmp_path):
    check_config(LearnedPosition(max_length=5, dtype="mixed_bfloat16", name="position"))
    inputs = keras.Input((None, D))
    model = keras.Model(inputs, LearnedPosition(max_length=5)(inputs))
    assert model.output_shape == (None, None, D)
    check_reload(model, INPUTS, tmp_path)


def test_errors():
    with pytest.raises(ValueError, match=r"`max_length` must be a positive integer\. Received: max_length=0"):
        LearnedPosition(0)
    layer = LearnedPosition(4)
    with pytest.raises(ValueError, match=r"3 positions from 2 on need .* at least 5; .* Received: max_length=4"):
        layer(INPUTS, start=2)
    with pytest.raises(ValueError, match=r"5 positions from 0 on need .* at least 5; .* Received: max_length=4"):
        layer(keras.Input((5, D)))
