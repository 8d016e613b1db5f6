"""The model of the settings, and how it begins."""

import numpy as np
import pytest
import tensorflow as tf

from keras_attn.tasks.forecasting_baselines import Baselines
from keras_attn.tasks.forecasting_model import build_model, forecast_shape, start_from_linear
from keras_attn.tasks.forecasting_settings import ForecastingSettings
from keras_attn.training import QuantileLoss, StudentTLoss
from tests.models.forecaster_cases import shape

SMALL = {"num_layers": 1, "hidden_dim": 8, "num_heads": 2, "intermediate_dim": 8, "horizon": 5, "lookback": 23}
DRAW = np.random.default_rng(0)


@pytest.mark.parametrize("output", ["point", "quantile", "student_t"])
def test_it_begins_as_the_linear_baseline(output):
    settings = ForecastingSettings(**SMALL, output=output)
    outputs = {"point": 1, "quantile": 7, "student_t": 3}[output]
    kind = shape(calendar=(7,), num_outputs=outputs, student_t=output == "student_t")
    model = build_model(settings, kind, 10)
    baselines = Baselines(7, DRAW.normal(size=(23, 5)).astype("float32"), [DRAW.normal(size=(7, 2))])
    start_from_linear(model, kind, baselines)
    inputs = {"history": DRAW.normal(size=(3, 23, 2)).astype("float32")}
    inputs["calendar"] = DRAW.integers(0, 7, (3, 28, 1)).astype("int32")
    found = np.array(model(inputs))
    expected = baselines.forecast(inputs)["linear"]
    found = found[..., None] if output == "point" else found
    for i in range(outputs if output == "quantile" else 1):
        np.testing.assert_allclose(found[..., i], expected, atol=2e-4)


LOSSES = {
    "mse": np.square,
    "mae": np.abs,
    "huber": lambda error: np.where(np.abs(error) <= 1, error**2 / 2, np.abs(error) - 0.5),
}


@pytest.mark.parametrize("loss", LOSSES)
def test_losses_leave_out_what_was_not_observed(loss):
    model = build_model(ForecastingSettings(**SMALL, architecture="linear", loss=loss), shape(), 10)
    y, predicted = DRAW.normal(size=(2, 3, 5, 2)).astype("float32")
    weights = (DRAW.random((3, 5, 2)) < 0.5).astype("float32")
    error = (y - predicted) * weights
    values = LOSSES[loss](error)
    assert float(model.loss(tf.constant(y), tf.constant(predicted), weights)) == pytest.approx(values.mean(), rel=1e-4)


def test_each_output_has_its_loss():
    losses = {"quantile": QuantileLoss, "student_t": StudentTLoss}
    for output, loss in losses.items():
        outputs = 7 if output == "quantile" else 3
        kind = shape(num_outputs=outputs, student_t=output == "student_t")
        settings = ForecastingSettings(**SMALL, architecture="linear", output=output)
        assert isinstance(build_model(settings, kind, 10).loss, loss)


def test_the_shape_is_that_of_settings_and_facts(sales):
    found = forecast_shape(sales.task.settings, sales.task.facts)
    assert (found.num_targets, found.num_known, found.num_static, found.calendar) == (1, 1, 2, (7,))
    assert found.inputs().keys() == sales.task.model.input.keys()
