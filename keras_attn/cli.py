"""The command `keras-attn`: train, measure, use, look inside and ship a task without writing Python.

What can be wrong with a command line is checked, as far as possible, before TensorFlow is imported, so that `--help`
and most mistakes are answered at once. The modules that need it are imported in the functions that run the commands.
"""

import argparse
import os
import sys
import traceback

from keras_attn.commands import (
    TASK_COMMANDS,
    TRAIN_COMMANDS,
    launch,
    monitoring,
    pretraining,
    serving,
    terminal,
    translation,
    tuning,
)
from keras_attn.commands.parsing import add_command, add_minutes, add_run, refuse_flags_of_others
from keras_attn.commands.training import how_to_go_on
from keras_attn.tasks import TASKS, find_task
from keras_attn.tasks.settings import describe_settings, make_settings
from keras_attn.tasks.settings_text import plain
from keras_attn.training import RunFolder, Terminated
from keras_attn.version import __version__


def main(arguments=None):
    """Runs the command `keras-attn`.

    Args:
        arguments: List of words after the command's name; those of the process when None.

    Returns:
        Exit code: 0, 2 after an error, 3 after a training that diverged, 4 after the loss of another worker, 130 after
        Ctrl-C, 141 when whoever reads the output stops reading, 143 after SIGTERM.

    Raises:
        SystemExit: By `--help`, `--version` and flags that do not exist.

    Example:
        >>> from keras_attn.cli import main
        >>> main(["presets", "translatoin"])
        2
    """
    words = sys.argv[1:] if arguments is None else list(arguments)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("MPLBACKEND", "Agg")  # pictures go to files
    options, unknown = _parser().parse_known_args(words)
    if unknown:
        options.parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    options.words = words
    try:
        with terminal.short_warnings():
            options.function(options)
            sys.stdout.flush()
    except (KeyboardInterrupt, Terminated) as stop:
        terminal.say(f"keras-attn: stopped{how_to_go_on(options)}")
        return stop.code if isinstance(stop, Terminated) else 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the flush at the interpreter's end
        return 141
    except Exception as error:
        if os.environ.get("KERAS_ATTN_DEBUG") == "1" or not _is_expected(error):
            raise
        message = " ".join(line.strip() for line in str(error).splitlines())
        terminal.say(f"keras-attn: error: {message or type(error).__name__}")
        return getattr(error, "exit_code", 2)
    return 0


def _parser():
    parser = argparse.ArgumentParser(
        prog="keras-attn",
        description="Trains, measures, explains and exports attention models for a task, from files to a SavedModel.",
        epilog="`keras-attn COMMAND --help` explains a command. KERAS_ATTN_DEBUG=1 shows where an error comes from.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"keras-attn {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", dest="command", required=True)
    demo = add_command(commands, "demo", "Train a date reader on data made here, measure and export it", _demo)
    demo.add_argument("--json", action="store_true", help="end with one line of JSON on standard output")
    add_minutes(demo, 3.2, "minutes of training (default: 3.2)")
    demo.add_argument("--out", default="runs/dates", metavar="DIR", help="run folder (default: runs/dates)")

    train = add_command(commands, "train", "Train a task on your files; `train TASK --help` lists its settings")
    tasks = train.add_subparsers(title="tasks", metavar="TASK", dest="task", required=True)
    for of_task in TRAIN_COMMANDS.values():
        of_task.add_train(tasks)
    launch.add_launch(add_command(commands, "launch", "Train in several processes, started again at need", launch.run))
    pretraining.add_pretrain(
        add_command(commands, "pretrain", "Learn a language from plain text, for `train --init`", pretraining.pretrain)
    )
    tuning.add_tune(add_command(commands, "tune", "Search for a task's best settings, one training a trial"))
    _add_evaluate(add_command(commands, "evaluate", "Measure a trained task on texts and right answers", _evaluate))
    _add_predict(add_command(commands, "predict", "Answer texts, one a line, with a trained task", _predict))
    translation.add_score(
        add_command(commands, "score", "Tell how likely a trained task holds given answers to be", _score)
    )
    _add_explain(add_command(commands, "explain", "Draw where a trained task looks while it answers", _explain))
    _add_export(add_command(commands, "export", "Write a trained task for TF Serving or another engine", _export))
    monitoring.add_monitor(
        add_command(commands, "monitor", "Watch a stream of messages with a trained classification", monitoring.run)
    )
    serving.add_serve(add_command(commands, "serve", "Serve exported models by TF Serving's REST API", serving.run))
    presets = add_command(commands, "presets", "List the presets of a task with all their settings", _presets)
    presets.add_argument("task", nargs="?", metavar="TASK", help=f"one of {', '.join(TASKS)} (default: all)")
    return parser


def _add_evaluate(evaluate):
    add_run(evaluate)
    evaluate.add_argument("--data", nargs="+", required=True, metavar="FILE", help="questions and right answers")
    evaluate.add_argument("--json", action="store_true", help="one JSON object: task, metrics, count")
    _add_flags_of_tasks(evaluate, "add_evaluate")


def _add_predict(predict):
    predict.epilog = "example:\n  echo 'A man in a hat.' | keras-attn predict runs/en-de"
    add_run(predict)
    predict.add_argument("file", nargs="?", default="-", metavar="FILE", help="file, .gz too; - (or none): stdin")
    predict.add_argument("--json", action="store_true", help="one JSON object a line, with all there is to say")
    _add_flags_of_tasks(predict, "add_predict")


def _add_explain(explain):
    add_run(explain)
    explain.add_argument("--text", metavar="T", help="the text to answer, of tasks on texts")
    explain.add_argument("--data", metavar="FILE", help="the series to answer, of tasks on numbers")
    explain.add_argument("--out", required=True, metavar="DIR", help="folder for the pictures; made if missing")
    _add_flags_of_tasks(explain, "add_explain")


def _add_export(export):
    add_run(export)
    export.add_argument("folder", metavar="DIR", help="saved_models/NAME; the model's next version is written into it")
    examples_help = "inputs by which the export is compared with the task (default: some of the run's validation)"
    export.add_argument("--examples", metavar="FILE", help=examples_help)
    _add_flags_of_tasks(export, "add_export")


def _add_flags_of_tasks(parser, name):
    for of_task in TASK_COMMANDS.values():
        getattr(of_task, name, lambda parser: None)(parser)


# The commands. Each checks what it can before TensorFlow is imported.


def _demo(options):
    with terminal.quiet_import():
        from keras_attn.demo import run_demo
    run_demo(out=options.out, max_minutes=options.max_minutes, as_json=options.json)


def _evaluate(options):
    _commands_of(options).evaluate(options)


def _predict(options):
    _commands_of(options).predict(options)


def _score(options):
    if _commands_of(options) is not translation:
        raise ValueError(f"Translations alone have scores of given answers. Received: run={options.run!r}")
    translation.score(options)


def _explain(options):
    of_task = _commands_of(options)
    terminal.check_is_no_file(options.out)
    of_task.explain(options)


def _export(options):
    of_task = _commands_of(options)
    terminal.check_is_no_file(options.folder)
    of_task.export(options)


def _presets(options):
    for task in [options.task] if options.task else TASKS:
        entry = find_task(task)
        presets = entry.presets
        columns = [describe_settings(make_settings(entry.settings_class, presets, name, {})) for name in presets]
        rows = [(name, *(plain(settings[name]) for settings in columns)) for name in columns[0]]
        terminal.print_table(f"Presets of {task}", ("setting", *presets), rows)


def _commands_of(options):
    """The commands of a run's task."""
    task = RunFolder(options.run).config()["task"]
    find_task(task)
    if task not in TASK_COMMANDS:
        raise ValueError(f"There are no such commands for a run of the task {task}. Received: run={options.run!r}")
    refuse_flags_of_others(options, task)
    return TASK_COMMANDS[task]


def _is_expected(error):
    """Whether an error tells of a user's mistake rather than of a bug."""
    if isinstance(error, ValueError | OSError) or type(error).__module__.startswith("keras_attn."):
        return True
    *_, (frame, _) = traceback.walk_tb(error.__traceback__)
    return isinstance(error, RuntimeError) and frame.f_globals["__name__"].startswith("keras_attn.")
