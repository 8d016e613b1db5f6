"""The layer of sinusoidal positions against the paper's formula."""

import keras
import numpy as np
import pytest

from keras_attn.layers import SinusoidalPosition
from tests import oracle
from tests.layer_checks import check_config, check_reload, normal, numbers

B, T, D = 2, 3, 10
INPUTS = normal(B, T, D)


@pytest.mark.parametrize("start", [0, 7, np.int32(7), np.int64(7)])
def test_it_adds_the_formula(start):
    expected = INPUTS + oracle.sinusoidal_positions(T, D, int(start))[None]
    layer = SinusoidalPosition()
    assert not layer.weights
    for given in (start, keras.ops.convert_to_tensor(start)):
        np.testing.assert_allclose(numbers(layer(INPUTS, start=given)), expected, atol=1e-5)


@pytest.mark.parametrize("dtype", ["mixed_bfloat16", "mixed_float16"])
def test_half_precision_policies(dtype):
    output = SinusoidalPosition(dtype=dtype)(INPUTS, start=301)
    assert keras.backend.standardize_dtype(output.dtype) == dtype.removeprefix("mixed_")
    np.testing.assert_allclose(numbers(output), INPUTS + oracle.sinusoidal_positions(T, D, 301)[None], atol=0.03)


def test_config_shapes_and_reload(tmp_path):
    check_config(SinusoidalPosition(dtype="mixed_bfloat16", name="position"))
    inputs = keras.Input((None, D))
    model = keras.Model(inputs, SinusoidalPosition()(inputs))
    assert model.output_shape == (None, None, D)
    check_reload(model, INPUTS, tmp_path)


def test_an_odd_width_is_named_at_once():
    with pytest.raises(ValueError, match=r"must be even, make it 8\. Received: dim=7"):
        SinusoidalPosition()(keras.Input((None, 7)))
