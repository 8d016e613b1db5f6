"""The forecaster's graph: quantiles of each kind of output against scipy, and the way from series to forecasts."""

import types

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from keras_attn.tasks.forecaster import Asked, Forecaster
from keras_attn.tasks.forecasting_baselines import Baselines
from keras_attn.tasks.forecasting_intervals import spread_of
from keras_attn.tasks.forecasting_settings import ForecastingSettings

DRAW = np.random.default_rng(0)
HISTORY = DRAW.normal(size=(3, 9, 2)).astype("float32")
FACTS = types.SimpleNamespace(columns=types.SimpleNamespace(targets="ab", past=(), known=()), calendar=())


def made(output="point", offsets=None, **settings):
    """A forecaster whose model repeats the last step four times."""
    inputs = {"history": keras.Input((9, 2), name="history")}
    model = keras.Model(inputs, keras.ops.repeat(inputs["history"][:, -1:], 4, axis=1))
    return Forecaster(model, ForecastingSettings(output=output, horizon=4, lookback=9, **settings), FACTS, offsets)


def test_a_forecast_alone_gets_its_quantiles_from_the_offsets():
    offsets = np.sort(DRAW.normal(size=(7, 4, 2)).astype("float32"), axis=0)
    forecast, quantiles = made(offsets=offsets).forecast({"history": tf.constant(HISTORY)})
    last = np.repeat(HISTORY[:, -1:], 4, axis=1)
    np.testing.assert_allclose(forecast, last)
    expected = last[..., None] + spread_of(HISTORY)[..., None] * offsets.transpose(1, 2, 0)
    np.testing.assert_allclose(quantiles, expected, atol=1e-5)
    _, plain = made(offsets=offsets, normalize=False).forecast({"history": tf.constant(HISTORY)})
    np.testing.assert_allclose(plain, last[..., None] + offsets.transpose(1, 2, 0), atol=1e-5)


def test_quantiles_of_a_distribution_are_scipys():
    outputs = np.stack(
        [DRAW.normal(size=(3, 4, 2)), DRAW.gamma(2.0, size=(3, 4, 2)), 2.0 + DRAW.gamma(3.0, size=(3, 4, 2))], -1
    )
    forecast, quantiles = made("student_t").quantiles(tf.constant(outputs, tf.float32))
    location, scale, freedom = np.moveaxis(outputs, -1, 0)
    np.testing.assert_allclose(forecast, location, rtol=1e-6)
    for i, level in enumerate((0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)):
        np.testing.assert_allclose(quantiles[..., i], stats.t.ppf(level, freedom, location, scale), atol=2e-3)


def test_quantiles_that_were_learnt_stand_in_order():
    forecaster = made("quantile", coverage=0.5)
    outputs = tf.constant([[[[3.0, 1.0, 2.0]]]])
    assert forecaster.levels == (0.25, 0.5, 0.75)
    assert float(forecaster.quantiles(outputs)[0][0, 0, 0]) == 1.0  # the median


def test_gaps_of_a_history_take_the_value_before():
    history = np.array([[[np.nan, 1], [2, np.nan], [np.nan, np.nan], [4, np.nan]] + [[np.nan, np.nan]] * 5], "float32")
    model = keras.Model(inputs := {"history": keras.Input((9, 2), name="history")}, inputs["history"])
    forecaster = Forecaster(model, ForecastingSettings(horizon=9, lookback=9), FACTS)
    mean, deviation = np.full((1, 1, 2), 10.0, "float32"), np.full((1, 1, 2), 2.0, "float32")
    forecast, _ = forecaster.from_series(tf.constant(history), mean, deviation)
    expected = [[2, 1], [2, 1], [2, 1], *[[4, 1]] * 6]
    np.testing.assert_allclose(forecast[0], expected, atol=1e-5)


def test_asked_gives_arrays_and_baselines():
    offsets = {"last": np.linspace(-1, 1, 7)[:, None, None] * np.ones((7, 4, 2))}
    asked = Asked(made(), Baselines(3, np.zeros((9, 4), "float32"), []), offsets)
    last = np.repeat(HISTORY[:, -1:], 4, axis=1)
    np.testing.assert_allclose(asked.forecast({"history": HISTORY})[0], last)
    forecast, quantiles = asked.baseline({"history": HISTORY}, "last")
    np.testing.assert_allclose(forecast, last)
    np.testing.assert_allclose(quantiles[..., 0], last - spread_of(HISTORY), atol=1e-5)
    assert asked.baseline({"history": HISTORY}, "seasonal")[1].shape == (3, 4, 2, 7)


def test_errors():
    with pytest.raises(KeyError):
        Asked(made(), Baselines(3, np.zeros((9, 4), "float32"), [])).baseline({"history": HISTORY}, "none")
