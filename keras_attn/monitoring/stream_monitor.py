import contextlib
import time
import uuid

from keras_attn.monitoring.alarm import Alarm
from keras_attn.monitoring.alert_rule import AlertRule
from keras_attn.monitoring.intake import Intake
from keras_attn.monitoring.line_source import FileLines, PipeLines
from keras_attn.monitoring.outbox import Outbox
from keras_attn.monitoring.outputs import AlertFile
from keras_attn.monitoring.trend import plot_trend
from keras_attn.monitoring.watch_folder import WatchFolder
from keras_attn.monitoring.window_counts import WindowCounts, parse_duration
from keras_attn.training import StopSignals

_SAVE_SECONDS = 1.0
_ALERTS_KEPT = 1000  # for the picture


class StreamMonitor:
    """Reads a stream of messages, classifies and counts them, and tells when the share of a class rises.

    Everything it knows is written to its folder once a second and before each alert, together with the place in the
    file, so that after a crash or a stop `run` goes on where it was: no message of a file is lost or counted twice.

    Args:
        classify: Function of a list of texts that returns a list with a dict of head -> label for each; a tuple of
            labels on a head where a text may have several.
        heads: Dict of head -> list of its labels.
        alerts: List of rules, such as 'negative: rate 2x'; see `AlertRule.parse`.
        folder: Folder for the state, the alerts and the picture, one a stream; made if missing.
        window: Length of the sliding window, such as "1h".
        lateness: How much a message may be older than the newest, at most a window.
        false_alarm_rate: Probability that there is ever a false alarm, all rules together; see `Alarm`.
        outputs: List of further outputs, such as `CommandHook` and `Webhook`.
        batch_size: Most messages that are classified together.
        max_wait: Most seconds to wait for as many.
        max_line_bytes: A longer line counts as malformed.
        **columns: `time_column`, `text_column` and `id_column`, the names in the JSON objects; by default time, text
            and id.

    Raises:
        ValueError: If a rule, a duration or a number is wrong, or the folder belongs to other settings.

    Example:
        >>> import json
        >>> from keras_attn.monitoring import StreamMonitor
        >>> with open("messages.jsonl", "w") as file:
        ...     for second in range(0, 7200, 2):
        ...         text = "bad" if second % 20 == 0 or second > 7000 else "fine"
        ...         print(json.dumps({"time": second, "text": text, "id": second}), file=file)
        >>> mood = lambda texts: [{"mood": text} for text in texts]
        >>> monitor = StreamMonitor(mood, {"mood": ["bad", "fine"]}, ["bad: rate 2x"], folder="watch", window="30m")
        >>> summary = monitor.run("messages.jsonl")
        >>> summary["messages"], summary["alerts"]
        (3600, 1)
        >>> json.loads(open("watch/alerts.jsonl").readline())["since"]
        '1970-01-01T01:56:40+00:00'
    """

    def __init__(
        self,
        classify,
        heads,
        alerts,
        folder,
        window="1h",
        lateness="1m",
        false_alarm_rate=0.01,
        outputs=(),
        batch_size=256,
        max_wait=0.2,
        max_line_bytes=1_000_000,
        **columns,
    ):
        self.classify = classify
        self.heads = {head: list(labels) for head, labels in heads.items()}
        self.batch_size, self.max_wait, self.max_line_bytes = batch_size, max_wait, max_line_bytes
        seconds, late = parse_duration(window), parse_duration(lateness)
        if late > seconds:
            raise ValueError(f"`lateness` must be at most the window, {window}. Received: lateness={lateness!r}")
        if not 0 < false_alarm_rate < 1:
            raise ValueError(
                f"`false_alarm_rate` must be between 0 and 1. Received: false_alarm_rate={false_alarm_rate!r}"
            )
        rules = [AlertRule.parse(text, self.heads) for text in alerts]
        self.intake = Intake(late, **columns)
        self.counts = WindowCounts(self.heads, seconds)
        self.alarms = [Alarm(rule, self.counts, false_alarm_rate / len(rules)) for rule in rules]
        self.folder = WatchFolder(folder)
        self.outbox = Outbox([AlertFile(self.folder.alerts_path), *outputs])
        self.stream = uuid.uuid4().hex[:8]
        self.raised = []
        self._settings = {
            "heads": list(self.heads),
            "alerts": [rule.text for rule in rules],
            "window_seconds": seconds,
            "false_alarm_rate": false_alarm_rate,
        }
        self._saved = 0.0
        self._unsaved, self._delivered = True, 0

    def run(self, file, follow=False):
        """Watches a stream to its end, or for ever.

        Args:
            file: Path of a file of JSON lines, or "-" for standard input.
            follow: Whether to wait at the end of the file for it to grow.

        Returns:
            Dict of counts: messages, late, ahead, repeated, malformed (by reason), alerts, failed (by output).

        Raises:
            ValueError: If the folder belongs to another stream or to other settings.
            FolderInUseError: If another process watches with the folder.
            KeyboardInterrupt: After Ctrl-C, with everything saved.
            Terminated: After SIGTERM, with everything saved.
        """
        with self.folder.lock(), StopSignals() as signals, contextlib.ExitStack() as stack:
            source = self._go_on(file, follow)
            stack.callback(source.close)
            self.outbox.deliver()
            for lines in source.batches(self.batch_size, self.max_wait):
                self._take(lines, source)
                if signals.received:
                    break
            self.save(source)
            if self.counts.first is not None:
                plot_trend(self.folder.path)
            with signals.at_once():  # a stop does not wait: what is left is delivered by the next run
                self.outbox.wait()
                self.save(source)
        return self.summary()

    def _go_on(self, file, follow):
        """Opens the source, at the place where an earlier run was."""
        state = self.folder.read()
        limit = self.max_line_bytes
        position = state["position"] if state else None
        source = PipeLines(limit=limit) if str(file) == "-" else FileLines(file, position, follow, limit)
        if state is None:
            return source
        expected = {"source": source.name, **self._settings}
        for name, value in expected.items():
            if state["settings"][name] != value:
                raise ValueError(
                    f"{self.folder.path} belongs to a stream that was watched with {name}={state['settings'][name]!r}. "
                    f"Use the same settings, or another folder. Received: {name}={value!r}"
                )
        self.stream, self.raised = state["stream"], state["raised"]
        self.intake.restore(state["intake"])
        self.counts.restore(state["counts"])
        self.outbox.restore(state["outbox"])
        for alarm, saved in zip(self.alarms, state["alarms"], strict=True):
            alarm.restore(saved)
        return source

    def _take(self, lines, source):
        """Classifies and counts a micro-batch, and sends the alerts that it raises."""
        messages = self.intake.take(lines, time.time())
        alerts = 0
        if messages:
            found = self.classify([message.text for message in messages])
            for message, labels in zip(messages, found, strict=True):
                alerts += self._count(message, labels)
        self._unsaved = self._unsaved or bool(lines) or self.outbox.delivered > self._delivered
        if alerts or (self._unsaved and time.monotonic() - self._saved >= _SAVE_SECONDS):
            self.save(source)
        self.outbox.deliver()

    def _count(self, message, labels):
        labels = tuple(labels[head] for head in self.counts.heads)
        self.counts.add(message.time, labels)
        alerts = 0
        for alarm in self.alarms:
            alert = alarm.look(message.time, labels)
            if alert is not None:
                alerts += 1
                self._post(alert)
        return alerts

    def _post(self, alert):
        number = sum(alarm.alerts for alarm in self.alarms)
        self.outbox.post({"id": f"{self.stream}-{number}", **alert})
        marks = ("time", "since", "alert", "class", "share")
        self.raised = [*self.raised, {name: alert[name] for name in marks}][-_ALERTS_KEPT:]

    def save(self, source):
        """Writes everything down.

        Args:
            source: What the lines come from.
        """
        self._delivered = self.outbox.delivered
        self.folder.write(
            {
                "settings": {"source": source.name, **self._settings},
                "position": source.position(),
                "stream": self.stream,
                "raised": self.raised,
                "intake": self.intake.state(),
                "counts": self.counts.state(),
                "alarms": [alarm.state() for alarm in self.alarms],
                "outbox": self.outbox.state(),
            }
        )
        self._saved, self._unsaved = time.monotonic(), False

    def summary(self):
        """Tells what was counted.

        Returns:
            Dict as `run` gives it.
        """
        return {
            **self.intake.counts,
            "malformed": dict(self.intake.malformed),
            "alerts": sum(alarm.alerts for alarm in self.alarms),
            "failed": dict(self.outbox.failed),
        }
