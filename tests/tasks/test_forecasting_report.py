"""The report on a test part, and its tables."""

import re

from keras_attn.tasks.forecasting_answers import measure
from keras_attn.tasks.forecasting_report import figures


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
    assert set(found) == {f"{who}{kind}" for who in ("", "last_", "seasonal_", "linear_") for kind in kinds}
