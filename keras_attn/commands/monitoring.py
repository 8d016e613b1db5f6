"""The command `monitor`."""

from keras_attn.commands import terminal
from keras_attn.commands.parsing import add_run, positive
from keras_attn.monitoring import AlertPrinter, CommandHook, StreamMonitor, Webhook
from keras_attn.training import RunFolder


def add_monitor(parser):
    """Adds the flags of `monitor`.

    Args:
        parser: The command's parser, made with `run` as its function.
    """
    parser.epilog = "example:\n  keras-attn monitor runs/reviews messages.jsonl --window 1h --alert 'negative: rate 2x'"
    add_run(parser)
    file_help = 'messages, one JSON object a line, {"time": ..., "text": ..., "id": ...}; - (or none): stdin'
    parser.add_argument("file", nargs="?", default="-", metavar="FILE", help=file_help)
    alert_help = "'CLASS: rate 2x', 'CLASS: share 30%%', 'CLASS in CLASS: ...'; may be given several times"
    parser.add_argument("--alert", action="append", default=[], metavar="RULE", help=alert_help)
    parser.add_argument("--window", default="1h", metavar="T", help="length of the sliding window (default: 1h)")
    lateness_help = "how much older than the newest a message may be (default: 1m)"
    parser.add_argument("--lateness", default="1m", metavar="T", help=lateness_help)
    rate_help = "probability that there is ever a false alarm, all rules together (default: 0.01)"
    rate = positive(float, "a number")
    parser.add_argument("--false-alarm-rate", type=rate, default=0.01, metavar="P", help=rate_help)
    out_help = "folder for state, alerts and picture, one a stream (default: RUN/monitor)"
    parser.add_argument("--out", metavar="DIR", help=out_help)
    parser.add_argument("--follow", action="store_true", help="wait at the end of FILE for it to grow, and be rotated")
    hook_help = "run a command for each alert, without a shell, the alert as JSON on its standard input"
    parser.add_argument("--hook", metavar="COMMAND", help=hook_help)
    parser.add_argument("--webhook", metavar="URL", help="post each alert as JSON to an address")
    for name in ("time", "text", "id"):
        column_help = f"name of the {name} in the JSON objects (default: {name})"
        parser.add_argument(f"--{name}-column", default=name, metavar="NAME", help=column_help)


def run(options):
    """Runs `monitor`.

    Args:
        options: What the parser gave.
    """
    task = RunFolder(options.run).config()["task"]
    if task != "classification":
        raise ValueError(f"monitor is for a run of a classification, and {options.run} is one of the task {task}.")
    from keras_attn.tasks.classification_labels import Labels  # with NumPy

    outputs = [AlertPrinter()]
    outputs += [CommandHook(options.hook)] if options.hook else []
    outputs += [Webhook(options.webhook)] if options.webhook else []
    names = ("window", "lateness", "false_alarm_rate", "time_column", "text_column", "id_column")
    monitor = StreamMonitor(
        _Classifier(options.run),
        Labels.load(options.run).classes,
        options.alert,
        options.out or RunFolder(options.run).path / "monitor",
        outputs=outputs,
        **{name: getattr(options, name) for name in names},
    )
    try:
        monitor.run(options.file, options.follow)
    finally:
        terminal.say(_told(monitor.summary()), f"Pictures and alerts: {monitor.folder.path}")


class _Classifier:
    """A run's classifier; loaded at the first texts, so that what is wrong with the stream is told before."""

    def __init__(self, path):
        self.path = path
        self.task = None

    def __call__(self, texts):
        self.task = self.task or terminal.load_run(self.path)
        return [{head: found.label for head, found in row.items()} for row in self.task.classify(texts)]


def _told(summary):
    reasons = ", ".join(f"{count} {reason}" for reason, count in summary["malformed"].items())
    failed = ", ".join(f"{count} by {name}" for name, count in summary["failed"].items() if count)
    left_out = ", ".join(f"{summary[name]} {name}" for name in ("late", "ahead", "repeated"))
    malformed = f"{sum(summary['malformed'].values())} malformed" + (f" ({reasons})" if reasons else "")
    told = f"{summary['messages']} messages, {left_out}, {malformed}; {summary['alerts']} alerts"
    return told + (f"; not delivered: {failed}" if failed else "")
