"""Labelled signals: numbers over time and what they are, with an account of what was repaired or left out."""

import hashlib
from collections import Counter
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class LabelledSignals:
    """Signals with their labels, and what was repaired or left out.

    Args:
        signals: Float32 arrays [T, C]; T may differ, C is the same for all.
        labels: Dict of head -> a label for each signal; a class, or the text that was spoken. Empty without labels.
        targets: Float32 arrays [T, C'], what each signal is to become; None where it is labels that are learnt.
        sample_rate: Samples a second, of recordings; None where the signals have no such thing.
        skipped: One message a signal that was left out, naming file and line.
        repairs: Dict of what was repaired -> how many signals.

    Example:
        >>> import numpy as np
        >>> data = LabelledSignals([np.zeros((5, 1), "float32")], {"label": ["flat"]})
        >>> len(data), data.num_channels
        (1, 1)
    """

    signals: list
    labels: dict = field(default_factory=dict)
    targets: list | None = None
    sample_rate: int | None = None
    skipped: list = field(default_factory=list)
    repairs: dict = field(default_factory=dict)

    noun = "signal"

    def __len__(self):
        return len(self.signals)

    @property
    def num_channels(self):
        """Number of channels C."""
        return self.signals[0].shape[1]

    def is_multi_label(self, head):
        """Tells whether a signal may have several labels: none may.

        Args:
            head: Name of the head.

        Returns:
            False.
        """
        return False

    def select(self, rows):
        """Gives some of the signals.

        Args:
            rows: Their indices.

        Returns:
            A `LabelledSignals` with the same account of repairs.
        """
        labels = {head: [values[row] for row in rows] for head, values in self.labels.items()}
        targets = None if self.targets is None else [self.targets[row] for row in rows]
        signals = [self.signals[row] for row in rows]
        return LabelledSignals(signals, labels, targets, self.sample_rate, self.skipped, self.repairs)

    def account(self, purpose):
        """Tells what was left out and what was repaired.

        Args:
            purpose: What the signals are for, such as "training".

        Returns:
            List of sentences; empty where the files were as they should be.
        """
        lines = [f"{count} {purpose} signals: {what}." for what, count in self.repairs.items()]
        if self.skipped:
            lines.append(f"{len(self.skipped)} {purpose} signals left out, the first: {self.skipped[0]}.")
        return lines

    def fingerprint(self):
        """Tells these signals and labels from others.

        Returns:
            Sixteen hexadecimal digits.
        """
        digest = hashlib.sha256()
        for row, signal in enumerate(self.signals):
            digest.update(str((signal.shape, [values[row] for values in self.labels.values()])).encode())
            digest.update(np.ascontiguousarray(signal).tobytes())
            if self.targets is not None:
                digest.update(np.ascontiguousarray(self.targets[row]).tobytes())
        return digest.hexdigest()[:16]


class SignalCollector:
    """Takes signals as a file has them, repairs what can be repaired, and counts.

    Args:
        path: The file or folder, for messages.
    """

    def __init__(self, path):
        self.path = path
        self.signals = []
        self.labels = []
        self.skipped = []
        self.repairs = Counter()

    def add(self, where, values, label):
        """Takes a signal. Missing and infinite values become a straight line between their neighbours.

        Args:
            where: File and line, for messages.
            values: Float array [T, C], NaN where a value is missing.
            label: Its label, text; empty where it has none.
        """
        values = np.array(values, "float64")
        if values.ndim == 1:
            values = values[:, None]
        if not label:
            self.skip(where, "no label")
        elif self.signals and values.shape[1] != self.signals[0].shape[1]:
            self.skip(where, f"{values.shape[1]} channels in place of {self.signals[0].shape[1]}")
        elif not values.size:
            self.skip(where, "no values")
        elif not np.isfinite(values).any(axis=0).all():
            self.skip(where, "a channel without a single number")
        else:
            if np.isinf(values).any():
                self.repairs["infinite values taken as missing"] += 1
            if not np.isfinite(values).all():
                self.repairs["missing values replaced by a straight line between their neighbours"] += 1
                values = without_gaps(values)
            self.signals.append(values.astype("float32"))
            self.labels.append(label)

    def skip(self, where, problem):
        """Notes a signal that cannot be used.

        Args:
            where: File and line.
            problem: What is wrong.
        """
        self.skipped.append(f"{where}: skipped, {problem}")

    def result(self, head, sample_rate=None):
        """Gives what was collected.

        Args:
            head: Name of the labels.
            sample_rate: Samples a second, or None.

        Returns:
            A `LabelledSignals`.

        Raises:
            ValueError: If nothing is left.
        """
        if not self.signals:
            why = f"{len(self.skipped)} left out, the first {self.skipped[0]}" if self.skipped else "the file has none"
            raise ValueError(f"No signal is left: {why}. Received: path={str(self.path)!r}")
        flat = sum(bool((signal == signal[:1]).all()) for signal in self.signals)
        if flat:
            self.repairs["constant from begin to end, kept as they are"] += flat
        labels = {head: self.labels}
        return LabelledSignals(self.signals, labels, None, sample_rate, self.skipped, dict(self.repairs))


def without_gaps(values):
    """Replaces what is no finite number by a straight line between its neighbours, at the ends by the nearest.

    Args:
        values: Float array [T, C], with a finite number in each channel.

    Returns:
        Array of the same shape.

    Example:
        >>> import numpy as np
        >>> from keras_attn.data.labelled_signals import without_gaps
        >>> without_gaps(np.array([[np.nan], [1.0], [np.inf], [3.0]])).ravel().tolist()
        [1.0, 1.0, 2.0, 3.0]
    """
    steps = np.arange(len(values))
    filled = np.array(values, "float64")
    for channel in filled.T:
        is_number = np.isfinite(channel)
        channel[~is_number] = np.interp(steps[~is_number], steps[is_number], channel[is_number])
    return filled
