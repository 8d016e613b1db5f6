"""A forecasting task's data: looked through before the training, and made into the windows of its parts."""

import dataclasses

import numpy as np

from keras_attn.data import WindowBatches, WindowSource, every_origin
from keras_attn.data.time_series import fill_linear, fill_previous
from keras_attn.data.time_stamps import calendar_codes
from keras_attn.tasks.forecasting_calendar import calendar_effects, telling_calendar
from keras_attn.tasks.forecasting_facts import SeriesFacts, as_number, measure_scale

_FEWEST_WINDOWS = 2  # of a training


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
    season = next((steps for steps in data.frequency.seasons() if 2 * steps <= longest), 1)
    scales, errors, parts = {}, {}, {}
    for series in data.series:
        valid, test, end = _borders(len(series), settings.split_parts())
        scales[series.name] = measure_scale(series, valid)
        errors[series.name] = _season_errors(series.targets[:valid], season)
        times = [_time(series, step, data.frequency) for step in (valid, test, end)]
        parts[series.name] = [*times[:2], times[2] if end < len(series) else None]
        notes += _constant_columns(series, valid, scales[series.name], data.columns.targets)
    calendar = () if settings.calendar in (("none",), ("auto",)) else settings.calendar
    statics, static_scale = _learn_statics(data)
    facts = SeriesFacts(data.columns, data.frequency, calendar, season, scales, errors, parts, statics, static_scale)
    if settings.calendar == ("auto",):
        calendar = telling_calendar(_training_tables(data, facts), data.frequency)
        facts = dataclasses.replace(facts, calendar=calendar)
        notes.append(f"Of the calendar is used: {', '.join(calendar) or 'nothing'}.")
    return facts, notes + _check_lengths(data, facts, settings)


def learn_effects(data, facts):
    """Works out the effects of the calendar in the training part.

    Args:
        data: `TimeSeries`.
        facts: `SeriesFacts`.

    Returns:
        List of arrays [size, C], one a feature, in scaled units.
    """
    return calendar_effects(_training_tables(data, facts), facts.calendar, facts.frequency)


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


def _constant_columns(series, end, scale, columns):
    """A sentence for each target that is the same in all steps before `end`."""
    values, mean = series.targets[:end], np.array(scale.mean[: len(columns)])
    constant = np.flatnonzero(np.nansum((values - mean) ** 2, axis=0) <= 1e-20 * (1.0 + mean**2))
    of = f" of series {series.name!r}" if series.name else ""
    return [f"Column {columns[column]!r}{of} is constant in the training part." for column in constant]


def _training_tables(data, facts):
    """Times and scaled targets of each series' training part."""
    tables, count = [], len(data.columns.targets)
    for series in data.series:
        _, end = facts.part(series, "training")
        mean, deviation = (numbers[:count] for numbers in facts.scale_of(series))
        tables.append((series.times[:end], (series.targets[:end] - mean) / deviation))
    return tables


def _check_lengths(data, facts, settings):
    """Refuses data without a window to learn from or to choose by; a sentence on the series that give none."""
    lookback, horizon = settings.lookback, settings.horizon
    training, validation = (
        [_num_windows(series, facts, settings, part) for series in data.series] for part in ("training", "validation")
    )
    for part, counts, need in (
        ("training", training, lookback + horizon + 1),
        ("validation", validation, horizon + 1),
    ):
        if sum(counts) < _FEWEST_WINDOWS:
            longest = max(end - first for first, end in (facts.part(series, part) for series in data.series))
            raise ValueError(
                f"The {part} part has too few steps: {longest} in the longest series, and look-back {lookback} and "
                f"horizon {horizon} need at least {need}. Give more data, a smaller lookback or horizon, or another "
                f"split. Received: split={settings.split!r}, {len(data.series)} series of at most "
                f"{max(map(len, data.series))} steps"
            )
    short = [series for series, count in zip(data.series, training, strict=True) if not count]
    if not short:
        return []
    return [
        f"{len(short)} series of {len(data.series)} are shorter than look-back and horizon in their training part "
        f"and are not learnt from, the first: {short[0].name!r} of {len(short[0])} steps."
    ]


def _num_windows(series, facts, settings, part):
    first, end = facts.part(series, part)
    return len(every_origin([series], settings.lookback, settings.horizon, [first], [end]))


def _season_errors(targets, season):
    """Mean absolute difference of steps a season apart, a list of C; None where there are none, or it is 0."""
    differences = np.abs(targets[season:] - targets[:-season])
    seen = ~np.isnan(differences)
    count = seen.sum(axis=0)
    means = np.nansum(differences, axis=0) / np.maximum(count, 1)
    return [float(mean) if n and mean > 0 else None for mean, n in zip(means, count, strict=True)]


def _learn_statics(data):
    statics, scales = [], []
    for column in range(len(data.columns.static)):
        values = [series.static[column] for series in data.series]
        numbers = [as_number(value) for value in values]
        if None in numbers:
            statics.append(sorted({str(value) for value in values}))
            scales.append([0.0, 1.0])
        else:
            statics.append(None)
            scales.append([float(np.mean(numbers)), float(np.std(numbers)) or 1.0])
    return statics, scales


def _time(series, step, frequency):
    """The time of a step, which may lie behind the series."""
    if step < len(series.times):
        return int(series.times[step])
    return int(frequency.times(step, series.times[0]))
