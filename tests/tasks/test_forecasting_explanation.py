"""What a forecast was made from: influence against finite differences, attention of the right window."""

import types

import numpy as np
import pytest
import tensorflow as tf

from keras_attn.models import forecast_attention
from keras_attn.tasks.forecasting_answers import future_batches
from keras_attn.tasks.forecasting_explanation import influence_of


def test_a_forecast_is_explained(sales, tmp_path):
    task = sales.task
    found = task.explain(sales.file, "s1")
    forecast = task.predict(sales.file)[1]
    np.testing.assert_allclose(found.forecast, forecast.values, rtol=1e-4)
    np.testing.assert_allclose(found.low, forecast.quantiles[..., 0], rtol=1e-4)
    np.testing.assert_array_equal(found.times[21:].astype("int64"), forecast.times)
    assert found.over == "steps of each variable" and found.inputs == ["sales"] and len(found.most_attended()) == 1
    (inputs,) = future_batches(task.read(sales.file), task.facts, task.settings)[0][0]
    shares = forecast_attention(task.model, {name: tf.constant(array[1:2]) for name, array in inputs.items()})[1]
    np.testing.assert_allclose(found.attention, shares[0], atol=1e-6)
    assert [path.name for path in found.plot_all(tmp_path)] == ["forecast-1.png"]


def test_influence_is_a_gradient(sales):
    task = sales.task
    found = task.explain(sales.file)
    (inputs,) = future_batches(task.read(sales.file), task.facts, task.settings)[0][0]
    one = {name: array[:1].copy() for name, array in inputs.items()}
    for step in (3, 20):
        values = []
        for move in (-0.01, 0.01):
            history = one["history"].copy()
            history[0, step, 0] += move
            values.append(task.asked().forecast({**one, "history": history})[0][0, :, 0])
        slope = np.abs(values[1] - values[0]) / 0.02
        assert found.influence[0, 0, step] == pytest.approx(slope.mean(), rel=0.05, abs=2e-3)


def test_each_variable_has_its_own_influence():
    """A linear forecaster of three variables from five, whose gradients are its weights."""
    draw = np.random.default_rng(0)
    weights = draw.normal(size=(4, 3, 6, 5)).astype("float32")  # [H, C, L, V]: three targets, a past and a known one

    def forecast(inputs):
        history = tf.concat([inputs["history"], inputs["past"], inputs["known"][:, :6]], axis=2)
        return tf.einsum("blv,hclv->bhc", history, weights), None

    columns = types.SimpleNamespace(targets=("a", "b", "c"))
    task = types.SimpleNamespace(
        settings=types.SimpleNamespace(horizon=4, lookback=6),
        facts=types.SimpleNamespace(columns=columns),
        forecaster=lambda: types.SimpleNamespace(forecast=forecast),
    )
    inputs = {"history": (1, 6, 3), "past": (1, 6, 1), "known": (1, 10, 1)}
    inputs = {name: tf.constant(draw.normal(size=shape), "float32") for name, shape in inputs.items()}
    expected = np.abs(weights).mean(axis=0).transpose(0, 2, 1)  # [C, V, L]
    np.testing.assert_allclose(influence_of(task, inputs, True), expected, rtol=1e-5)
    np.testing.assert_allclose(influence_of(task, inputs, False), expected[:, :4], rtol=1e-5)


def test_no_such_series(sales):
    with pytest.raises(ValueError, match=r"Did you mean `s1`\?.*Received: series='s11'"):
        sales.task.explain(sales.file, "s11")
