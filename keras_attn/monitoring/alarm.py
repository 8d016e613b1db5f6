import datetime

from keras_attn.monitoring.share_test import ShareTest, portion, share_limit
from keras_attn.monitoring.window_counts import has_label

_SUSPICION = 10.0  # evidence since the likely begin of a rise, from which on the baseline is left alone


class Alarm:
    """Watches one rule: learns the baseline, tests each message, and is silent after an alert.

    The baseline is counted anew when another window has passed, but not while a rise is suspected, which would become
    part of it. Half of `error` goes to the test and half to the baselines: the n-th of them may be wrong (the true
    share above its `share_limit`) with a probability of error / 2 * portion(n), and as otherwise all of them hold at
    once, it is no matter which is used. A share rule needs no baseline, and its test gets all of `error`.

    After an alert it is silent for a window at least, and then until the share in the window has fallen back (which is
    looked at once a slice), or until the raised share has become the baseline. Then the k-th test of its life begins,
    with portion(k) of the error, so that all of them together have a false alarm with a probability of at most `error`.

    Args:
        rule: An `AlertRule`.
        counts: The stream's `WindowCounts`; a message is counted there before it is looked at here.
        error: Probability of a false alarm in the whole life of the stream.

    Example:
        >>> from keras_attn.monitoring import Alarm, AlertRule, WindowCounts
        >>> counts = WindowCounts(["mood"], window=100)
        >>> alarm = Alarm(AlertRule.parse("bad: rate 2x", {"mood": ["bad", "good"]}), counts, error=0.01)
        >>> for time in range(1000):
        ...     labels = ("bad" if time % 10 == 0 or time > 900 else "good",)
        ...     counts.add(time, labels)
        ...     alert = alarm.look(time, labels)
        ...     if alert:
        ...         print(alert["time"], alert["baseline"])
        1970-01-01T00:15:20+00:00 0.1
    """

    def __init__(self, rule, counts, error):
        self.rule = rule
        self.counts = counts
        self.error = error
        self.alerts = 0
        self.raised = None  # while silent: {"since": seconds, "below": share, "slice": the last looked at}
        self._since = None  # time at which the rise that the test sees began
        self._refreshed = 0  # windows that had passed at the newest baseline
        self._baselines = 0
        self._baseline = None  # its (events, trials)
        self._positions = [(counts.heads.index(head), label) for head, label in rule.labels.items()]
        self._limits = [(counts.heads.index(head), label) for head, label in rule.among.items()]
        self._begin()

    def _begin(self):
        whole = self.error if self.rule.limit is not None else self.error / 2
        self.test = ShareTest(whole * portion(self.alerts + 1))
        self._bet()

    def _bet(self):
        if self.rule.limit is not None:
            self.test.bet(*self.rule.bets(None, None))
        elif self._baseline is not None:
            events, trials = self._baseline
            error = self.error / 2 * portion(self._baselines)
            self.test.bet(*self.rule.bets(events / trials, share_limit(events, trials, error)))

    def _refresh(self):
        """Counts the baseline anew if another window has passed."""
        done = self.counts.windows_done()
        if done == self._refreshed or (self.raised is None and self.test.rise[0] >= _SUSPICION):
            return
        self._refreshed = done
        found = self.counts.in_baseline(self.rule.labels, self.rule.among)
        if found[1] and found != self._baseline:
            self._baseline = found
            self._baselines += 1
            self._bet()

    def look(self, time, labels):
        """Looks at a message.

        Args:
            time: Its time in seconds.
            labels: Tuple of its labels.

        Returns:
            Dict that tells of the alert it raised, or None.
        """
        if not all(has_label(labels[place], label) for place, label in self._limits):
            return None
        if self.rule.limit is None:
            self._refresh()
            if self._baseline is None:
                return None
        if self.raised is not None and not self._has_settled(time):
            return None
        alarming = self.test.update(all(has_label(labels[place], label) for place, label in self._positions))
        if self.test.rise[2] == 1:
            self._since = time
        return self._raise(time) if alarming else None

    def _has_settled(self, time):
        """Ends the silence if it is over."""
        if self.raised["slice"] == self.counts.last:
            return False
        self.raised["slice"] = self.counts.last
        silent = time - self.raised["since"]
        if silent < self.counts.window:
            return False
        if silent < self.counts.window * (self.counts.baseline_windows + 2):
            events, trials = self.counts.in_window(self.rule.labels, self.rule.among)
            if events >= self.raised["below"] * trials:
                return False
        self.raised = None
        self._begin()
        return True

    def _raise(self, time):
        _, events, trials = self.test.rise
        in_window = self.counts.in_window(self.rule.labels, self.rule.among)
        share = None if self.rule.limit is not None else self._baseline[0] / self._baseline[1]
        self.alerts += 1
        self.raised = {"since": time, "below": self.rule.fallen_back_at(share), "slice": self.counts.last}
        return {
            "time": _iso(time),
            "alert": self.rule.text,
            "class": self.rule.labels,
            "among": self.rule.among,
            "baseline": self.rule.limit if share is None else share,
            "since": _iso(self._since),
            "share": events / trials,
            "count": events,
            "messages": trials,
            "window_seconds": self.counts.window,
            "window_share": in_window[0] / in_window[1],
            "evidence": self.test.evidence(),
            "false_alarm_rate": self.error,
        }

    def state(self):
        """Gives what `restore` needs.

        Returns:
            Dict of plain values.
        """
        return {
            "alerts": self.alerts,
            "raised": self.raised,
            "since": self._since,
            "refreshed": self._refreshed,
            "baselines": self._baselines,
            "baseline": self._baseline,
            "test": self.test.state(),
        }

    def restore(self, state):
        """Goes on from an earlier state.

        Args:
            state: What `state` gave.
        """
        self.alerts, self.raised, self._since = state["alerts"], state["raised"], state["since"]
        self._refreshed, self._baselines = state["refreshed"], state["baselines"]
        self._baseline = tuple(state["baseline"]) if state["baseline"] else None
        self.test.restore(state["test"])
        self._bet()


def _iso(time):
    return datetime.datetime.fromtimestamp(time, datetime.UTC).isoformat()
