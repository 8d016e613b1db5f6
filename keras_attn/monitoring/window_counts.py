import collections
import re

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_OLDER_WINDOWS = 1000


def parse_duration(text):
    """Reads a duration.

    Args:
        text: A number and a unit, s, m, h, d or w, as in "90s" or "1.5h"; or a number of seconds.

    Returns:
        Seconds.

    Raises:
        ValueError: If it is none, or not above 0.

    Example:
        >>> from keras_attn.monitoring import parse_duration
        >>> parse_duration("1.5h")
        5400.0
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([smhdw]?)\s*", str(text))
    seconds = float(found[1]) * _UNITS.get(found[2], 1) if found else 0.0
    if not seconds > 0:
        raise ValueError(
            "A duration must be a number above 0 and a unit: s, m, h, d or w, as in 30s, 15m, 1h or 7d. "
            f"Received: duration={text!r}"
        )
    return seconds


def has_label(found, label):
    """Tells whether a message has a label.

    Args:
        found: What the classifier said on one head: a label, or a tuple of several.
        label: A label.

    Returns:
        Whether it is the one, or among the several.
    """
    return found == label or (isinstance(found, tuple) and label in found)


class WindowCounts:
    """Counts messages by their labels in sliding windows of event time.

    Time is cut into slices, 12 a window; a window is the slice that runs and the 11 before it. The labels of all heads
    are counted together, so that a class can be looked at within another: the negative ones about delivery. Slices are
    kept for the window and the windows of the baseline before it; of what is older, totals of whole windows.

    Args:
        heads: Names of the heads; labels come in their order.
        window: Seconds.
        baseline_windows: Windows that make the baseline.

    Example:
        >>> from keras_attn.monitoring import WindowCounts
        >>> counts = WindowCounts(["sentiment", "topic"], window=60)
        >>> for time, labels in ((0, ("bad", "price")), (1, ("good", "price")), (2, ("bad", "size"))):
        ...     counts.add(time, labels)
        >>> counts.in_window({"sentiment": "bad"}, {})
        (2, 3)
        >>> counts.in_window({"sentiment": "bad"}, {"topic": "price"})
        (1, 2)
    """

    slices_per_window = 12

    def __init__(self, heads, window, baseline_windows=24):
        self.heads = list(heads)
        self.window = float(window)
        self.baseline_windows = baseline_windows
        self.slices = {}
        self.older = {}
        self.first = None
        self.last = None

    def add(self, time, labels):
        """Counts a message.

        Args:
            time: Its time in seconds; not more than a window before the newest.
            labels: Tuple of its labels, in the order of the heads; a tuple of labels where it has several of one head.
        """
        index = int(time * self.slices_per_window // self.window)
        if self.first is None:
            self.first = self.last = index
        counts = self.slices.get(index)
        if counts is None:
            counts = self.slices[index] = collections.Counter()
            if index > self.last:
                self.last = index
                self._retire()
        counts[labels] += 1

    def _retire(self):
        """Moves slices that left the baseline to the totals of windows."""
        kept = self.slices_per_window * (self.baseline_windows + 2)
        for index in [index for index in self.slices if index <= self.last - kept]:
            window = index // self.slices_per_window
            self.older.setdefault(window, collections.Counter()).update(self.slices.pop(index))
        for window in sorted(self.older)[:-_OLDER_WINDOWS]:
            del self.older[window]

    def windows_done(self):
        """Tells how many whole windows have passed since the first message.

        Returns:
            A whole number.
        """
        return 0 if self.first is None else (self.last - self.first) // self.slices_per_window

    def in_window(self, labels, among):
        """Counts in the window that ends now.

        Args:
            labels: Dict of head -> label that a message must have to count.
            among: Dict of head -> label that limits the messages looked at.

        Returns:
            How many have the labels, and how many were looked at.
        """
        if self.last is None:
            return 0, 0
        return self._between(self.last - self.slices_per_window + 1, self.last + 1, labels, among)

    def in_baseline(self, labels, among):
        """Counts in the baseline: the windows since the first message, except the one that ended last.

        A rise is to be seen before it becomes part of what it is compared with, hence the exception. The first window
        is the baseline until three have passed; after that the baseline has at most `baseline_windows`.

        Args:
            labels: Dict of head -> label that a message must have to count.
            among: Dict of head -> label that limits the messages looked at.

        Returns:
            How many have the labels, and how many were looked at; (0, 0) before the first window has passed.
        """
        done = self.windows_done()
        if not done:
            return 0, 0
        end = max(1, done - 1)
        start = max(0, end - self.baseline_windows)
        first, step = self.first, self.slices_per_window
        return self._between(first + start * step, first + end * step, labels, among)

    def _between(self, start, end, labels, among):
        wanted = [(self.heads.index(head), label) for head, label in labels.items()]
        limits = [(self.heads.index(head), label) for head, label in among.items()]
        events = trials = 0
        for index in range(start, end):
            for found, count in self.slices.get(index, {}).items():
                if all(has_label(found[place], label) for place, label in limits):
                    trials += count
                    events += count * all(has_label(found[place], label) for place, label in wanted)
        return events, trials

    def totals(self):
        """Counts everything that is kept.

        Returns:
            Dict of head -> Counter of its labels.
        """
        totals = {head: collections.Counter() for head in self.heads}
        for counts in (*self.older.values(), *self.slices.values()):
            for labels, count in counts.items():
                for head, found in zip(self.heads, labels, strict=True):
                    for label in found if isinstance(found, tuple) else (found,):
                        totals[head][label] += count
        return totals

    def state(self):
        """Gives what `restore` needs.

        Returns:
            Dict of plain values.
        """

        def rows(table):
            return [[index, [[*labels, count] for labels, count in counts.items()]] for index, counts in table.items()]

        return {"first": self.first, "last": self.last, "slices": rows(self.slices), "older": rows(self.older)}

    def restore(self, state):
        """Goes on from an earlier state.

        Args:
            state: What `state` gave.
        """

        def table(rows):
            return {
                index: collections.Counter({_frozen(labels): count for *labels, count in counts})
                for index, counts in rows
            }

        self.first, self.last = state["first"], state["last"]
        self.slices, self.older = table(state["slices"]), table(state["older"])


def _frozen(labels):
    """Labels as they were before JSON made lists of tuples."""
    return tuple(tuple(found) if isinstance(found, list) else found for found in labels)
