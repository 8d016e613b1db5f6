"""The protocol on ETTh1: every test window, against the floors that were computed on the same file elsewhere."""

import numpy as np
import pytest

from keras_attn.data import read_time_series
from keras_attn.tasks.forecasting_baselines import Baselines
from keras_attn.tasks.forecasting_data import learn_effects, learn_facts, part_batches
from keras_attn.tasks.forecasting_settings import ForecastingSettings

FLOORS = {96: (1.294, 0.713), 192: (1.325, 0.733)}  # repeat the last value: mse, mae


@pytest.mark.long
@pytest.mark.parametrize("horizon", FLOORS)
def test_baselines_on_the_test_part(horizon, data_folder):
    data = read_time_series(data_folder / "forecasting" / "ETTh1.csv")
    settings = ForecastingSettings(lookback=96, horizon=horizon, split="8640,2880,2880")
    facts, _ = learn_facts(data, settings)
    parts = {part: part_batches(data, facts, settings, part) for part in ("training", "validation", "test")}
    counts = {part: len(batches.origins) for part, batches in parts.items()}
    assert counts == {
        "training": 8640 - 96 - horizon + 1,
        "validation": 2880 - horizon + 1,
        "test": 2880 - horizon + 1,
    }
    baselines = Baselines.train(facts.season, learn_effects(data, facts), parts["training"], parts["validation"])
    errors = {"last": [], "linear": []}
    for index in range(len(parts["test"])):
        inputs, targets = parts["test"][index]
        for name, array in baselines.forecast(inputs).items():
            if name in errors:
                errors[name].append(array - targets)
    errors = {name: np.concatenate(arrays) for name, arrays in errors.items()}
    mse, mae = np.mean(errors["last"] ** 2), np.mean(np.abs(errors["last"]))
    assert (round(float(mse), 3), round(float(mae), 3)) == FLOORS[horizon]
    assert np.mean(errors["linear"] ** 2) < {96: 0.380, 192: 0.425}[horizon]
