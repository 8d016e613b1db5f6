"""Baselines against scikit-learn's ridge regression and plain repetition."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from keras_attn.data import WindowBatches, WindowSource, every_origin
from keras_attn.tasks.forecasting_baselines import Baselines

SIZES = {"lookback": 9, "horizon": 4, "shuffle": False}
DRAW = np.random.default_rng(0)
SERIES = np.cumsum(DRAW.normal(size=(120, 2)), axis=0).astype("float32")


def batches(first, end, table=None):
    calendar = (np.arange(120)[:, None] % 7).astype("int32") if table is not None else np.zeros((120, 0), "int32")
    nothing = np.zeros((120, 0), "float32")
    source = WindowSource(SERIES, np.ones((120, 2), bool), nothing, nothing, calendar, nothing[0])
    return WindowBatches([source], every_origin([source], 9, 4, [first], [end]), **SIZES, batch_size=16)


@pytest.mark.parametrize("table", [None, DRAW.normal(size=(7, 2))], ids=["plain", "calendar"])
def test_the_linear_one_is_a_ridge_regression(table):
    effects = [] if table is None else [table]
    baselines = Baselines.train(7, effects, batches(0, 80, table), batches(80, 120, table))
    taken_off = SERIES - (0.0 if table is None else table[np.arange(120) % 7])
    x, y, spread = [], [], []
    for origin in range(9, 80 - 4 + 1):
        for variable in range(2):
            history, future = taken_off[origin - 9 : origin, variable], taken_off[origin : origin + 4, variable]
            x.append(history - history.mean())
            y.append(future - history.mean())
            spread.append(np.sqrt(history.var() + 1e-5))
    x, y, spread = np.array(x), np.array(y), np.array(spread)
    candidates = []
    for weight in (np.ones_like(spread), spread**-2):
        trace = np.sum(weight[:, None] * x**2)
        for share in (1e-5, 1e-4, 1e-3, 1e-2):
            ridge = Ridge(alpha=share * trace / 9, fit_intercept=False).fit(x, y, sample_weight=weight)
            candidates.append(np.abs(ridge.coef_.T - baselines.kernel).max())
    assert min(candidates) < 2e-3


def test_forecasts():
    history = np.arange(12.0).reshape(1, 6, 2)
    baselines = Baselines(4, np.zeros((6, 5), "float32"), [])
    found = baselines.forecast({"history": history})
    np.testing.assert_array_equal(found["last"][0], np.repeat(history[0, -1:], 5, axis=0))
    np.testing.assert_array_equal(found["seasonal"][0], history[0, [2, 3, 4, 5, 2]])
    np.testing.assert_array_equal(found["linear"][0], np.repeat(history.mean(axis=1), 5, axis=0))
    longer = Baselines(9, np.zeros((6, 5), "float32"), [])  # a season that the window does not hold
    np.testing.assert_array_equal(longer.forecast({"history": history})["seasonal"], found["last"])


def test_saving(tmp_path):
    baselines = Baselines.train(7, [np.ones((7, 2))], batches(0, 80, 1), batches(80, 120, 1))
    baselines.save(tmp_path)
    again = Baselines.load(tmp_path)
    inputs = batches(80, 120, 1)[0][0]
    for name, array in baselines.forecast(inputs).items():
        np.testing.assert_array_equal(array, again.forecast(inputs)[name])
    assert Baselines.load(tmp_path / "none") is None
