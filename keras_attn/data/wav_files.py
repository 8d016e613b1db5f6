"""Recordings: wav files, alone, in a folder a class, or with the label in the name."""

import re
import warnings
from math import gcd
from pathlib import Path

import numpy as np

from keras_attn.data.labelled_signals import SignalCollector


def read_wav(path, sample_rate=None):
    """Reads a wav file of whole or floating-point numbers as one channel from -1 to 1.

    Args:
        path: The file.
        sample_rate: Samples a second to give; a file of another rate is resampled. None keeps the file's.

    Returns:
        Float32 array [T], its sample rate, and a list of what was repaired.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is no wav file, or holds no samples.

    Example:
        >>> import pathlib, tempfile, numpy as np
        >>> from scipy.io import wavfile
        >>> from keras_attn.data import read_wav
        >>> file = pathlib.Path(tempfile.mkdtemp()) / "a.wav"
        >>> wavfile.write(file, 8000, np.array([0, 16384], "int16"))
        >>> read_wav(file)
        (array([0. , 0.5], dtype=float32), 8000, [])
    """
    from scipy.io import wavfile

    path, repairs = Path(path), []
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file. Check the path. Received: path={str(path)!r}")
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            rate, samples = wavfile.read(path)
    except Exception as error:  # whatever a damaged file makes the reader raise
        size = path.stat().st_size
        raise ValueError(
            f"{path}: no wav file, or a damaged one ({error}; {size} bytes). Convert or copy it again. "
            f"Received: path={str(path)!r}"
        ) from None
    if any("EOF" in str(warning.message) for warning in caught):
        repairs.append("recordings cut short, used as far as they go")
    if not samples.size:
        raise ValueError(f"{path}: the recording holds no samples. Record it again. Received: path={str(path)!r}")
    samples = _as_floats(samples)
    if samples.ndim > 1:
        samples = samples.mean(axis=1)
        repairs.append("stereo recordings averaged to one channel")
    if sample_rate and rate != sample_rate:
        samples = resampled(samples, rate, sample_rate)
        repairs.append(f"recordings resampled to {sample_rate} samples a second")
        rate = sample_rate
    return samples.astype("float32"), int(rate), repairs


def resampled(samples, rate, new_rate):
    """Gives samples another rate, by a polyphase filter.

    Args:
        samples: Float array [T].
        rate: Its samples a second.
        new_rate: Those of the result.

    Returns:
        Float array [ceil(T new_rate / rate)].

    Reference:
        scipy.signal.resample_poly.
    """
    from scipy import signal

    divisor = gcd(int(rate), int(new_rate))
    return signal.resample_poly(samples, new_rate // divisor, rate // divisor)


def read_recordings(files, collector, sample_rate=None):
    """Reads wav files into a collector; those that cannot be read are left out and told.

    Args:
        files: List of tuples: where it is named, path, label.
        collector: A `SignalCollector`.
        sample_rate: Samples a second to give; that of the first file when None.

    Returns:
        The sample rate; None where no file could be read.
    """
    for where, path, label in files:
        try:
            samples, sample_rate, repairs = read_wav(path, sample_rate)
        except (ValueError, OSError) as error:
            collector.skip(where, str(error).partition(" Received:")[0])
            continue
        collector.repairs.update(repairs)
        collector.add(where, samples, label)
    return sample_rate


def read_wav_folder(path, head="label", label_pattern=None, sample_rate=None):
    """Reads a folder of wav files: each sub-folder is named for a class, or each file's name holds its label.

    Args:
        path: The folder.
        head: Name of the labels.
        label_pattern: Regular expression whose first group, in a file's name, is the label; None for sub-folders.
        sample_rate: Samples a second; that of the first file when None.

    Returns:
        A `LabelledSignals`.

    Raises:
        ValueError: If no file is left.
    """
    path, collector, files = Path(path), SignalCollector(path), []
    found = sorted(file for file in path.rglob("*") if file.suffix.lower() == ".wav" and not file.name.startswith("."))
    for file in found:
        if label_pattern is None:
            label = file.parent.name if file.parent != path else ""
        else:
            match = re.search(label_pattern, file.name)
            label = match.group(1) if match else ""
        if label:
            files.append((str(file), file, label))
        else:
            where = "not in a sub-folder named for its class" if label_pattern is None else f"not {label_pattern!r}"
            collector.skip(file, f"no label: {where}")
    return collector.result(head, read_recordings(files, collector, sample_rate))


def _as_floats(samples):
    if samples.dtype.kind == "f":
        return samples.astype("float64")
    if samples.dtype == np.uint8:
        return (samples.astype("float64") - 128.0) / 128.0
    return samples / -float(np.iinfo(samples.dtype).min)
