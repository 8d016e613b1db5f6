"""How a forecaster learns: the same run after a kill, offsets kept, and what is said where a baseline wins."""

import numpy as np
import pytest

from keras_attn.tasks import Forecasting
from keras_attn.tasks.forecasting_answers import measure
from keras_attn.tasks.forecasting_data import part_batches
from keras_attn.tasks.forecasting_report import figures
from keras_attn.tasks.forecasting_training import advice, load_offsets, save_offsets
from tests.tasks.forecasting_cases import COLUMNS, SMALL, write_sales

FIGURES = {"last_mse": 0.9, "seasonal_mse": 0.7, "linear_mse": 0.5}


def test_who_wins():
    assert advice({"mse": 0.4, **FIGURES}) == [
        "The model wins: its mse is 0.4000, that of the best baseline, `linear`, 0.5000."
    ]
    found = advice({"mse": 0.8, **FIGURES, "linear_mse": 0.75})
    assert found[0] == "The baseline `seasonal` wins: its mse is 0.7000, the model's 0.8000."
    assert "--by seasonal" in found[1]


def test_a_difference_within_the_noise_is_no_win():
    for own in (0.49, 0.51):
        found = advice({"mse": own, **FIGURES, "linear_margin": 0.02})
        assert found[0].startswith(
            f"The model and the best baseline, `linear`, are level: their mse, {own:.4f} and 0.5000"
        )
        assert "the noise, 0.0200" in found[0] and "simpler" in found[1] and "--by linear" in found[1]
    for own, wins in ((0.47, "The model wins"), (0.53, "The baseline `linear` wins")):
        (first, *_) = advice({"mse": own, **FIGURES, "linear_margin": 0.02})
        assert first.startswith(wins) and first.endswith("; up to 0.0200 would be noise.")


def test_offsets_are_kept(tmp_path):
    offsets = {"model": np.ones((7, 4, 2), "float32"), "last": np.zeros((7, 4, 2), "float32")}
    save_offsets(tmp_path, offsets)
    for name, array in load_offsets(tmp_path).items():
        np.testing.assert_array_equal(array, offsets[name])
    assert load_offsets(tmp_path / "none") == {}


def test_intervals_fit_what_they_were_calibrated_on_and_hold_on_the_test_part(sales):
    task, data = sales.task, sales.task.read(sales.file)
    parts = [part_batches(data, task.facts, task.settings, part) for part in ("training", "validation")]
    results = [measure(data, task.facts, task.asked(), batches) for batches in parts]
    together = figures({name: results[0][name] + results[1][name] for name in ("model", "last")})
    assert 88.0 < together["coverage"] < 94.0 and 88.0 < together["last_coverage"] < 94.0
    found = task.evaluate(sales.file)
    assert 86.0 < found["coverage"] < 94.0 and 86.0 < found["last_coverage"] < 94.0


def test_a_run_says_what_was_done(sales):
    report = (sales.run / "report.md").read_text("utf-8")
    for words in (
        "missing time stamps, filled in",
        "Of the calendar is used: week",
        "The model wins",
        "Rolling origin",
    ):
        assert words in report
    for picture in ("forecasts.png", "errors.png", "rolling.png", "learning_curve.png"):
        assert f"]({picture})" in report and (sales.run / picture).stat().st_size > 5000


@pytest.mark.long
def test_a_run_that_goes_on_ends_as_one_that_did_not_stop(tmp_path):
    file = write_sales(tmp_path / "sales.csv")
    settings = {**SMALL, **COLUMNS, "epochs": 4}
    whole = Forecasting(**settings).fit(file, tmp_path / "whole", deterministic=True)
    Forecasting(**{**settings, "epochs": 4}).fit(file, tmp_path / "parts", deterministic=True, max_minutes=1e-6)
    again = Forecasting(**settings).fit(file, tmp_path / "parts", deterministic=True, resume=True)
    assert again == pytest.approx(whole, rel=1e-6)
