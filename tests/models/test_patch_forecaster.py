"""The patch Transformer: what each part of its inputs may move, and what it is without attention."""

import numpy as np
import pytest

from keras_attn import models
from tests.layer_checks import reloaded
from tests.models.forecaster_cases import EVERYTHING, SMALL, inputs_of, output, shape, shuffled

PATCHES = {"patch_length": 6, "stride": 4}


@pytest.fixture(scope="module")
def model():
    return shuffled(models.patch_forecaster(shape(), **SMALL, **PATCHES))


def test_variables_do_not_see_each_other(model):
    inputs = inputs_of(model)
    before = output(model, inputs)
    inputs["history"][:, 3, 1] += 1.0
    moved = np.abs(output(model, inputs) - before).max(axis=(0, 1))
    assert moved[0] == 0.0 and moved[1] > 1e-3


def test_variables_share_their_weights(model):
    inputs = inputs_of(model)
    swapped = {"history": inputs["history"][:, :, ::-1]}
    np.testing.assert_allclose(output(model, swapped), output(model, inputs)[:, :, ::-1], atol=1e-5)


def test_scale_and_level_come_back(model):
    inputs = inputs_of(model)
    moved = {"history": 3.0 * inputs["history"] - 20.0}
    np.testing.assert_allclose(output(model, moved), 3.0 * output(model, inputs) - 20.0, rtol=1e-3, atol=1e-2)


def test_a_new_one_is_its_shortcut():
    model = models.patch_forecaster(shape(), **SMALL, **PATCHES)
    inputs = inputs_of(model)
    kernel, bias = model.get_layer("shortcut").get_weights()
    mean = inputs["history"].mean(axis=1, keepdims=True)
    spread = np.sqrt(inputs["history"].var(axis=1, keepdims=True) + 1e-5)
    expected = np.einsum("blc,lh->bhc", (inputs["history"] - mean) / spread, kernel) + bias[:, None]
    np.testing.assert_allclose(output(model, inputs), expected * spread + mean, atol=1e-5)


def test_everything_at_once(tmp_path):
    model = shuffled(models.patch_forecaster(shape(**EVERYTHING, num_outputs=3), **SMALL, **PATCHES))
    inputs = inputs_of(model)
    before = output(model, inputs)
    assert before.shape == (3, 5, 2, 3)
    for name, array in inputs.items():
        if name in ("past", "known", "static"):
            assert np.abs(output(model, {**inputs, name: array + 1.0}) - before).max() > 1e-4, name
    spoiled = np.where(inputs["observed"], inputs["history"], 99.0).astype("float32")
    np.testing.assert_allclose(output(model, {**inputs, "history": spoiled}), before, atol=1e-5)
    np.testing.assert_array_equal(output(reloaded(model, tmp_path), inputs), before)


def test_errors():
    with pytest.raises(ValueError, match=r"`num_heads` must divide"):
        models.patch_forecaster(shape(), hidden_dim=9, num_heads=2)
