"""The commands of a signal task."""

import json
import sys

from keras_attn.commands import terminal
from keras_attn.commands.parsing import add_command, add_training, positive, share_flag, task_group
from keras_attn.commands.training import OwnFlags, run_training
from keras_attn.tasks.task import settings_of
from keras_attn.training import RunFolder

TASK = "signal"

_CHUNK = 256  # signals answered and printed at a time
_FILE = ".tsv (UCR), .ts, .csv, .npz, or a folder of wav files with a sub-folder a class"
_NEXT = (
    "evaluate RUN --data FILE",
    "predict RUN FILE",
    "explain RUN --data FILE --out PICTURES",
    "export RUN saved_models/NAME",
)
_FLAGS = {
    "output": ("KIND", "what a signal becomes: label, text, signal or next (setting output)"),
    "label_column": ("NAME", "column of the labels or texts in a csv (setting label_column)"),
    "id_column": ("NAME", "column that tells signals apart in a csv where each line is a step (setting id_column)"),
    "label_pattern": ("REGEX", "whose first group, in a wav file's name, is its label (setting label_pattern)"),
}


def add_train(tasks):
    """Adds `train signal`.

    Args:
        tasks: What `add_subparsers` gave.
    """
    parser = add_command(tasks, TASK, "Learn to label, transcribe or transform signals from examples", train)
    parser.add_argument("--train", required=True, metavar="FILE", help=f"signals to learn from: {_FILE}")
    valid_help = "signals to choose the best epoch by (default: a cross-validation on --train, or a tenth of it)"
    parser.add_argument("--valid", metavar="FILE", help=valid_help)
    for name, (metavar, text) in _FLAGS.items():
        parser.add_argument(f"--{name.replace('_', '-')}", metavar=metavar, help=text)
    add_training(parser, TASK)


def add_evaluate(parser):
    """Adds the flags that `evaluate` has for signals.

    Args:
        parser: The command's parser.
    """
    task_group(parser, TASK, f"--data takes one {_FILE}. --report: classes or errors, where in time it looked.")
    share_flag(parser, TASK, "report")


def add_predict(parser):
    """Adds the flags that `predict` has for signals.

    Args:
        parser: The command's parser.
    """
    note = f"FILE is {_FILE}, or a wav file. Each line: label, tab, confidence; or the text; or the values of a signal."
    add = task_group(parser, TASK, note)
    steps_help = "go on with each signal for N steps, and print those (of a run with output=next)"
    add("--steps", type=positive(int, "a whole number"), metavar="N", help=steps_help)


def add_explain(parser):
    """Adds the flags that `explain` has for signals.

    Args:
        parser: The command's parser.
    """
    add = task_group(parser, TASK, f"--data takes one {_FILE}, or a wav file.")
    add("--row", type=int, metavar="N", help="number of the signal in the file, from 0 (default: 0)")


def own_flags(options):
    """Tells what the flags that signal tasks alone have say of a training.

    Args:
        options: What the parser gave.

    Returns:
        `OwnFlags`.
    """
    return OwnFlags(_read, {name: getattr(options, name) for name in _FLAGS})


def train(options):
    """Runs `train signal`.

    Args:
        options: What the parser gave.
    """
    run_training(options, own_flags(options), _NEXT)


def evaluate(options):
    """Runs `evaluate` on a signal task.

    Args:
        options: What the parser gave.
    """
    if len(options.data) > 1:
        raise ValueError(f"--data takes one file or folder of signals. Received: --data {' '.join(options.data)}")
    if hasattr(options, "report"):
        terminal.check_is_no_file(options.report)
    data = _read_for(options.run, options.data[0])
    task = terminal.load_run(options.run)
    with terminal.progress_bar(len(data)) as advance:
        metrics = task.evaluate(data, progress=advance, report=getattr(options, "report", None))
    if options.json:
        print(json.dumps({"task": task.name, "metrics": metrics, "count": len(data)}))
        return
    rows = [(name, f"{value:.2f}" if isinstance(value, float) else str(value)) for name, value in metrics.items()]
    terminal.print_table(f"{options.run}: {len(data)} signals", ("metric", "value"), rows)


def predict(options):
    """Runs `predict` with a signal task.

    Args:
        options: What the parser gave.
    """
    signals = _signals(options.run, options.file)
    task = terminal.load_run(options.run)
    with terminal.progress_bar(len(signals), show=not sys.stdout.isatty()) as advance:
        for start in range(0, len(signals), _CHUNK):
            part = signals[start : start + _CHUNK]
            if hasattr(options, "steps"):
                answers = [task.continued(signal, options.steps) for signal in part]
            else:
                answers = task.answers(part)
            print(*(task.goal.line(answer, options.json) for answer in answers), sep="\n")
            sys.stdout.flush()
            advance(min(start + _CHUNK, len(signals)))


def explain(options):
    """Runs `explain` with a signal task.

    Args:
        options: What the parser gave.

    Raises:
        ValueError: If there is no such signal.
    """
    if options.data is None or options.text is not None:
        raise ValueError(f"Give a file of signals, by --data. Received: --data {options.data} --text {options.text}")
    signals, row = _signals(options.run, options.data), getattr(options, "row", 0)
    if not 0 <= row < len(signals):
        raise ValueError(f"`--row` must be from 0 to {len(signals) - 1}. Received: --row {row}")
    task = terminal.load_run(options.run)
    found = task.explain(signals[row])
    print(found.title)
    print(*found.plot_all(options.out), sep="\n")


def export(options):
    """Runs `export` with a signal task.

    Args:
        options: What the parser gave.
    """
    examples = _signals(options.run, options.examples) if options.examples else None
    print(terminal.load_run(options.run).export(options.folder, examples=examples))


def _signals(run, path):
    """The signals of a file, arrays; or of a wav file its path."""
    if path == "-":
        raise ValueError(f"Signals come from a file: {_FILE}, or a wav file. Received: file='-'")
    return [path] if path.lower().endswith(".wav") else _read_for(run, path).signals


def _read_for(run, path):
    config = RunFolder(run).config()
    settings = settings_of(config)
    return _read(settings, path, config.get("signals", {}).get("sample_rate"))


def _read(settings, path, sample_rate=None):
    rate = settings.sample_rate or sample_rate
    from keras_attn.data import read_signals  # with NumPy

    return read_signals(path, settings.label_column, settings.id_column, settings.label_pattern, rate)
