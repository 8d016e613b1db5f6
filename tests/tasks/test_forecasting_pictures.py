"""Pictures are written whatever there is to draw."""

import numpy as np

from keras_attn.tasks.forecasting_measures import Measures
from keras_attn.tasks.forecasting_pictures import draw_errors, draw_forecasts, draw_stretches


def test_forecasts_of_many_variables(tmp_path):
    times = 86400 * np.arange(20)
    example = {
        "name": "$x$",
        "columns": ["a_$", "b"],
        "times": times,
        "values": np.random.default_rng(0).normal(size=(20, 2)),
    }
    example |= {"origin": 14, "forecast": np.zeros((6, 2)), "low": -np.ones((6, 2)), "high": np.ones((6, 2))}
    draw_forecasts(tmp_path / "one.png", [example], 0.9)
    draw_forecasts(tmp_path / "three.png", [example] * 3, 0.9)
    sizes = [(tmp_path / f"{name}.png").stat().st_size for name in ("one", "three")]
    assert 5000 < sizes[0] < sizes[1]


def test_errors_and_stretches(tmp_path):
    measures = Measures((0.05, 0.95))
    y = np.random.default_rng(0).normal(size=(9, 1, 2))
    measures.add(y, 0 * y, np.stack([0 * y - 1, 0 * y + 1], axis=-1))
    draw_errors(tmp_path / "errors.png", {"model": measures, "last value": measures}, 0.9)  # a horizon of one step
    draw_stretches(tmp_path / "rolling.png", ["2024-01-01"], {"model": [0.4], "linear": [0.5]})
    assert all((tmp_path / name).stat().st_size > 5000 for name in ("errors.png", "rolling.png"))
