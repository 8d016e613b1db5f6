"""The report on a test part, and its tables."""

import re

import numpy as np
import pytest
from scipy import stats

from keras_attn.tasks.forecasting_answers import measure
from keras_attn.tasks.forecasting_measures import Measures
from keras_attn.tasks.forecasting_report import figures, noise_margin


def test_the_report_of_a_test_part(sales, tmp_path):
    found = sales.task.evaluate(sales.file, report=tmp_path / "backtest")
    text = (tmp_path / "backtest" / "report.md").read_text("utf-8")
    rows = dict(re.findall(r"^\| (model|last value|seasonal naive|linear) \| ([\d.]+) ", text, re.MULTILINE))
    assert rows == {
        label: f"{found[name]:.4g}"
        for label, name in (
            ("model", "mse"),
            ("last value", "last_mse"),
            ("seasonal naive", "seasonal_mse"),
            ("linear", "linear_mse"),
        )
    }
    rolling = re.findall(r"^\| (2024-\d\d-\d\d) [\d:]+ \| 2024-\d\d-\d\d [\d:]+ \| ([\d.]+)", text, re.MULTILINE)
    assert len(rolling) == 5 and [day for day, _ in rolling] == sorted(day for day, _ in rolling)
    assert "is to hold 90 % of what comes" in text and "season of 7 steps" in text
    assert all((tmp_path / "backtest" / name).exists() for name in re.findall(r"\]\((\w+\.png)\)", text))


def test_figures_have_the_baselines_beside(sales):
    data = sales.task.read(sales.file)
    task = sales.task
    found = figures(measure(data, task.facts, task.asked(), task.test_batches(data)))
    kinds = {"mse", "mae", "mase", "smape", "quantile_loss", "coverage", "width"}
    beside = {f"{who}{kind}" for who in ("last_", "seasonal_", "linear_") for kind in (*kinds, "margin")}
    assert set(found) == kinds | beside


@pytest.mark.parametrize(("shift", "is_noise"), [(0.0, True), (0.05, True), (1.0, False)])
def test_the_margin_is_that_of_a_paired_t_test(shift, is_noise):
    draw, own, other = np.random.default_rng(1), [], []
    for _ in range(5):
        targets, forecast = draw.normal(size=(40, 3, 2)), draw.normal(size=(40, 3, 2))
        for parts, answer in ((own, forecast), (other, forecast + shift + 0.1 * draw.normal(size=forecast.shape))):
            parts.append(Measures((0.1, 0.9)))
            parts[-1].add(targets, answer)
    errors = [[measures.figures()["mse"] for measures in parts] for parts in (other, own)]
    margin, difference = noise_margin(other, own), np.mean(errors[0]) - np.mean(errors[1])
    interval = stats.ttest_rel(*errors).confidence_interval(0.95)
    assert (difference - margin, difference + margin) == pytest.approx(interval, abs=1e-12)
    assert (abs(difference) <= margin) == (stats.ttest_rel(*errors).pvalue >= 0.05) == is_noise
