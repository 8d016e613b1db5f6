"""Time stamps: read from text, put on an even grid, and what the calendar says of them."""

import dataclasses
from datetime import UTC, datetime

import numpy as np

DAY = 86400
_UNITS = ((7 * DAY, "week"), (DAY, "day"), (3600, "hour"), (60, "minute"), (1, "second"))
_WEEKDAYS, _MONTHS, _MONTH_DAYS = 7, 12, 31


@dataclasses.dataclass(frozen=True)
class Frequency:
    """How far apart the steps of a series are.

    Args:
        count: Number of units from one step to the next.
        unit: "seconds", "months", or "weekdays" (Monday to Friday).

    Example:
        >>> Frequency(3600, "seconds").describe(), Frequency(3, "months").describe()
        ('1 hour', '3 months')
    """

    count: int
    unit: str = "seconds"

    def positions(self, times, start):
        """Tells how many steps times are away from a first one.

        Args:
            times: Seconds since 1970, array of whole numbers.
            start: The first time.

        Returns:
            Float array; whole numbers stand on the grid.
        """
        if self.unit == "seconds":
            return (times - start) / self.count
        if self.unit == "months":
            return (_month_numbers(times) - _month_numbers(start)) / self.count
        days, first = (_days(value) for value in (times, start))
        return np.busday_count(first, days) + np.where(np.is_busday(days), 0.0, -0.5)

    def times(self, positions, start):
        """Gives the time of steps.

        Args:
            positions: Whole numbers of steps after the first one.
            start: The time of the first step, in seconds since 1970.

        Returns:
            int64 array of seconds since 1970.
        """
        positions = np.asarray(positions, "int64")
        if self.unit == "seconds":
            return start + positions * self.count
        rest = start % DAY
        if self.unit == "weekdays":
            return np.busday_offset(_days(start), positions, roll="forward").astype("int64") * DAY + rest
        months = (_month_numbers(start) + positions * self.count).astype("datetime64[M]")
        first = months.astype("datetime64[D]").astype("int64")
        length = (months + 1).astype("datetime64[D]").astype("int64") - first
        day = (_days(start) - _days(start).astype("datetime64[M]").astype("datetime64[D]")).astype("int64")
        last = _days(start + DAY).astype("datetime64[M]") != _days(start).astype("datetime64[M]")
        return (first + np.where(last, length - 1, np.minimum(day, length - 1))) * DAY + rest

    def describe(self):
        """Says it in words.

        Returns:
            Text, such as "15 minutes".
        """
        count, unit = self.count, self.unit.removesuffix("s")
        if self.unit == "seconds":
            size, unit = next((size, name) for size, name in _UNITS if count % size == 0)
            count //= size
        elif self.unit == "months" and count % _MONTHS == 0:
            count, unit = count // _MONTHS, "year"
        return f"{count} {unit}" + "s" * (count > 1)

    def seasons(self):
        """Gives the season lengths that come first to mind, in steps.

        Returns:
            Tuple of whole numbers: the day and the week of hours, the week of days, the year of months.
        """
        if self.unit == "months":
            return (_MONTHS // self.count,) if _MONTHS % self.count == 0 and self.count < _MONTHS else ()
        if self.unit == "weekdays":
            return (5,)
        return tuple(span // self.count for span in (DAY, 7 * DAY) if span % self.count == 0 and span > self.count)


def parse_time(text):
    """Reads a time stamp.

    Args:
        text: ISO 8601 such as "2016-07-01 13:00:00", "2016-07-01T13:00Z", "2016-07" or "2016", a whole number of
            seconds since 1970, or a `datetime`. Times with an offset become UTC, those without are taken as they are.

    Returns:
        Whole seconds since 1970, or None where it is no time stamp.

    Example:
        >>> parse_time("1970-01-02"), parse_time("1970-01-01 01:00:00+01:00"), parse_time("noon")
        (86400, 0, None)
    """
    if isinstance(text, datetime):
        return int((text if text.tzinfo else text.replace(tzinfo=UTC)).timestamp())
    text = str(text).strip()
    if text.lstrip("-").isdigit() and len(text) != 4:
        return int(text)
    try:
        return parse_time(datetime.fromisoformat(text))
    except ValueError:
        pass
    if len(text) not in (4, 7):  # a year; a year and a month
        return None
    try:
        return int(np.datetime64(text, "s").astype("int64"))
    except ValueError:
        return None


def format_times(times):
    """Writes times.

    Args:
        times: Seconds since 1970.

    Returns:
        List of texts, such as "2016-07-01 13:00:00".
    """
    return [text.replace("T", " ") for text in np.datetime_as_string(np.asarray(times, "datetime64[s]")).tolist()]


def find_frequency(times_of_series):
    """Finds how far apart steps are: the commonest distance.

    Args:
        times_of_series: List of sorted arrays of seconds since 1970, without duplicates.

    Returns:
        A `Frequency`, or None where no series has two times.
    """
    steps = np.concatenate([np.diff(times) for times in times_of_series])
    if not len(steps):
        return None
    sizes, counts = np.unique(steps, return_counts=True)
    common, days = int(sizes[counts.argmax()]), np.median(steps) / DAY
    everyone = np.concatenate([_days(times) for times in times_of_series])
    days_of_month = set((everyone - everyone.astype("datetime64[M]")).astype("int64").tolist())
    if len(days_of_month) == 1 or days_of_month <= {27, 28, 29, 30}:  # one day of the month, or its end
        for months, least, most in ((1, 28, 31), (3, 89, 92), (6, 181, 184), (12, 365, 366)):
            if least <= days <= most:
                return Frequency(months, "months")
    if common == DAY and np.sum(steps == 3 * DAY) > 1 and np.is_busday(everyone).all():
        return Frequency(1, "weekdays")
    return Frequency(int(common))


def calendar_sizes(names, frequency):
    """Tells how many values each calendar feature has.

    Args:
        names: Some of "day", "week", "month" and "year".
        frequency: `Frequency`.

    Returns:
        Tuple of whole numbers.

    Example:
        >>> calendar_sizes(("day", "week"), Frequency(3600))
        (24, 7)
    """
    sizes = {"day": DAY // _slot(frequency), "week": _WEEKDAYS, "month": _MONTH_DAYS, "year": _MONTHS}
    return tuple(sizes[name] for name in names)


def calendar_codes(times, names, frequency):
    """Gives the calendar features of times: place in the day, day of the week, day of the month, month of the year.

    Only whole-number arithmetic is used, so that TensorFlow's tensors are answered with tensors.

    Args:
        times: int64 seconds since 1970, an array or tensor.
        names: Some of "day", "week", "month" and "year".
        frequency: `Frequency`, whose step is the width of a place in the day.

    Returns:
        List of arrays or tensors like `times`, one a name, which count from 0; Monday and January are 0.

    Reference:
        The months are counted from March, so that the leap day comes last: Hinnant, "chrono-Compatible Low-Level Date
        Algorithms", civil_from_days.
    """
    days = times // DAY
    shifted = days + 719468  # from 1 March of the year 0
    era = shifted // 146097
    of_era = shifted - era * 146097
    year = (of_era - of_era // 1460 + of_era // 36524 - of_era // 146096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    month = (5 * of_year + 2) // 153  # March is 0
    found = {
        "day": (times - days * DAY) // _slot(frequency),
        "week": (days + 3) % _WEEKDAYS,  # 1 January 1970 was a Thursday
        "month": of_year - (153 * month + 2) // 5,
        "year": (month + 2) % _MONTHS,
    }
    return [found[name] for name in names]


def usual_calendar(frequency, steps):
    """Chooses calendar features: those that change from step to step and come round at least twice in the data.

    Args:
        frequency: `Frequency`.
        steps: Number of steps of the longest series.

    Returns:
        Tuple of some of "day", "week", "month" and "year".
    """
    seconds = {"seconds": 1, "weekdays": DAY * 7 // 5, "months": DAY * 30}[frequency.unit] * frequency.count
    periods = {"day": DAY, "week": 7 * DAY, "year": 365 * DAY}
    return tuple(name for name, period in periods.items() if 2 * seconds <= period and steps * seconds >= 2 * period)


def _slot(frequency):
    """The width of a place in the day, in seconds; hours where steps do not divide a day."""
    count = frequency.count if frequency.unit == "seconds" else DAY
    return count if DAY % count == 0 and count >= 60 else 3600 if count < DAY else DAY


def _days(times):
    return (np.asarray(times, "int64") // DAY).astype("datetime64[D]")


def _month_numbers(times):
    return _days(times).astype("datetime64[M]").astype("int64")
