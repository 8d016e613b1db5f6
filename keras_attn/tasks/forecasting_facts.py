"""What a trained forecasting task keeps of its series: their parts, scales and static values."""

import dataclasses

import numpy as np

from keras_attn.data import Frequency, SeriesColumns
from keras_attn.data.time_stamps import calendar_sizes
from keras_attn.tasks.run_parts import read_part, write_part

_FILE = "series.json"


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
        write_part(folder, _FILE, dataclasses.asdict(self))

    @classmethod
    def load(cls, folder):
        """Reads what `save` wrote.

        Args:
            folder: The run folder.

        Returns:
            `SeriesFacts`.

        Raises:
            ValueError: If the file is missing or damaged.
        """
        return read_part(folder, _FILE, cls._from_plain)

    @classmethod
    def _from_plain(cls, found):
        columns = {name: tuple(value) if isinstance(value, list) else value for name, value in found["columns"].items()}
        typed = {
            "columns": SeriesColumns(**columns),
            "frequency": Frequency(**found["frequency"]),
            "calendar": tuple(found["calendar"]),
            "scales": {name: Scale(**scale) for name, scale in found["scales"].items()},
        }
        return cls(**{**found, **typed})

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

    def scale_of(self, series):
        """Gives a series' scale; of one that the training did not have, that of its own steps.

        Args:
            series: `Series`.

        Returns:
            Means and deviations, two arrays of targets, past and known.
        """
        scale = self.scales.get(series.name) or measure_scale(series, len(series))
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
                number = as_number(value)
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
        times = [time for time in self.parts[series.name] if time is not None]
        valid, test, *cut = (int(np.searchsorted(series.times[: len(series)], time)) for time in times)
        end = cut[0] if cut else len(series)
        return {"training": (0, valid), "validation": (valid, test), "test": (test, end)}[name]


def measure_scale(series, end):
    """Measures the columns of a series.

    Args:
        series: `Series`.
        end: The step before which the steps lie that count, at most the series' length.

    Returns:
        A `Scale`.
    """
    values = np.concatenate([series.targets[:end], series.past[:end], series.known[:end]], axis=1)
    counts = (~np.isnan(values)).sum(axis=0)
    mean = np.nansum(values, axis=0) / np.maximum(counts, 1)
    deviation = np.sqrt(np.nansum((values - mean) ** 2, axis=0) / np.maximum(counts, 1))
    deviation = np.where(deviation > 1e-12 * np.maximum(np.abs(mean), 1e-300), deviation, 1.0)
    return Scale(mean.tolist(), deviation.tolist())


def as_number(value):
    """Reads a static value.

    Args:
        value: Text or number.

    Returns:
        A float, or None where it is no finite number.
    """
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if np.isfinite(number) else None
