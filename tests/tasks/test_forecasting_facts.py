"""What a task keeps of its series, against NumPy and by hand."""

import dataclasses

import numpy as np
import pytest

from keras_attn.data import SeriesColumns, read_time_series
from keras_attn.tasks.forecasting_data import learn_facts
from keras_attn.tasks.forecasting_facts import SeriesFacts, as_number
from keras_attn.tasks.forecasting_settings import ForecastingSettings
from tests.tasks.forecasting_cases import write_sales

COLUMNS = SeriesColumns("day", "shop", ("sales",), (), ("promo",), ("region",))
SETTINGS = ForecastingSettings(horizon=6, lookback=21)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return read_time_series(write_sales(tmp_path_factory.mktemp("data") / "sales.csv"), COLUMNS)


@pytest.fixture(scope="module")
def facts(data):
    return learn_facts(data, SETTINGS)[0]


def test_scales_are_those_of_the_training_part(data, facts):
    for series, length in zip(data.series, (150, 170, 190), strict=True):
        assert len(series) == length
        part = series.targets[: round(0.7 * length), 0]
        mean, deviation = facts.scale_of(series)
        assert (mean[0], deviation[0]) == pytest.approx((np.nanmean(part), np.nanstd(part)))
        distance = np.nanmean(np.abs(part[7:] - part[:-7]))
        assert facts.season == 7 and facts.errors[series.name][0] == pytest.approx(distance)
        known = series.known[: round(0.7 * length), 0]
        assert (mean[1], deviation[1]) == pytest.approx((known.mean(), known.std()))


def test_parts_follow_each_other(data, facts):
    series = data.series[1]
    assert [facts.part(series, part) for part in ("training", "validation", "test")] == [
        (0, 119),
        (119, 136),
        (136, 170),
    ]
    longer = dataclasses.replace(series, times=np.append(series.times, series.times[-1] + 86400))
    assert facts.part(longer, "test")[0] == 136  # by time, not by count
    unknown = dataclasses.replace(series, name="new")
    assert facts.part(unknown, "test") == (0, 170) and facts.part(unknown, "training") == (0, 0)


def test_numbers_that_say_something_of_a_series(data):
    changed = [dataclasses.replace(series, static=(str(10 * i),)) for i, series in enumerate(data.series)]
    facts, _ = learn_facts(dataclasses.replace(data, series=changed), SETTINGS)
    numbers = [facts.static_numbers(series).tolist() for series in changed]
    np.testing.assert_allclose(numbers, [[-np.sqrt(1.5)], [0.0], [np.sqrt(1.5)]], rtol=1e-5)


def test_saving(facts, tmp_path):
    facts.save(tmp_path)
    assert SeriesFacts.load(tmp_path) == facts
    (tmp_path / "series.json").write_text('{"columns": 3}', "utf-8")
    with pytest.raises(ValueError, match=r"series\.json is missing or damaged .* Received: run="):
        SeriesFacts.load(tmp_path)


def test_numbers_are_finite_ones():
    assert [as_number(value) for value in ("2.5", 3, "n", None, "nan", "inf")] == [2.5, 3.0, None, None, None, None]
