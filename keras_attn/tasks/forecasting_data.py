"""What a forecasting task knows of its series: parts of training, validation and test, scales, static values."""

import dataclasses
import json

import numpy as np

from keras_attn.data import Frequency, SeriesColumns, WindowBatches, WindowSource, every_origin
from keras_attn.data.time_series import fill_linear, fill_previous
from keras_attn.data.time_stamps import calendar_codes, calendar_sizes, format_times
from keras_attn.tasks.forecasting_calendar import calendar_effects, telling_calendar

_FILE = "series.json"
_FEWEST_WINDOWS = 2  # of a training


@dataclasses.dataclass(frozen=True)
class Scale:
    """Where the columns of a series lie: the mean and deviation of its training part.

    Args:
        mean: List of floats, one a column: targets, past, known.
        deviation: Likewise; 1 for a column that is constant.
    """

    mean: list
    deviation: list


@dataclasses.dataclass(frozen=True)
class SeriesFacts:
    """What a trained task keeps of its series.

    Args:
        columns: `SeriesColumns`.
        frequency: `Frequency`.
        calendar: Names of the calendar features.
        season: Steps of the season that the seasonal baseline and MASE use.
        scales: Dict of series name -> `Scale`.
        errors: Dict of series name -> for each target the mean absolute difference a season apart in the training part,
            by which MASE divides.
        parts: Dict of series name -> times in seconds: begin of the validation, of the test, and the test's end or None
            where it is the series' end.
        statics: List, one a static column: None for numbers, with mean and deviation in `static_scale`, or the list of
            its words.
        static_scale: List of [mean, deviation], one a static column; zeros and ones for words.
    """

    columns: SeriesColumns
    frequency: Frequency
    calendar: tuple
    season: int
    scales: dict
    errors: dict
    parts: dict
    statics: list
    static_scale: list

    def save(self, folder):
        """Writes `series.json`.

        Args:
            folder: The run folder.
        """
        text = json.dumps(dataclasses.asdict(self), ensure_ascii=False, indent=1)
        (folder / _FILE).write_text(text, "utf-8")

    @classmethod
    def load(cls, folder):
        """Reads what `save` wrote.

        Args:
            folder: The run folder.

        Returns:
            `SeriesFacts`.
        """
        found = json.loads((folder / _FILE).read_text("utf-8"))
        columns = {name: tuple(value) if isinstance(value, list) else value for name, value in found["columns"].items()}
        return cls(
            **{
                **found,
                "columns": SeriesColumns(**columns),
                "frequency": Frequency(**found["frequency"]),
                "calendar": tuple(found["calendar"]),
                "scales": {name: Scale(**scale) for name, scale in found["scales"].items()},
            }
        )

    def calendar_sizes(self):
        """Gives the number of values of each calendar feature.

        Returns:
            Tuple of whole numbers.
        """
        return calendar_sizes(self.calendar, self.frequency)

    def num_static(self):
        """Counts the numbers that static columns become.

        Returns:
            A whole number: one a column of numbers, one a word of others.
        """
        return sum(1 if words is None else len(words) for words in self.statics)

    def scale_of(self, series, end=None):
        """Gives a series' scale; of one that the training did not have, that of its own steps.

        Args:
            series: `Series`.
            end: Step before which the steps lie that count, for an unknown series; None for all.

        Returns:
            Means and deviations, two arrays of targets, past and known.
        """
        scale = self.scales.get(series.name) or scale_of(series, len(series) if end is None else end)
        return np.array(scale.mean), np.array(scale.deviation)

    def static_numbers(self, series):
        """Gives what is said of a whole series as numbers; a word that the training did not have is zeros.

        Args:
            series: `Series`.

        Returns:
            float32 [S].
        """
        numbers = []
        for value, words, (mean, deviation) in zip(series.static, self.statics, self.static_scale, strict=True):
            if words is None:
                number = _as_number(value)
                numbers.append(0.0 if number is None else (number - mean) / deviation)
            else:
                numbers += [float(str(value) == word) for word in words]
        return np.array(numbers, "float32")

    def part(self, series, name):
        """Tells which steps of a series are in a part.

        Args:
            series: `Series`.
            name: "training", "validation" or "test". A series that the training did not have is all test.

        Returns:
            First step, and the step after the last.
        """
        if series.name not in self.parts:
            return (0, len(series)) if name == "test" else (0, 0)
        valid, test, end = (len(series) if t is None else _step(series, t) for t in self.parts[series.name])
        return {"training": (0, valid), "validation": (valid, test), "test": (test, end)}[name]


def learn_facts(data, settings):
    """Looks through the series that a task is to learn from.

    Args:
        data: `TimeSeries`.
        settings: `ForecastingSettings`.

    Returns:
        `SeriesFacts`, and a list of sentences on what was found.

    Raises:
        ValueError: If no series is long enough.
    """
    notes = [f"{len(data.series)} series of {data.steps():,} steps in all, {data.frequency.describe()} apart."]
    notes += data.repairs
    longest = max(map(len, data.series))
    usual = [season for season in data.frequency.seasons() if 2 * season <= longest]
    season, scales, errors, parts = usual[0] if usual else 1, {}, {}, {}
    for series in data.series:
        valid, test, end = _borders(len(series), settings.split_parts())
        scales[series.name] = scale_of(series, valid)
        errors[series.name] = _season_errors(series.targets[:valid], season)
        parts[series.name] = [_time(series, valid, data.frequency), _time(series, test, data.frequency), None]
        if end < len(series):
            parts[series.name][2] = _time(series, end, data.frequency)
        mean = np.array(scales[series.name].mean[: series.targets.shape[1]])
        constant = np.flatnonzero(np.nansum((series.targets[:valid] - mean) ** 2, axis=0) <= 1e-20 * (1.0 + mean**2))
        for column in constant:
            of = f" of series {series.name!r}" if series.name else ""
            notes.append(f"Column {data.columns.targets[column]!r}{of} is constant in the training part.")
    calendar = () if settings.calendar == ("none",) else settings.calendar
    if calendar == ("auto",):
        calendar = telling_calendar(_training_tables(data, scales, parts), data.frequency)
        notes.append(f"Of the calendar is used: {', '.join(calendar) or 'nothing'}.")
    statics, static_scale = _learn_statics(data)
    facts = SeriesFacts(data.columns, data.frequency, calendar, season, scales, errors, parts, statics, static_scale)
    _check_lengths(data, facts, settings, notes)
    return facts, notes


def learn_effects(data, facts):
    """Works out the effects of the calendar in the training part.

    Args:
        data: `TimeSeries`.
        facts: `SeriesFacts`.

    Returns:
        List of arrays [size, C], one a feature, in scaled units.
    """
    return calendar_effects(_training_tables(data, facts.scales, facts.parts), facts.calendar, facts.frequency)


def _training_tables(data, scales, parts):
    """Times and scaled targets of each series' training part."""
    tables = []
    for series in data.series:
        end, scale = _step(series, parts[series.name][0]), scales[series.name]
        count = series.targets.shape[1]
        mean, deviation = (np.array(numbers[:count]) for numbers in (scale.mean, scale.deviation))
        tables.append((series.times[:end], (series.targets[:end] - mean) / deviation))
    return tables


def scale_of(series, end):
    """Measures the columns of a series.

    Args:
        series: `Series`.
        end: The step before which the steps lie that count.

    Returns:
        A `Scale`.
    """
    values = np.concatenate([series.targets[:end], series.past[:end], series.known[: min(end, len(series))]], axis=1)
    counts = (~np.isnan(values)).sum(axis=0)
    mean = np.nansum(values, axis=0) / np.maximum(counts, 1)
    deviation = np.sqrt(np.nansum((values - mean) ** 2, axis=0) / np.maximum(counts, 1))
    deviation = np.where(deviation > 1e-12 * np.maximum(np.abs(mean), 1e-300), deviation, 1.0)
    return Scale(mean.tolist(), deviation.tolist())


def window_source(series, facts, missing):
    """Makes a series ready for windows.

    Args:
        series: `Series`.
        facts: `SeriesFacts`.
        missing: The setting.

    Returns:
        `WindowSource`.
    """
    mean, deviation = facts.scale_of(series)
    targets, past = series.targets.shape[1], series.past.shape[1]
    scaled = [
        ((array - mean[part]) / deviation[part])
        for array, part in (
            (series.targets, slice(0, targets)),
            (series.past, slice(targets, targets + past)),
            (series.known, slice(targets + past, None)),
        )
    ]
    observed = ~np.isnan(scaled[0])
    if missing == "previous":
        filled = fill_previous(scaled[0])
        filled = fill_previous(filled[::-1])[::-1]
    else:
        filled = fill_linear(scaled[0])
    codes = calendar_codes(series.times, facts.calendar, facts.frequency)
    calendar = np.stack(codes, axis=1) if codes else np.zeros((len(series.times), 0))
    return WindowSource(
        np.nan_to_num(filled).astype("float32"),
        observed,
        scaled[1].astype("float32"),
        scaled[2].astype("float32"),
        calendar.astype("int32"),
        facts.static_numbers(series),
    )


def part_batches(data, facts, settings, part, shuffle=False, most=None):
    """Makes the windows of a part.

    Args:
        data: `TimeSeries`.
        facts: `SeriesFacts`.
        settings: `ForecastingSettings`.
        part: "training", "validation" or "test". Histories of the latter two reach into the part before.
        shuffle: Whether to mix the windows anew each epoch.
        most: Largest number of windows, evenly spread; None for all.

    Returns:
        `WindowBatches`, or None where the part holds no window.
    """
    borders = [facts.part(series, part) for series in data.series]
    first, end = ([border[i] for border in borders] for i in range(2))
    origins = every_origin(data.series, settings.lookback, settings.horizon, first, end)
    if not len(origins):
        return None
    if most is not None and len(origins) > most:
        origins = origins[np.linspace(0, len(origins) - 1, most).astype("int64")]
    sources = [window_source(series, facts, settings.missing) for series in data.series]
    return WindowBatches(
        sources,
        origins,
        lookback=settings.lookback,
        horizon=settings.horizon,
        masked=settings.missing == "mask",
        batch_size=settings.batch_size if shuffle else max(settings.batch_size, 256),
        shuffle=shuffle,
        seed=settings.seed,
    )


def _borders(length, split):
    """First steps of validation and test, and the end of the test."""
    if isinstance(split[0], int):
        valid, test, end = np.minimum(np.cumsum(split), length)
        return int(valid), int(test), int(end)
    valid = int(length * split[0] + 1e-6)
    return valid, length - int(length * split[2] + 1e-6), length


def _check_lengths(data, facts, settings, notes):
    """Refuses data without a window to learn from or to choose by, and notes the series that give none."""
    lookback, horizon = settings.lookback, settings.horizon
    counts = dict.fromkeys(("training", "validation"), 0)
    short = []
    for series in data.series:
        found = {
            part: len(every_origin([series], lookback, horizon, *_one(facts.part(series, part)))) for part in counts
        }
        counts = {part: counts[part] + found[part] for part in counts}
        if not found["training"]:
            short.append(series)
    if short:
        notes.append(
            f"{len(short)} series of {len(data.series)} are shorter than look-back and horizon in their training part "
            f"and are not learnt from, the first: {short[0].name!r} of {len(short[0])} steps."
        )
    for part, count in counts.items():
        if count < _FEWEST_WINDOWS:
            longest = max(facts.part(series, part)[1] - facts.part(series, part)[0] for series in data.series)
            need = lookback + horizon + 1 if part == "training" else horizon + 1
            raise ValueError(
                f"The {part} part has too few steps: {longest} in the longest series, and look-back {lookback} and "
                f"horizon {horizon} need at least {need}. Give more data, a smaller lookback or horizon, or another "
                f"split. Received: split={settings.split!r}, {len(data.series)} series of at most "
                f"{max(map(len, data.series))} steps"
            )


def _one(border):
    return [border[0]], [border[1]]


def _season_errors(targets, season):
    """Mean absolute difference of steps a season apart [C]; NaN where there are none."""
    differences = np.abs(targets[season:] - targets[:-season])
    seen = ~np.isnan(differences)
    count = seen.sum(axis=0)
    means = np.nansum(differences, axis=0) / np.maximum(count, 1)
    return [float(mean) if n and mean > 0 else None for mean, n in zip(means, count, strict=True)]


def _learn_statics(data):
    statics, scales = [], []
    for column in range(len(data.columns.static)):
        values = [series.static[column] for series in data.series]
        numbers = [_as_number(value) for value in values]
        if None in numbers:
            statics.append(sorted({str(value) for value in values}))
            scales.append([0.0, 1.0])
        else:
            statics.append(None)
            scales.append([float(np.mean(numbers)), float(np.std(numbers)) or 1.0])
    return statics, scales


def _as_number(value):
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if np.isfinite(number) else None


def _time(series, step, frequency):
    """The time of a step, which may lie behind the series."""
    if step < len(series.times):
        return int(series.times[step])
    return int(frequency.times(step, series.times[0]))


def _step(series, time):
    return int(min(np.searchsorted(series.times, time), len(series)))


def describe_part(series, border):
    """Says from when to when a part of a series reaches.

    Args:
        series: `Series`.
        border: First step, and the step after the last.

    Returns:
        Text.
    """
    first, last = format_times(series.times[[border[0], border[1] - 1]])
    return f"{first} to {last}"
