"""Measures against their definitions, number by number."""

import numpy as np
import pytest
from sklearn.metrics import mean_pinball_loss

from keras_attn.tasks.forecasting_measures import Measures

DRAW = np.random.default_rng(0)
SHAPE = (7, 3, 2)
LEVELS = (0.1, 0.5, 0.9)
TARGETS, FORECAST = DRAW.normal(size=SHAPE), DRAW.normal(size=SHAPE)
QUANTILES = np.sort(FORECAST[..., None] + DRAW.normal(size=(*SHAPE, 3)), axis=-1)
WEIGHTS = (DRAW.random(SHAPE) < 0.7).astype("float32")
SCALE = 5.0 + DRAW.random((7, 1, 2)), 1.0 + DRAW.random((7, 1, 2))
ERROR = np.where(DRAW.random((7, 1, 2)) < 0.3, np.nan, 1.0 + DRAW.random((7, 1, 2)))


def measured(rows=slice(None)):
    measures = Measures(LEVELS)
    scale = tuple(array[rows] for array in SCALE)
    measures.add(TARGETS[rows], FORECAST[rows], QUANTILES[rows], WEIGHTS[rows], scale, ERROR[rows])
    return measures


def test_the_definitions():
    squared, absolute, scaled, percent, inside, width, seen = [], [], [], [], [], [], []
    for place in zip(*np.nonzero(WEIGHTS), strict=True):
        b, _, c = place
        y, forecast, (low, _, high) = TARGETS[place], FORECAST[place], QUANTILES[place]
        mean, deviation = (array[b, 0, c] for array in SCALE)
        real, real_forecast = y * deviation + mean, forecast * deviation + mean
        squared.append((y - forecast) ** 2)
        absolute.append(abs(y - forecast))
        percent.append(200 * abs(real - real_forecast) / (abs(real) + abs(real_forecast)))
        inside.append(low <= y <= high)
        width.append(high - low)
        seen.append(place)
        if not np.isnan(ERROR[b, 0, c]):
            scaled.append(abs(real - real_forecast) / ERROR[b, 0, c])
    found = measured().figures()
    expected = {"mse": squared, "mae": absolute, "mase": scaled, "smape": percent, "width": width}
    assert {name: np.mean(values) for name, values in expected.items()} == pytest.approx(
        {name: found[name] for name in expected}
    )
    assert found["coverage"] == pytest.approx(100 * np.mean(inside))
    y, q = np.array([TARGETS[p] for p in seen]), np.array([QUANTILES[p] for p in seen])
    losses = [2 * mean_pinball_loss(y, q[:, i], alpha=level) for i, level in enumerate(LEVELS)]
    assert found["quantile_loss"] == pytest.approx(np.mean(losses))
    np.testing.assert_allclose(measured().shares_below(), [(y <= q[:, i]).mean() for i in range(3)])


def test_parts_of_the_horizon_and_of_the_windows():
    whole = measured()
    joined = Measures.joined([measured(slice(0, 2)), measured(slice(2, 7))])
    assert joined.figures() == pytest.approx(whole.figures())
    by_step = [np.average((TARGETS - FORECAST)[:, h] ** 2, weights=WEIGHTS[:, h]) for h in range(3)]
    np.testing.assert_allclose(whole.by_step("mse"), by_step)
    assert whole.figures(1, 2)["mse"] == pytest.approx(by_step[1])
    by_variable = [np.average((TARGETS - FORECAST)[..., c] ** 2, weights=WEIGHTS[..., c]) for c in range(2)]
    np.testing.assert_allclose(whole.by_variable("mse"), by_variable)


def test_without_a_season_there_is_no_mase():
    measures = Measures(LEVELS)
    measures.add(TARGETS, FORECAST)
    assert set(measures.figures()) == {"mse", "mae", "smape"}
