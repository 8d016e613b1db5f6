"""A forecaster from file to answers: what it learns, what it beats, what it says of bad input."""

import io

import numpy as np
import pytest

from keras_attn.data import SeriesColumns, read_time_series
from keras_attn.tasks import Forecasting, load_task
from keras_attn.tasks.forecasting_answers import write_forecasts
from tests.tasks.forecasting_cases import COLUMNS, SMALL, write_sales, write_wide


def test_it_learns_what_the_baselines_cannot_know(sales):
    assert sales.metrics["mse"] < 0.8 * min(sales.metrics[f"{name}_mse"] for name in ("last", "seasonal", "linear"))
    found = sales.task.evaluate(sales.file)
    assert found["mse"] < 0.8 * found["linear_mse"] and found["windows"] == sum(
        n - 6 + 1 for n in (int(0.2 * length) for length in (150, 170, 190))
    )
    assert set(found) == set(sales.metrics) | {"windows"}


def test_the_figures_are_those_of_the_forecasts(sales):
    """By windows cut here, and forecasts of series that end before them."""
    task, data = (
        sales.task,
        read_time_series(sales.file, SeriesColumns("day", "shop", ("sales",), (), ("promo",), ("region",))),
    )
    errors = []
    for series in data.series:
        first, end = task.facts.part(series, "test")
        for origin in range(first, end - 6 + 1):
            window = type(series)(
                series.name, series.times, series.targets[:origin], series.past[:origin], series.known, series.static
            )
            part = type(data)([window], data.columns, data.frequency)
            came = series.targets[origin : origin + 6, 0]
            scale = task.facts.scale_of(series)[1][0]
            errors += [(came - task.predict(part)[0].values[:, 0]) / scale] if origin % 7 == 0 else []
    seen = np.concatenate(errors)
    assert np.nanmean(seen**2) == pytest.approx(task.evaluate(sales.file)["mse"], rel=0.35)  # every seventh window


def test_a_forecast_says_when_and_how_sure(sales):
    forecasts = sales.task.predict(sales.file)
    assert [forecast.series for forecast in forecasts] == ["s0", "s1", "s2"]
    rows = forecasts[0].rows()
    assert [row["time"][:10] for row in rows] == [f"2024-05-{day}" for day in (30, 31)] + [
        f"2024-06-0{d}" for d in range(1, 5)
    ]
    for row in rows:
        numbers = [row[f"q{level}"] for level in (5, 10, 25, 50, 75, 90, 95)]
        assert numbers == sorted(numbers) and row["lower"] == numbers[0] and row["upper"] == numbers[-1]
        assert row["lower"] < row["forecast"] < row["upper"] and row["column"] == "sales"
    file = io.StringIO()
    write_forecasts(forecasts, file)
    lines = file.getvalue().splitlines()
    assert len(lines) == 1 + 3 * 6 and lines[0].startswith("series,time,column,forecast,lower,upper,q5")


def test_promotions_are_known_beforehand(sales):
    data = sales.task.read(sales.file)
    series = data.series[0]
    values = {}
    for promo in (0.0, 1.0):
        known = series.known.copy()
        known[len(series) :] = promo
        changed = type(series)(series.name, series.times, series.targets, series.past, known, series.static)
        values[promo] = sales.task.predict(type(data)([changed], data.columns, data.frequency))[0].values
    assert np.all(values[1.0] - values[0.0] > 5.0)  # half of 30 in truth


def test_a_baseline_forecasts_too(sales):
    forecast = sales.task.predict(sales.file, by="last")[0]
    last = sales.task.read(sales.file).series[0].targets
    np.testing.assert_allclose(forecast.values[:, 0], last[~np.isnan(last)][-1], rtol=1e-5)
    assert np.all(forecast.quantiles[:, 0, 0] < forecast.quantiles[:, 0, -1])
    with pytest.raises(ValueError, match=r"Did you mean `linear`\?.*Received: by='liner'"):
        sales.task.predict(sales.file, by="liner")


def test_a_reloaded_task_answers_the_same(sales, tmp_path):
    sales.task.save(tmp_path / "saved")
    expected = sales.task.predict(sales.file)
    for folder in (sales.run, tmp_path / "saved"):
        found = load_task(folder).predict(sales.file)
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(one.quantiles, other.quantiles, rtol=1e-5)


def test_a_series_that_it_never_saw(sales, tmp_path):
    other = write_sales(tmp_path / "other.csv", shops=1, days=60, seed=5)
    other.write_text(other.read_text("utf-8").replace("s0,", "new,"), "utf-8")
    assert sales.task.evaluate(other)["windows"] == 60 - 21 - 6 + 1
    short = write_sales(tmp_path / "short.csv", shops=1, days=9, seed=5, gaps=0.0)
    assert sales.task.predict(short)[0].values.shape == (6, 1)  # its first day stands for those before


def test_what_cannot_be_done(sales, tmp_path):
    with pytest.raises(RuntimeError, match="not trained"):
        Forecasting().predict(sales.file)
    no_future = write_sales(tmp_path / "none.csv", future=2)
    with pytest.raises(ValueError, match=r"series 's0' needs .* 6 rows of the future.*promo.*Received: .* 2 rows"):
        sales.task.predict(no_future)
    short = write_wide(tmp_path / "short.csv", steps=60)
    with pytest.raises(
        ValueError, match=r"training part has too few steps: 42 .* look-back 96 and horizon 24 need at least 121"
    ):
        Forecasting().fit(short, tmp_path / "run")
    assert not (tmp_path / "run").exists()
    with pytest.raises(ValueError, match=r"test part holds no window"):
        sales.task.evaluate(write_sales(tmp_path / "old.csv", days=100))


@pytest.mark.long
@pytest.mark.parametrize(
    "settings",
    [
        {"architecture": "inverted", "output": "quantile"},
        {"architecture": "transformer", "output": "student_t", "window": 5},
        {"architecture": "recurrent", "missing": "mask"},
        {"architecture": "linear", "start": "random"},
        {"architecture": "patch", "loss": "huber", "missing": "previous", "normalize": False, "start": "random"},
    ],
    ids=lambda settings: settings["architecture"],
)
def test_every_architecture_and_output(settings, tmp_path):
    file = write_sales(tmp_path / "sales.csv")
    task = Forecasting(**{**SMALL, "epochs": 4, **settings}, **COLUMNS)
    task.fit(file, tmp_path / "run")
    found = task.evaluate(file)
    assert found["mse"] < found["last_mse"] and 80 < found["coverage"] < 98
    forecast = task.predict(file)[1]
    assert np.all(np.diff(forecast.quantiles, axis=-1) >= 0) and np.isfinite(forecast.values).all()
    task.explain(file, "s1").plot_all(tmp_path / "maps")
    assert task.export(tmp_path / "saved").name == "1"
