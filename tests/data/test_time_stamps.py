"""Time stamps against Python's own calendar."""

import random
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from keras_attn.data.time_stamps import (
    DAY,
    Frequency,
    calendar_codes,
    calendar_sizes,
    find_frequency,
    format_times,
    parse_time,
    usual_calendar,
)

HOUR = Frequency(3600)


def seconds(text):
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2016-07-01 13:00:00", "2016-07-01T13:00:00"),
        ("2016-07-01T13:00:00Z", "2016-07-01T13:00:00"),
        ("2016-07-01T13:00:00+02:00", "2016-07-01T11:00:00"),
        (" 2016-07-01 ", "2016-07-01T00:00:00"),
        ("2016-07", "2016-07-01T00:00:00"),
        ("1999", "1999-01-01T00:00:00"),
        (datetime(2016, 7, 1, 13), "2016-07-01T13:00:00"),
    ],
)
def test_what_is_read_as_a_time(text, expected):
    assert parse_time(text) == seconds(expected)


def test_what_is_no_time():
    assert [parse_time(text) for text in ("", "noon", "2016-13-01", "20x6", None)] == [None] * 5
    assert parse_time("1467378000") == 1467378000 and parse_time("12") == 12


def test_calendar_codes_are_pythons():
    draw = random.Random(1)
    times = [draw.randrange(-2 * 10**9, 6 * 10**9) for _ in range(500)] + [seconds("2024-02-29"), seconds("2000-02-29")]
    found = calendar_codes(np.array(times, "int64"), ("day", "week", "month", "year"), HOUR)
    for i, time in enumerate(times):
        date = datetime(1970, 1, 1) + timedelta(seconds=time)
        assert [int(codes[i]) for codes in found] == [date.hour, date.weekday(), date.day - 1, date.month - 1]


def test_the_graph_has_the_same_codes():
    tf = pytest.importorskip("tensorflow")
    times = np.arange(-(10**9), 3 * 10**9, 7_654_321, dtype="int64")
    names = ("day", "week", "month", "year")
    for ours, graphs in zip(
        calendar_codes(times, names, HOUR), calendar_codes(tf.constant(times), names, HOUR), strict=True
    ):
        np.testing.assert_array_equal(ours, graphs.numpy())


def test_places_in_the_day():
    quarter = Frequency(900)
    assert calendar_sizes(("day", "week", "month", "year"), quarter) == (96, 7, 31, 12)
    assert calendar_codes(np.array([3 * 900 + 10]), ("day",), quarter)[0].tolist() == [3]
    assert calendar_sizes(("day",), Frequency(7 * 3600)) == (24,)  # steps that do not divide a day


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        (["2024-01-01 00:00", "2024-01-01 00:15", "2024-01-01 00:30", "2024-01-01 01:00"], Frequency(900)),
        (["2024-01-31", "2024-02-29", "2024-03-31", "2024-04-30"], Frequency(1, "months")),
        (["2024-01-01", "2024-04-01", "2024-07-01", "2024-10-01"], Frequency(3, "months")),
        (["2019", "2020", "2021"], Frequency(12, "months")),
        (["2024-01-01", "2024-01-08", "2024-01-15"], Frequency(7 * DAY)),
        ([f"2024-01-{day:02d}" for day in (1, 2, 3, 4, 5, 8, 9, 10, 11, 12, 15, 16)], Frequency(1, "weekdays")),
        ([f"2024-01-{day:02d}" for day in (1, 2, 3, 6, 7, 8, 9)], Frequency(DAY)),
    ],
)
def test_the_frequency_is_found(times, expected):
    times = np.array([parse_time(text) for text in times])
    assert find_frequency([times]) == expected
    positions = expected.positions(times, times[0])
    np.testing.assert_array_equal(expected.times(np.rint(positions).astype(int), times[0]), times)
    assert np.all(np.diff(np.rint(positions)) >= 1) and positions[0] == 0


def test_no_frequency_without_two_times():
    assert find_frequency([np.array([5])]) is None


def test_steps_go_on_by_the_calendar():
    assert format_times(Frequency(1, "months").times([1, 2, 12], seconds("2023-01-31"))) == [
        "2023-02-28 00:00:00",
        "2023-03-31 00:00:00",
        "2024-01-31 00:00:00",
    ]
    assert format_times(Frequency(1, "weekdays").times([4, 5], seconds("2024-01-01"))) == [
        "2024-01-05 00:00:00",
        "2024-01-08 00:00:00",
    ]
    assert Frequency(1, "weekdays").positions(np.array([seconds("2024-01-06")]), seconds("2024-01-01"))[0] % 1 == 0.5


def test_words_and_seasons():
    assert [f.describe() for f in (HOUR, Frequency(900), Frequency(DAY), Frequency(12, "months"))] == [
        "1 hour",
        "15 minutes",
        "1 day",
        "1 year",
    ]
    assert HOUR.seasons() == (24, 168) and Frequency(DAY).seasons() == (7,)
    assert Frequency(1, "months").seasons() == (12,) and Frequency(12, "months").seasons() == ()
    assert Frequency(1, "weekdays").seasons() == (5,)


def test_usual_calendar():
    assert usual_calendar(HOUR, 24 * 20) == ("day", "week")
    assert usual_calendar(HOUR, 40) == ()
    assert usual_calendar(HOUR, 24 * 800) == ("day", "week", "year")
    assert usual_calendar(Frequency(DAY), 100) == ("week",)
    assert usual_calendar(Frequency(1, "months"), 48) == ("year",)
    assert usual_calendar(Frequency(12, "months"), 48) == ()
