"""Series of numbers over time, read from the tables that people have, and put on an even grid."""

import dataclasses
import hashlib
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from keras_attn.data.table_files import column_names, missing_column, read_table
from keras_attn.data.time_stamps import Frequency, find_frequency, format_times, parse_time

_TIME_NAMES = ("date", "time", "timestamp", "datetime", "ds")
_EMPTY = {"", "na", "n/a", "nan", "null", "none", "-", "?"}
_MOST_OFF = 0.25  # share of rows off the grid from which on there is none
_MOST_BAD = 0.5  # share of a column's cells that are no numbers from which on it is a column of texts
_MOST_GROWTH = 20  # steps a row from which on a time stamp must be wrong


@dataclass(frozen=True)
class SeriesColumns:
    """Which columns of a table mean what.

    Args:
        time: Column of the time stamps; None takes the first of date, time, timestamp, datetime, ds that there is.
        series: Column that names the series of each row, for a long table; None where all rows are one series.
        targets: Columns to forecast; empty for all that have no other meaning.
        past: Columns of further numbers that are known of the past alone.
        known: Columns of numbers that are known of the future too.
        static: Columns that say something of a whole series: words or numbers.

    Raises:
        ValueError: If a column is named twice.
    """

    time: str | None = None
    series: str | None = None
    targets: tuple = ()
    past: tuple = ()
    known: tuple = ()
    static: tuple = ()

    def __post_init__(self):
        twice = [name for name, count in Counter(self._named()).items() if count > 1]
        if twice:
            raise ValueError(f"Each column has one meaning. Received: {twice[0]!r} named twice")

    def found_in(self, path):
        """Fills in, for a table, what was left open.

        Args:
            path: The file.

        Returns:
            `SeriesColumns` with a time column and targets.

        Raises:
            ValueError: If a column is missing.
        """
        present = column_names(path)
        for name in self._named():
            if name not in present:
                raise missing_column(path, name, present)
        time = self.time or next((name for name in present if name.lower() in _TIME_NAMES), None)
        if time is None:
            raise ValueError(
                f"{path}: which column holds the time stamps? None is named {', '.join(_TIME_NAMES)}: name it by "
                f"--time-column (time_column). Received: columns={present}"
            )
        others = tuple(name for name in present if name != time and name not in self._named())
        if not self.targets and not others:
            raise ValueError(f"{path}: no column is left to forecast. Received: columns={present}")
        return dataclasses.replace(self, time=time, targets=tuple(self.targets) or others)

    def _named(self):
        single = [name for name in (self.time, self.series) if name is not None]
        return [*single, *self.targets, *self.past, *self.known, *self.static]


@dataclass(frozen=True)
class Series:
    """One series on an even grid.

    Args:
        name: Its name; empty where a table is one series.
        times: Seconds since 1970 of each step, int64 [T].
        targets: What is forecast, float64 [E, C], NaN where nothing was observed; E may be less than T: the steps from
            there on are the future, of which `known` tells.
        past: What is known of the past alone, [E, P].
        known: What is known of the future too, [T, K].
        static: What is said of the whole series, a tuple of texts or numbers.
    """

    name: str
    times: np.ndarray
    targets: np.ndarray
    past: np.ndarray
    known: np.ndarray
    static: tuple = ()

    def __len__(self):
        return len(self.targets)


@dataclass(frozen=True)
class TimeSeries:
    """Series of a table, and what was repaired.

    Args:
        series: List of `Series`.
        columns: `SeriesColumns` as they were found.
        frequency: Their `Frequency`.
        repairs: Sentences, one a kind of repair, with its count.

    Example:
        >>> import pathlib, tempfile
        >>> file = pathlib.Path(tempfile.mkdtemp()) / "load.csv"
        >>> _ = file.write_text("date,load\\n2024-01-01,5\\n2024-01-02,7\\n2024-01-04,8\\n", encoding="utf-8")
        >>> data = read_time_series(file)
        >>> data.series[0].targets.ravel().tolist(), data.frequency.describe()
        ([5.0, 7.0, nan, 8.0], '1 day')
    """

    series: list
    columns: SeriesColumns
    frequency: Frequency
    repairs: list = field(default_factory=list)

    def steps(self):
        """Counts the observed steps.

        Returns:
            A whole number.
        """
        return sum(map(len, self.series))

    def fingerprint(self):
        """Tells these series from others.

        Returns:
            Sixteen hexadecimal digits.
        """
        digest = hashlib.sha256(repr((self.columns, self.frequency)).encode())
        for series in self.series:
            digest.update(repr((series.name, series.static)).encode())
            for array in (series.times, series.targets, series.past, series.known):
                digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()[:16]


def read_time_series(path, columns=None, frequency=None):
    """Reads series from a table, wide (a row a time) or long (a row a series and time), in any order.

    Repaired, counted and told in `repairs`: rows without a readable time, cells that are no numbers, several rows of
    one time (their mean counts), rows between two steps (moved to the nearest), missing times and values (NaN in
    targets; the value before in others).

    Args:
        path: A `.csv`, `.tsv`, `.jsonl` or `.parquet` file, see `read_table`.
        columns: `SeriesColumns`; all but the time are targets when None.
        frequency: `Frequency` of the steps; the commonest distance when None.

    Returns:
        A `TimeSeries`.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It cannot be read as such, lacks a column, holds a column of texts, or its times make no grid.
        RuntimeError: A library for the file's kind is not installed.
    """
    path = Path(path)
    columns = (columns or SeriesColumns()).found_in(path)
    names = [columns.time, *([] if columns.series is None else [columns.series])]
    numbers, first = [*columns.targets, *columns.past, *columns.known], len(names)
    rows, skipped = read_table(path, [*names, *numbers, *columns.static])
    if not rows:
        raise ValueError(f"{path}: no row can be read: {len(skipped)} left out. Received: the first {skipped[0]}")
    repairs = _Repairs()
    repairs.add("rows left out", skipped)
    rows, times = _timed(path, rows, columns.time, repairs)
    values = np.stack([_numbers(path, rows, first + i, name, repairs) for i, name in enumerate(numbers)], axis=1)
    groups = {}
    for index, (_, row) in enumerate(rows):
        groups.setdefault("" if columns.series is None else str(row[1]).strip(), []).append(index)
    tables = [_Rows(name, np.array(places), times, values, rows) for name, places in groups.items()]
    found = frequency or find_frequency([np.unique(table.times) for table in tables])
    if found is None:
        raise ValueError(f"{path}: a series needs at least two times. Received: {len(rows)} rows, {len(tables)} series")
    series = [table.on_grid(path, found, columns, len(names) + len(numbers), repairs) for table in tables]
    return TimeSeries(series, columns, found, repairs.sentences())


class _Repairs:
    """Repairs by kind: their number and the first of them."""

    def __init__(self):
        self.found = {}

    def add(self, kind, places):
        self.count(kind, len(places), places[0] if places else None)

    def count(self, kind, number, first):
        if number:
            count, shown = self.found.get(kind, (0, first))
            self.found[kind] = count + int(number), shown

    def sentences(self):
        return [f"{count} {kind}, the first: {first}." for kind, (count, first) in self.found.items()]


def _timed(path, rows, column, repairs):
    """The rows that have a time, and their times."""
    times = [parse_time(row[0]) for _, row in rows]
    bad = [f"{where}: {row[0]!r}" for (where, row), time in zip(rows, times, strict=True) if time is None]
    repairs.add(f"rows left out, for no time stamp in column {column!r}", bad)
    kept = [row for row, time in zip(rows, times, strict=True) if time is not None]
    if not kept:
        raise ValueError(
            f"{path}: no row has a time stamp that can be read, such as 2016-07-01 13:00:00. "
            f"Received: column={column!r}, the first: {bad[0]}"
        )
    return kept, np.array([time for time in times if time is not None], "int64")


def _numbers(path, rows, place, name, repairs):
    """A column as numbers, NaN where there is none."""
    cells = [row[place] for _, row in rows]
    try:
        values = np.array(cells, "float64")
        bad = []
    except (TypeError, ValueError):
        values, bad = np.full(len(cells), np.nan), []
        for index, cell in enumerate(cells):
            text = "" if cell is None else str(cell).strip()
            try:
                values[index] = np.nan if text.lower() in _EMPTY else float(text)
            except ValueError:
                bad.append(index)
    if len(bad) > _MOST_BAD * len(rows):
        raise ValueError(
            f"{rows[bad[0]][0]}: column {name!r} holds texts where numbers were expected. Name the columns to forecast "
            f"by --target (target_columns), or make it --static (static_columns). Received: {cells[bad[0]]!r}"
        )
    repairs.add(
        "cells that are no numbers, taken as missing",
        [f"{rows[index][0]}, column {name!r}: {cells[index]!r}" for index in bad],
    )
    infinite = np.flatnonzero(np.isinf(values))
    values[infinite] = np.nan
    repairs.add("infinite cells, taken as missing", [f"{rows[index][0]}, column {name!r}" for index in infinite])
    return values


class _Rows:
    """The rows of one series, sorted by time."""

    def __init__(self, name, places, times, values, rows):
        self.unsorted = int(np.sum(np.diff(times[places]) < 0))
        self.places = places[np.argsort(times[places], kind="stable")]
        self.name = name
        self.times = times[self.places]
        self.values = values[self.places]
        self.rows = rows

    def where(self, index):
        return f"{self.rows[self.places[index]][0]}" + (f" (series {self.name!r})" if self.name else "")

    def on_grid(self, path, frequency, columns, first_static, repairs):
        """Makes the `Series`."""
        repairs.count("rows that stand before an earlier one, sorted", self.unsorted, self.where(0))
        positions = frequency.positions(self.times, self.times[0])
        steps = np.rint(positions).astype("int64")
        off = np.flatnonzero(np.abs(positions - steps) > 1e-6)
        if len(off) > _MOST_OFF * len(steps):
            raise ValueError(
                f"{self.where(off[0])}: the times make no even grid: the commonest step is {frequency.describe()}, and "
                f"{len(off)} of {len(steps)} rows are off it, as where the frequency changes. Bring the file to one "
                f"frequency first. Received: {format_times(self.times[off[:1]])[0]!r}"
            )
        if steps[-1] + 1 > _MOST_GROWTH * (len(steps) + 50):
            jump = int(np.diff(steps).argmax()) + 1
            time = format_times(self.times[jump : jump + 1])[0]
            raise ValueError(
                f"{self.where(jump)}: {int(np.diff(steps).max())} steps of {frequency.describe()} lie before this row, "
                f"more than it has rows: is a time stamp wrong? Received: {time!r}"
            )
        if len(off):
            repairs.count(f"rows off the grid of {frequency.describe()}, moved to it", len(off), self.where(off[0]))
        values = self._means(steps, repairs)
        times = frequency.times(np.arange(len(values)), self.times[0])
        missing = np.flatnonzero(~np.isin(np.arange(len(values)), steps))
        if len(missing):
            label = f" (series {self.name!r})" if self.name else ""
            repairs.count(
                "missing time stamps, filled in", len(missing), f"{format_times(times[missing[:1]])[0]}{label}"
            )
        return self._series(values, times, missing, columns, first_static, repairs)

    def _means(self, steps, repairs):
        """The values of each step [T, ...]; of several rows their mean."""
        double = np.flatnonzero(np.diff(steps) == 0)
        if len(double):
            repairs.count("rows of a time that another has, averaged", len(double), self.where(double[0] + 1))
        count = np.zeros((steps[-1] + 1, self.values.shape[1]))
        total = np.zeros_like(count)
        np.add.at(count, steps, ~np.isnan(self.values))
        np.add.at(total, steps, np.nan_to_num(self.values))
        return np.where(count > 0, total / np.maximum(count, 1), np.nan)

    def _series(self, values, times, added, columns, first_static, repairs):
        targets, past, known = np.split(values, np.cumsum([len(columns.targets), len(columns.past)]), axis=1)
        observed = np.flatnonzero(~np.isnan(targets).all(axis=1))
        end = int(observed[-1]) + 1 if len(observed) else 0
        label = f"series {self.name!r}" if self.name else "the table"
        present = np.setdiff1d(np.arange(len(values)), added)  # those of added steps are told already
        for kind, array in (("targets", targets[:end]), ("past columns", past[:end]), ("known columns", known)):
            count = np.isnan(array[present[present < len(array)]]).sum()
            repairs.count(f"missing values of {kind}", count, label)
        if not columns.known:
            repairs.count("rows without any target at the end, left out", len(times) - end, label)
            times = times[:end]
        statics = [tuple(self.rows[place][1][first_static:]) for place in self.places]
        repairs.count(
            "rows whose static values differ from their series' first", sum(s != statics[0] for s in statics), label
        )
        return Series(self.name, times, targets[:end], _filled(past[:end]), _filled(known[: len(times)]), statics[0])


def _filled(values):
    """NaN replaced by the value before, at the start by the first there is, and 0 where there is none."""
    filled = fill_previous(values)
    backwards = fill_previous(filled[::-1])[::-1]
    return np.nan_to_num(backwards)


def fill_previous(values):
    """Replaces NaN by the value before; those at the start stay.

    Args:
        values: Array [T, C].

    Returns:
        Array [T, C].

    Example:
        >>> fill_previous(np.array([[np.nan], [2.0], [np.nan]])).ravel().tolist()
        [nan, 2.0, 2.0]
    """
    if not len(values):
        return values
    last = np.where(np.isnan(values), 0, np.arange(len(values))[:, None])
    return np.take_along_axis(values, np.maximum.accumulate(last, axis=0), axis=0)


def fill_linear(values):
    """Replaces NaN by the straight line between its neighbours, at the ends by the nearest value.

    Args:
        values: Array [T, C].

    Returns:
        Array [T, C]; zeros in a column of NaN.

    Example:
        >>> fill_linear(np.array([[1.0], [np.nan], [3.0], [np.nan]])).ravel().tolist()
        [1.0, 2.0, 3.0, 3.0]
    """
    filled, steps = np.zeros_like(values), np.arange(len(values))
    for column in range(values.shape[1]):
        seen = ~np.isnan(values[:, column])
        if seen.any():
            filled[:, column] = np.interp(steps, steps[seen], values[seen, column])
    return filled
