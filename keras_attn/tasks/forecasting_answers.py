"""What a trained forecaster says: of series the future, of their past how good it would have been."""

import csv
import dataclasses

import numpy as np

from keras_attn.data import WindowBatches
from keras_attn.data.time_stamps import format_times
from keras_attn.tasks.forecasting_baselines import NAMES
from keras_attn.tasks.forecasting_data import window_source
from keras_attn.tasks.forecasting_measures import Measures


@dataclasses.dataclass(frozen=True)
class Forecast:
    """The future of one series, in the units that it came in.

    Args:
        series: The series' name; empty where a table is one series.
        columns: Names of the variables, C of them.
        times: Seconds since 1970 of the steps, H of them.
        values: The forecast [H, C].
        levels: Levels of the quantiles, P of them, rising; the first and last are the interval's ends.
        quantiles: Array [H, C, P].
    """

    series: str
    columns: tuple
    times: np.ndarray
    values: np.ndarray
    levels: tuple
    quantiles: np.ndarray

    def rows(self):
        """Gives the forecast as rows.

        Returns:
            List of dicts of series, time, column, forecast, lower and upper, and each quantile by its level.
        """
        names = [f"q{100 * level:g}" for level in self.levels]
        found = []
        for step, time in enumerate(format_times(self.times)):
            for i, column in enumerate(self.columns):
                numbers = [float(f"{number:.7g}") for number in (self.values[step, i], *self.quantiles[step, i])]
                row = {"series": self.series, "time": time, "column": column, "forecast": numbers[0]}
                found.append(
                    {**row, "lower": numbers[1], "upper": numbers[-1], **dict(zip(names, numbers[1:], strict=True))}
                )
        return found


def write_forecasts(forecasts, file):
    """Writes forecasts as csv, a row a step and variable.

    Args:
        forecasts: List of `Forecast`.
        file: A text file open for writing.
    """
    rows = [row for forecast in forecasts for row in forecast.rows()]
    writer = csv.DictWriter(file, rows[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)


def future_batches(data, facts, settings):
    """Makes the windows whose horizon is the future, one a series.

    Args:
        data: `TimeSeries`.
        facts: `SeriesFacts`.
        settings: `ForecastingSettings`.

    Returns:
        `WindowBatches` without targets, and for each series the times of its horizon.

    Raises:
        ValueError: If a series has no step, or the known columns end before the horizon.
    """
    sources, times = [], []
    for series in data.series:
        ahead = len(series.known) - len(series) if facts.columns.known else settings.horizon
        if not len(series) or ahead < settings.horizon:
            label = f"series {series.name!r}" if series.name else "the table"
            raise ValueError(
                f"{label} needs observed steps, and behind them {settings.horizon} rows of the future, with empty "
                f"targets, whose columns {', '.join(facts.columns.known) or '(none)'} are filled in. "
                f"Received: {len(series)} observed steps, {max(ahead, 0)} rows of the future"
            )
        start = series.times[0]
        both = facts.frequency.times(np.arange(len(series) + settings.horizon), start)
        times.append(both[len(series) :])
        longer = dataclasses.replace(series, times=both, known=series.known[: len(both)])
        sources.append(window_source(longer, facts, settings.missing))
    batches = WindowBatches(
        sources,
        [(index, len(series)) for index, series in enumerate(data.series)],
        lookback=settings.lookback,
        horizon=settings.horizon,
        masked=settings.missing == "mask",
        batch_size=256,
        shuffle=False,
        with_targets=False,
    )
    return batches, times


def forecasts_of(data, facts, settings, asked, by="model"):
    """Forecasts the future of series.

    Args:
        data: `TimeSeries`.
        facts: `SeriesFacts`.
        settings: `ForecastingSettings`.
        asked: `Asked`.
        by: "model" or a baseline's name.

    Returns:
        List of `Forecast`, one a series.
    """
    batches, times = future_batches(data, facts, settings)
    found = []
    for index in range(len(batches)):
        forecast, quantiles = answer(asked, batches[index][0], by)
        for own, own_quantiles in zip(forecast, quantiles, strict=True):
            series = data.series[len(found)]
            mean, deviation = (array[: own.shape[-1]] for array in facts.scale_of(series))
            values, bounds = own * deviation + mean, own_quantiles * deviation[:, None] + mean[:, None]
            columns = facts.columns.targets
            found.append(Forecast(series.name, columns, times[len(found)], values, asked.forecaster.levels, bounds))
    return found


def answer(asked, inputs, by):
    """Asks the model or a baseline.

    Args:
        asked: `Asked`.
        inputs: Dict of arrays.
        by: "model" or a baseline's name.

    Returns:
        The forecast [B, H, C] and its quantiles [B, H, C, P], scaled.
    """
    return asked.forecast(inputs) if by == "model" else asked.baseline(inputs, by)


def measure(data, facts, asked, batches, progress=None):
    """Measures the model and the baselines on windows.

    Args:
        data: `TimeSeries` that the windows are of.
        facts: `SeriesFacts`.
        asked: `Asked`.
        batches: `WindowBatches`.
        progress: Called with the number of windows done so far, or None.

    Returns:
        Dict of "model" and the baselines' names -> list of `Measures`, one a stretch of time, see `stretches`.
    """
    stretch_of, _ = stretches(data, batches)
    num_stretches, levels = stretch_of.max() + 1, asked.forecaster.levels
    found = {name: [Measures(levels) for _ in range(num_stretches)] for name in ("model", *NAMES)}
    means, deviations, season_errors = _units(data, facts)
    done = 0
    for index in range(len(batches)):
        inputs, targets, *weights = batches[index]
        weights = weights[0] if weights else np.ones_like(targets)
        series_of = batches.origins_of(index)[:, 0]
        stretch_of_batch = stretch_of[done : done + len(targets)]
        for name, parts in found.items():
            forecast, quantiles = answer(asked, inputs, name)
            for stretch in np.unique(stretch_of_batch):
                rows = stretch_of_batch == stretch
                series = series_of[rows]
                parts[stretch].add(
                    targets[rows],
                    forecast[rows],
                    quantiles[rows],
                    weights[rows],
                    scale=(means[series][:, None], deviations[series][:, None]),  # [B, 1, C] each
                    error=season_errors[series][:, None],
                )
        done += len(targets)
        if progress is not None:
            progress(done)
    return found


def stretches(data, batches, count=5):
    """Cuts the time of the origins of windows into stretches of equal length.

    Args:
        data: `TimeSeries` that the windows are of.
        batches: `WindowBatches` in order.
        count: Number of stretches; fewer where there are fewer origins.

    Returns:
        For each window the number of its stretch, int64 [N]; and the first and last time of each stretch's origins.
    """
    times = np.array([data.series[series].times[step] for series, step in batches.origins])
    places, found = np.unique(times, return_inverse=True)
    folds = found * min(count, len(places)) // len(places)
    return folds, [(times[folds == fold].min(), times[folds == fold].max()) for fold in range(folds.max() + 1)]


def _units(data, facts):
    """The targets' means, deviations and mean differences a season apart (NaN for none), [series, C] each."""
    count = len(facts.columns.targets)
    means, deviations = zip(*map(facts.scale_of, data.series), strict=True)
    errors = [facts.errors.get(series.name) or [None] * count for series in data.series]
    return np.array(means)[:, :count], np.array(deviations)[:, :count], np.array(errors, "float64")
