"""The commands of a forecasting task."""

import json
import sys

from keras_attn.commands import terminal
from keras_attn.commands.parsing import add_command, add_training, share_flag, task_group
from keras_attn.commands.training import OwnFlags, run_training
from keras_attn.training import RunFolder

TASK = "forecasting"

_FILE = ".csv, .tsv, .jsonl (.gz too) or .parquet: a column of time stamps, and columns of numbers"
_NEXT = (
    "evaluate RUN --data FILE --report BACKTEST",
    "predict RUN FILE > forecast.csv",
    "explain RUN --data FILE --out PICTURES",
    "export RUN saved_models/NAME",
)
_HEADLINE = ("mse", "mae", "coverage", "last_mse", "seasonal_mse", "linear_mse")
_COLUMNS = {
    "target": ("target_columns", "columns to forecast (default: all that have no other meaning)"),
    "past": ("past_columns", "columns of numbers that are known of the past alone"),
    "known_future": ("known_columns", "columns of numbers that are known of the future too"),
    "static": ("static_columns", "columns that say something of a whole series"),
}
_NUMBERS = {
    "horizon": (int, "steps to forecast"),
    "lookback": (int, "steps that a forecast is made from"),
    "split": (str, "training, validation and test: shares or numbers of steps, such as 0.7,0.1,0.2"),
}


def add_train(tasks):
    """Adds `train forecasting`.

    Args:
        tasks: What `add_subparsers` gave.
    """
    parser = add_command(tasks, TASK, "Learn how series of numbers go on", train)
    parser.add_argument("--train", required=True, metavar="FILE", help=f"series, in their order of time: {_FILE}")
    parser.add_argument("--time-column", metavar="NAME", help="column of the time stamps (setting time_column)")
    series_help = "column that names each row's series, for long tables (setting series_column)"
    parser.add_argument("--series-column", metavar="NAME", help=series_help)
    for name, (setting, text) in _COLUMNS.items():
        how = {"nargs": "+", "metavar": "NAME", "help": f"{text} (setting {setting})"}
        parser.add_argument(f"--{name.replace('_', '-')}", **how)
    for name, (kind, text) in _NUMBERS.items():
        how = {"type": kind, "metavar": "N" if kind is int else "A,B,C", "help": f"{text} (setting {name})"}
        parser.add_argument(f"--{name}", **how)
    add_training(parser, TASK)


def add_evaluate(parser):
    """Adds the flags that `evaluate` has for forecasting.

    Args:
        parser: The command's parser.
    """
    note = f"--data takes one {_FILE}. What is behind the validation part is measured."
    task_group(parser, TASK, f"{note} --report: errors, intervals, rolling origins.")
    share_flag(parser, TASK, "report")


def add_predict(parser):
    """Adds the flags that `predict` has for forecasting.

    Args:
        parser: The command's parser.
    """
    add = task_group(
        parser, TASK, "The file's series go on: a csv row a step and variable, with interval and quantiles."
    )
    add("--by", metavar="NAME", help="who forecasts: model (default), last, seasonal, linear")


def add_explain(parser):
    """Adds the flags that `explain` has for forecasting.

    Args:
        parser: The command's parser.
    """
    add = task_group(parser, TASK)
    add("--series", metavar="NAME", help="the series whose future is explained (default: the first)")


def own_flags(options):
    """Tells what the flags that forecasting tasks alone have say of a training.

    Args:
        options: What the parser gave.

    Returns:
        `OwnFlags`.
    """
    given = {"time_column": options.time_column, "series_column": options.series_column}
    given |= {setting: getattr(options, name) for name, (setting, _) in _COLUMNS.items()}
    given |= {name: getattr(options, name) for name in _NUMBERS}
    return OwnFlags(_read, given, headline=_HEADLINE)


def train(options):
    """Runs `train forecasting`.

    Args:
        options: What the parser gave.
    """
    run_training(options, own_flags(options), _NEXT)


def evaluate(options):
    """Runs `evaluate` on a forecasting task.

    Args:
        options: What the parser gave.
    """
    if len(options.data) > 1:
        raise ValueError(f"--data takes one file of series. Received: --data {' '.join(options.data)}")
    if hasattr(options, "report"):
        terminal.check_is_no_file(options.report)
    data = _read_for(options.run, options.data[0])
    task = terminal.load_run(options.run)
    total = len(task.test_batches(data).origins)
    with terminal.progress_bar(total) as advance:
        metrics = task.evaluate(data, progress=advance, report=getattr(options, "report", None))
    if options.json:
        print(json.dumps({"task": task.name, "metrics": metrics, "count": total}))
        return
    names = [name for name in metrics if "_" not in name.removeprefix("quantile_") and name != "windows"]
    others = ("last", "seasonal", "linear")
    rows = [
        [name, *(_figure(metrics.get(f"{who}{name}")) for who in ("", *(f"{o}_" for o in others)))] for name in names
    ]
    title = f"{options.run}: {total} windows"
    terminal.print_table(title, ("metric", "model", *(f"baseline {name}" for name in others)), rows)
    from keras_attn.tasks.forecasting_training import advice

    print(*advice(metrics), sep="\n")


def predict(options):
    """Runs `predict` with a forecasting task.

    Args:
        options: What the parser gave.
    """
    if options.file == "-":
        raise ValueError("A forecast needs a file of series: its ending says how to read it. Received: file='-'")
    data = _read_for(options.run, options.file)
    task = terminal.load_run(options.run)
    forecasts = task.predict(data, by=getattr(options, "by", "model"))
    if options.json:
        for forecast in forecasts:
            for row in forecast.rows():
                print(json.dumps(row, ensure_ascii=False))
        return
    from keras_attn.tasks.forecasting_answers import write_forecasts

    write_forecasts(forecasts, sys.stdout)


def explain(options):
    """Runs `explain` with a forecasting task.

    Args:
        options: What the parser gave.
    """
    if options.text is not None or options.data is None:
        raise ValueError(
            f"A forecast is explained of --data FILE. Received: --text {options.text}, --data {options.data}"
        )
    data = _read_for(options.run, options.data)
    task = terminal.load_run(options.run)
    print(*task.explain(data, getattr(options, "series", None)).plot_all(options.out), sep="\n")


def export(options):
    """Runs `export` with a forecasting task.

    Args:
        options: What the parser gave.
    """
    examples = _read_for(options.run, options.examples) if options.examples else None
    print(terminal.load_run(options.run).export(options.folder, examples))


def _read(settings, path):
    from keras_attn.data import read_time_series  # with NumPy

    return read_time_series(path, settings.columns())


def _read_for(run, path):
    """The series of a file, read as a run's were."""
    from keras_attn.data import read_time_series  # with NumPy
    from keras_attn.tasks.forecasting_data import SeriesFacts

    facts = SeriesFacts.load(RunFolder(run).path)
    return read_time_series(path, facts.columns, facts.frequency)


def _figure(value):
    return "" if value is None else f"{value:.4f}"
