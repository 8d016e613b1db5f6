"""The linear forecaster against its equations, with the moving average step by step."""

import numpy as np
import pytest

from keras_attn import models
from tests.models.forecaster_cases import inputs_of, output, shape, shuffled


def test_the_equations():
    model = shuffled(models.linear_forecaster(shape(), kernel_size=4, normalize=False))
    inputs = inputs_of(model)
    x = inputs["history"].astype("float64")
    trend = np.zeros_like(x)
    for step in range(23):
        places = np.clip(np.arange(step - 1, step + 3), 0, 22)  # one before, two after
        trend[:, step] = x[:, places].mean(axis=1)
    (trend_kernel, trend_bias), (kernel, bias) = (model.get_layer(n).get_weights() for n in ("trend", "seasonal"))
    expected = np.einsum("blc,lh->bhc", trend, trend_kernel) + np.einsum("blc,lh->bhc", x - trend, kernel)
    expected += (trend_bias + bias)[:, None]
    np.testing.assert_allclose(output(model, inputs), expected, atol=1e-4)


def test_scale_and_level_come_back():
    model = shuffled(models.linear_forecaster(shape()))
    inputs = inputs_of(model)
    moved = {"history": 3.0 * inputs["history"] - 20.0}
    np.testing.assert_allclose(output(model, moved), 3.0 * output(model, inputs) - 20.0, rtol=1e-3, atol=1e-2)


def test_errors():
    with pytest.raises(ValueError, match=r"`kernel_size` must be a positive integer"):
        models.linear_forecaster(shape(), kernel_size=0)
