"""Effects of the calendar: those that were put in are found, and noise is told from them."""

import numpy as np

from keras_attn.data import Frequency
from keras_attn.tasks.forecasting_calendar import calendar_effects, effects_of, telling_calendar

HOUR = Frequency(3600)
TIMES = 1_704_067_200 + 3600 * np.arange(24 * 7 * 12)  # from a Monday on
HOURS, DAYS = np.arange(len(TIMES)) % 24, np.arange(len(TIMES)) // 24 % 7
DRAW = np.random.default_rng(0)
OF_HOUR, OF_DAY = DRAW.normal(size=24), DRAW.normal(size=7)
OF_HOUR, OF_DAY = OF_HOUR - OF_HOUR.mean(), OF_DAY - OF_DAY.mean()


def series(hour, day, noise=0.5):
    trend = np.linspace(0, 20, len(TIMES))
    values = trend + hour * OF_HOUR[HOURS] + day * OF_DAY[DAYS] + noise * DRAW.normal(size=len(TIMES))
    return [(TIMES, values[:, None])]


def test_effects_are_found_despite_a_trend_and_gaps():
    ((times, values),) = series(1.0, 1.0, noise=0.1)
    values[DRAW.random(len(values)) < 0.1] = np.nan
    of_hour, of_day = calendar_effects([(times, values)], ("day", "week"), HOUR)
    np.testing.assert_allclose(of_hour[:, 0], OF_HOUR, atol=0.1)
    np.testing.assert_allclose(of_day[:, 0], OF_DAY, atol=0.15)


def test_series_share_their_effects():
    one, other = series(1.0, 0.0, 0.1)[0], series(3.0, 0.0, 0.1)[0]
    (effects,) = calendar_effects([one, other], ("day",), HOUR)
    np.testing.assert_allclose(effects[:, 0], 2.0 * OF_HOUR, atol=0.1)


def test_only_what_holds_is_chosen():
    assert telling_calendar(series(1.0, 1.0), HOUR) == ("day", "week")
    assert telling_calendar(series(1.0, 0.0), HOUR) == ("day",)
    assert telling_calendar(series(0.0, 1.0), HOUR) == ("week",)
    assert telling_calendar(series(0.0, 0.0), HOUR) == ()


def test_an_effect_that_turns_is_not_chosen():
    ((times, values),) = series(0.0, 0.0)
    turned = np.where(np.arange(len(times)) < len(times) // 2, 1.0, -1.0)
    assert telling_calendar([(times, values + (turned * OF_HOUR[HOURS])[:, None])], HOUR) == ()


def test_adding_up():
    codes = np.array([[0, 1], [2, 0]])
    tables = [np.array([[1.0], [2.0], [3.0]]), np.array([[10.0], [20.0]])]
    assert effects_of(codes, tables).ravel().tolist() == [21.0, 13.0] and effects_of(codes, []) == 0.0
