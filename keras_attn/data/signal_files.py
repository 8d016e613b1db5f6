"""Signals from the files that people have: UCR tsv, sktime's ts, csv, npz, recordings."""

import csv
import io
import zipfile
from pathlib import Path

import numpy as np

from keras_attn.data.labelled_signals import LabelledSignals, SignalCollector, without_gaps
from keras_attn.data.parallel_text import read_text, shorten
from keras_attn.data.wav_files import read_recordings, read_wav_folder

_MISSING = {"", "nan", "na", "?", "null", "none"}


def read_signals(path, label_column="label", id_column=None, label_pattern=None, sample_rate=None):
    """Reads labelled signals.

    - `.tsv`, as in the UCR archive: a signal a line, its label first, tabs, no names. Missing values at the end make a
      signal shorter.
    - `.ts`, as in the UEA archive: after `@data` a signal a line, colons between its channels, its label last.
    - `.csv` with a column `file`: wav files, named from the csv's folder, and their labels.
    - `.csv`: a signal a line; all columns but the label's are its steps. With `id_column` a step a line: the signal's
      id, its label, and the channels.
    - `.npz`: arrays `signals` [N, T] or [N, T, C], and `labels` [N] or `targets` [N, T, C']; there may be `lengths` [N]
      and `sample_rate`.
    - a folder of wav files, a sub-folder a class, or with `label_pattern` the label in their names.

    Signals that cannot be used are left out and reported in `skipped`, what was repaired is counted in `repairs`.

    Args:
        path: File or folder.
        label_column: Column of the labels in a csv; the name of the labels in any case.
        id_column: Column that tells the signals of a csv apart, where a line is a step.
        label_pattern: Regular expression whose first group, in a wav file's name, is the label.
        sample_rate: Samples a second that recordings are brought to; that of the first when None.

    Returns:
        A `LabelledSignals`.

    Raises:
        FileNotFoundError: There is no such file or folder.
        ValueError: It cannot be read as such, lacks a column (those that it has are named), or no signal is left.

    Example:
        >>> import pathlib, tempfile
        >>> file = pathlib.Path(tempfile.mkdtemp()) / "x.tsv"
        >>> _ = file.write_text("1\\t0.5\\tNaN\\t1.5\\n2\\t0\\t1\\tx\\n", encoding="utf-8")
        >>> data = read_signals(file)
        >>> data.signals[0].ravel().tolist(), data.labels, len(data.skipped)
        ([0.5, 1.0, 1.5], {'label': ['1']}, 1)
    """
    path = Path(path)
    if path.is_dir():
        return read_wav_folder(path, label_column, label_pattern, sample_rate)
    readers = {".tsv": _read_tsv, ".ts": _read_ts, ".csv": _read_csv, ".npz": _read_npz}
    kind = Path(path.name.lower().removesuffix(".gz")).suffix
    if kind not in readers:
        raise ValueError(
            f"{path}: signals must come in .tsv, .ts, .csv (or one of them and .gz), .npz, or a folder of wav files. "
            f"Received: path={str(path)!r}"
        )
    if kind == ".csv":
        return _read_csv(path, label_column, id_column, sample_rate)
    return readers[kind](path, label_column)


def _text(path):
    text = read_text(path)
    if not text.strip():
        raise ValueError(f"{path}: the file is empty; a signal was expected. Received: path={str(path)!r}")
    return text


def _numbers(cells, first_column=1):
    """Float64 array of cells, NaN where a value is missing; a ValueError names the column of what is no number."""
    try:
        return np.array(cells, "float64")
    except ValueError:
        values = []
    for column, cell in enumerate(cells, start=first_column):
        try:
            values.append(np.nan if cell.strip().lower() in _MISSING else float(cell))
        except ValueError:
            raise ValueError(f"column {column}: {shorten(cell.strip(), 20)} is no number") from None
    return np.array(values, "float64")


def _label(cell):
    """A label as text: 1, 1.0 and 1.0000e+00 are the same class, but 007 stays what it is."""
    cell = cell.strip()
    if cell.isdigit():
        return cell
    try:
        number = float(cell)
    except ValueError:
        return "" if cell.lower() in _MISSING else cell
    return "" if number != number else str(int(number)) if number.is_integer() else cell


def _read_tsv(path, head):
    collector = SignalCollector(path)
    for number, line in enumerate(_text(path).splitlines(), start=1):
        if not line.strip():
            continue
        where = f"{path}:{number}"
        label, *cells = line.split("\t") if "\t" in line else line.split()
        try:
            values = _numbers(cells, first_column=2)
        except ValueError as error:
            collector.skip(where, error)
            continue
        (present,) = np.nonzero(~np.isnan(values))  # the archive fills short signals up with NaN
        collector.add(where, values[: present[-1] + 1] if present.size else values, _label(label))
    return collector.result(head)


def _read_ts(path, head):
    collector, in_data, has_label = SignalCollector(path), False, True
    for number, line in enumerate(_text(path).splitlines(), start=1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        where = f"{path}:{number}"
        if not in_data:
            words = line.lower().split()
            if words[:2] == ["@timestamps", "true"]:
                raise ValueError(
                    f"{where}: signals with time stamps are not read; expected `@timeStamps false`. "
                    f"Received: line={shorten(line)}"
                )
            has_label = has_label and words[:2] != ["@classlabel", "false"]
            in_data = words[0] == "@data"
            continue
        *channels, label = line.split(":") if has_label else [*line.split(":"), ""]
        try:
            values = [_numbers(channel.split(",")) for channel in channels]
        except ValueError as error:
            collector.skip(where, error)
            continue
        lengths = sorted({len(channel) for channel in values})
        if len(lengths) > 1:
            collector.skip(where, f"channels of {lengths[0]} to {lengths[-1]} steps")
        else:
            collector.add(where, np.stack(values, axis=1) if values else [], _label(label))
    if not in_data:
        raise ValueError(
            f"{path}: there is no line `@data`, after which the signals stand. Received: path={str(path)!r}"
        )
    return collector.result(head)


def _read_csv(path, head, id_column, sample_rate):
    reader = csv.reader(io.StringIO(_text(path), newline=""))
    names = [name.strip() for name in next(reader)]
    for column in filter(None, (head, id_column)):
        if column not in names:
            raise ValueError(
                f"{path}: there is no column {column!r}; there are {', '.join(map(repr, names[:12]))}. "
                f"Received: column={column!r}"
            )
    collector, rows = SignalCollector(path), []
    for row in reader:
        where = f"{path}:{reader.line_num}"
        if len(row) == len(names):
            rows.append((where, row))
        elif row:
            collector.skip(where, f"{len(row)} columns in place of {len(names)}")
    place = names.index(head)
    if "file" in names:
        file = names.index("file")
        files = [(where, path.parent / row[file].strip(), _label(row[place])) for where, row in rows]
        return collector.result(head, read_recordings(files, collector, sample_rate))
    if id_column is not None:
        _collect_steps(collector, rows, names, place, names.index(id_column))
    else:
        for where, row in rows:
            try:
                values = [_cell(row, i, names) for i in range(len(names)) if i != place]
            except ValueError as error:
                collector.skip(where, error)
                continue
            collector.add(where, values, _label(row[place]))
    return collector.result(head)


def _collect_steps(collector, rows, names, label, identity):
    """Signals of which each line is a step; one with a cell that is no number, or with two labels, is left out."""
    signals = {}
    for where, row in rows:
        signals.setdefault(row[identity].strip(), []).append((where, row))
    channels = [i for i in range(len(names)) if i not in (label, identity)]
    for steps in signals.values():
        values, labels, where = [], {_label(row[label]) for _, row in steps}, steps[0][0]
        try:
            if len(labels) > 1:
                raise ValueError(f"labels {' and '.join(map(repr, sorted(labels)))} for one signal")
            for where, row in steps:  # noqa: B007 the message needs it
                values.append([_cell(row, i, names) for i in channels])
        except ValueError as error:
            collector.skip(where, error)
            continue
        collector.add(steps[0][0], values, labels.pop())


def _cell(row, i, names):
    try:
        return float(_numbers([row[i]])[0])
    except ValueError:
        raise ValueError(f"column {names[i]!r}: {shorten(row[i].strip(), 20)} is no number") from None


def _read_npz(path, head):
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file. Check the path. Received: path={str(path)!r}")
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (ValueError, OSError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"{path}: no npz file of plain arrays, or a damaged one ({error}). Received: path={str(path)!r}"
        ) from None
    has_labels, has_targets = "labels" in arrays, "targets" in arrays
    if "signals" not in arrays or arrays["signals"].ndim not in (2, 3) or arrays["signals"].dtype.kind not in "fiu":
        raise ValueError(
            f"{path}: there must be an array `signals` of numbers [N, T] or [N, T, C]. Received: arrays="
            f"{ {name: array.shape for name, array in arrays.items()} }"
        )
    count = len(arrays["signals"])
    for name in {"labels", "targets", "lengths"} & arrays.keys():
        if len(arrays[name]) != count:
            raise ValueError(f"{path}: `{name}` must have a row a signal, {count}. Received: {len(arrays[name])} rows")
    lengths = arrays.get("lengths", np.full(count, arrays["signals"].shape[1]))
    collector, targets = SignalCollector(path), []
    for row in range(count):
        label = _label(str(arrays["labels"][row])) if has_labels else "-"
        before = len(collector.signals)
        collector.add(f"{path}: signal {row}", arrays["signals"][row][: lengths[row]], label)
        if has_targets and len(collector.signals) > before:
            target = np.array(arrays["targets"][row][: lengths[row]], "float64")
            targets.append(without_gaps(target.reshape(len(target), -1)).astype("float32"))
    rate = int(arrays["sample_rate"]) if "sample_rate" in arrays else None
    found = collector.result(head, rate)
    labels = found.labels if has_labels else {}
    return LabelledSignals(found.signals, labels, targets if has_targets else None, rate, found.skipped, found.repairs)
