"""Series looked through and made into windows, against NumPy and by hand."""

import dataclasses

import numpy as np
import pytest

from keras_attn.data import SeriesColumns, read_time_series
from keras_attn.tasks.forecasting_data import learn_effects, learn_facts, part_batches, window_source
from keras_attn.tasks.forecasting_settings import ForecastingSettings
from tests.tasks.forecasting_cases import write_sales, write_wide

COLUMNS = SeriesColumns("day", "shop", ("sales",), (), ("promo",), ("region",))
SETTINGS = ForecastingSettings(horizon=6, lookback=21)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return read_time_series(write_sales(tmp_path_factory.mktemp("data") / "sales.csv"), COLUMNS)


@pytest.fixture(scope="module")
def facts(data):
    return learn_facts(data, SETTINGS)[0]


def test_a_split_in_steps(tmp_path):
    data = read_time_series(write_wide(tmp_path / "wide.csv"))
    settings = ForecastingSettings(horizon=6, lookback=21, split="200,80,60")
    facts, _ = learn_facts(data, settings)
    assert [facts.part(data.series[0], p) for p in ("training", "validation", "test")] == [
        (0, 200),
        (200, 280),
        (280, 340),
    ]
    counts = [len(part_batches(data, facts, settings, p).origins) for p in ("training", "validation", "test")]
    assert counts == [200 - 21 - 6 + 1, 80 - 6 + 1, 60 - 6 + 1]
    assert part_batches(data, facts, settings, "test").origins[0].tolist() == [0, 280]


def test_a_source_is_scaled_and_without_gaps(data, facts):
    series = data.series[0]
    source = window_source(series, facts, "interpolate")
    mean, deviation = facts.scale_of(series)
    seen = ~np.isnan(series.targets[:, 0])
    np.testing.assert_allclose(source.targets[seen, 0], (series.targets[seen, 0] - mean[0]) / deviation[0], rtol=1e-5)
    steps = np.arange(150)
    line = np.interp(steps, steps[seen], (series.targets[seen, 0] - mean[0]) / deviation[0])
    np.testing.assert_allclose(source.targets[:, 0], line, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(source.observed[:, 0], seen)
    before = window_source(series, facts, "previous").targets[:, 0]
    gap = int(np.flatnonzero(~seen)[0])
    assert before[gap] == before[gap - 1] != source.targets[gap, 0]
    assert source.calendar[:8, 0].tolist() == [0, 1, 2, 3, 4, 5, 6, 0]  # 1 January 2024 was a Monday
    assert source.static.tolist() == [1.0, 0.0] and facts.statics == [["n", "s"]]


def test_effects_of_the_week(data, facts):
    (effects,) = learn_effects(data, facts)
    week = 0.3 * np.sin(2 * np.pi * np.arange(7) / 7)
    assert facts.calendar == ("week",) and effects.shape == (7, 1)
    assert np.corrcoef(effects[:, 0], week)[0, 1] > 0.9


def test_notes(tmp_path):
    path = write_wide(tmp_path / "wide.csv")
    lines = path.read_text("utf-8").splitlines()
    path.write_text("\n".join([f"{lines[0]},same", *(f"{line},3" for line in lines[1:])]), "utf-8")
    facts, notes = learn_facts(read_time_series(path), ForecastingSettings(horizon=6, lookback=21))
    assert notes == [
        "1 series of 400 steps in all, 1 hour apart.",
        "Column 'same' is constant in the training part.",
        "Of the calendar is used: day.",
    ]
    assert facts.scales[""].deviation[2] == 1.0


def test_short_series_are_counted(data):
    short = dataclasses.replace(data.series[0], name="short", targets=data.series[0].targets[:20])
    notes = learn_facts(dataclasses.replace(data, series=[*data.series, short]), SETTINGS)[1]
    assert notes[-1].startswith("1 series of 4 are shorter than look-back") and "'short' of 20 steps" in notes[-1]


@pytest.mark.parametrize(
    ("split", "message"),
    [
        ("20,60,20", r"The training part has too few steps: 20 in the longest series, .* need at least 28\."),
        ("100,3,20", r"The validation part has too few steps: 3 in the longest series, .* need at least 7\."),
    ],
)
def test_parts_that_are_too_short(data, split, message):
    settings = dataclasses.replace(SETTINGS, split=split)
    with pytest.raises(ValueError, match=message + f".* Received: split='{split}', 3 series of at most 190 steps"):
        learn_facts(data, settings)
