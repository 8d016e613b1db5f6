"""What the calendar does to series: which of its features tell anything, and how much each of their values does."""

import numpy as np

from keras_attn.data.time_stamps import DAY, calendar_codes, calendar_sizes, usual_calendar

_LEAST_GAIN = 0.01  # of the second half's variance
_MOST_SERIES = 200
_SPANS = {"day": DAY, "week": 7 * DAY, "month": 30 * DAY, "year": 365 * DAY}


def telling_calendar(tables, frequency):
    """Chooses the calendar features that hold what they say.

    A feature is taken where its effects, worked out on the first half of the training part, make the second half vary
    less, by at least a hundredth.

    Args:
        tables: List of pairs, one a series: times [T], and scaled targets of the training part [T, C].
        frequency: `Frequency`.

    Returns:
        Tuple of names.
    """
    tables, chosen = tables[:_MOST_SERIES], ()
    earlier = [(times[: len(times) // 2], values[: len(values) // 2]) for times, values in tables]
    later = [(times[len(times) // 2 :], values[len(values) // 2 :]) for times, values in tables]
    longest = max(len(times) for times, _ in earlier)
    for name in usual_calendar(frequency, max(len(times) for times, _ in tables)):
        period = _period(name, frequency)
        if longest < period:
            continue
        with_it, without = (
            _variance_left(later, earlier, names, period, frequency) for names in ((*chosen, name), chosen)
        )
        if with_it < (1.0 - _LEAST_GAIN) * without:
            chosen = (*chosen, name)
    return chosen


def calendar_effects(tables, names, frequency):
    """Works out the mean effect of each value of each calendar feature, one feature after the other.

    What a value does is the mean distance of its steps from the moving average over the feature's period.

    Args:
        tables: List of pairs, one a series: times [T], and scaled targets [T, C], NaN where nothing was observed.
        names: Names of the features.
        frequency: `Frequency`.

    Returns:
        List of arrays [size, C], one a feature.
    """
    effects = []
    rests = [values for _, values in tables]
    for name, size in zip(names, calendar_sizes(names, frequency), strict=True):
        count = total = 0.0
        codes = [calendar_codes(times, (name,), frequency)[0] for times, _ in tables]
        for code, rest in zip(codes, rests, strict=True):
            distance = _without_level(rest, _period(name, frequency))
            seen = ~np.isnan(distance)
            one_hot = np.eye(size)[code].T
            count, total = count + one_hot @ seen, total + one_hot @ np.nan_to_num(distance)
        table = np.where(count > 0, total / np.maximum(count, 1.0), 0.0)
        effects.append(table - (table * count).sum(axis=0) / np.maximum(count.sum(axis=0), 1.0))
        rests = [rest - effects[-1][code] for code, rest in zip(codes, rests, strict=True)]
    return effects


def effects_of(codes, effects):
    """Adds up the effects of steps.

    Args:
        codes: Integers [..., F].
        effects: List of F arrays [size, C].

    Returns:
        Array [..., C]; 0 without features.
    """
    return sum((table[codes[..., i]] for i, table in enumerate(effects)), 0.0)


def _variance_left(tables, learnt_on, names, period, frequency):
    """How far values vary about their moving average over a period, when the effects of features are taken off."""
    effects = calendar_effects(learnt_on, names, frequency)
    squares = count = 0.0
    for times, values in tables:
        codes = np.stack(calendar_codes(times, names, frequency), axis=-1) if names else np.zeros((len(times), 0), int)
        distance = _without_level(values - effects_of(codes, effects), period)
        squares, count = squares + np.nansum(distance**2), count + np.sum(~np.isnan(distance))
    return squares / max(count, 1)


def _period(name, frequency):
    """Steps of a feature's span, such as 24 hours of a day."""
    seconds = {"seconds": 1, "weekdays": DAY * 7 / 5, "months": DAY * 365 / 12}[frequency.unit] * frequency.count
    return max(2, round(_SPANS[name] / seconds))


def _without_level(values, period):
    """Distance of values [T, C] from their moving average over a period; at the ends over as much as there is."""
    seen = ~np.isnan(values)
    sums = np.cumsum(np.pad(np.stack([np.nan_to_num(values), seen]), ((0, 0), (1, 0), (0, 0))), axis=1)
    steps = np.arange(len(values))
    low, high = np.maximum(steps - period // 2, 0), np.minimum(steps - period // 2 + period, len(values))
    total, count = sums[:, high] - sums[:, low]
    return values - total / np.maximum(count, 1)
