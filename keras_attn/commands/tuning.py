"""The command `tune`."""

import argparse
import json
import sys

from keras_attn.commands import TRAIN_COMMANDS, terminal
from keras_attn.commands.parsing import positive
from keras_attn.commands.training import chosen_settings, command_line, read_data
from keras_attn.tasks import TASKS
from keras_attn.tasks.settings import make_settings
from keras_attn.training import StopSignals
from keras_attn.tuning import SearchSpace, Tuner, write_tuning_report
from keras_attn.tuning.tuner import PRUNERS
from keras_attn.tuning.tuning_report import table_rows

_TABLE_ROWS = 10


def add_tune(parser):
    """Adds the tasks of `tune`, each with the flags of `train` and those of a search.

    Args:
        parser: The command's parser.
    """
    tasks = parser.add_subparsers(title="tasks", metavar="TASK", dest="task", required=True)
    for of_task in TRAIN_COMMANDS.values():
        of_task.add_train(tasks)
    for name, of_task in tasks.choices.items():
        of_task.description = f"Search for settings of the task {name}, one training a trial."
        of_task.set_defaults(function=run)
        _add_flags(of_task.add_argument_group("search"))


def _add_flags(group):
    search_help = "YAML file: `dropout: [0.1, 0.3]`, `learning_rate: {low: 0.0005, high: 0.01, log: true}`, ..."
    group.add_argument("--search", required=True, metavar="F", help=search_help)
    count = positive(int, "a whole number")
    group.add_argument("--trials", type=count, default=20, metavar="N", help="trials in all (default: 20)")
    group.add_argument("--workers", type=count, default=1, metavar="N", help="trials side by side (default: 1)")
    pruner_help = "how bad trials are ended by their learning curves (default: median)"
    group.add_argument("--pruner", choices=PRUNERS, default="median", help=pruner_help)
    group.add_argument("--tune-seed", type=int, default=1, metavar="N", help="seed of the proposals (default: 1)")
    group.add_argument("--json", action="store_true", help="end with one line of JSON on standard output")


def run(options):
    """Runs `tune`.

    Args:
        options: What the parser gave.
    """
    entry, space = TASKS[options.task], SearchSpace.read(options.search)
    own = TRAIN_COMMANDS[options.task].own_flags(options)
    preset, settings, made = chosen_settings(options, own)
    monitor = getattr(made, "monitor", "val_loss")
    space.check(entry.settings_class, entry.presets, preset, settings)
    terminal.check_is_no_file(options.out)
    read_data(options, own, made)  # once, for its errors: else each trial would tell them
    tuner = Tuner(
        options.out,
        space,
        _command_of(options),
        {"task": options.task, "preset": preset, "settings": settings},
        lambda settings: make_settings(entry.settings_class, entry.presets, preset, settings),
        monitor,
        "min" if monitor == "val_loss" else "max",
        made.epochs,
        options.pruner,
        options.tune_seed,
        options.resume,
    )
    try:
        with (
            StopSignals() as signals,
            signals.at_once(),
            terminal.progress_bar(options.trials, unit="trials") as advance,
        ):
            tuner.run(options.trials, options.workers, advance=advance)
    finally:
        best = write_tuning_report(tuner, command_line(options))
    if best is None:
        raise ValueError(
            f"No trial came to its end; see {tuner.folder / 'report.md'}. Received: {options.trials} trials"
        )
    _show(tuner, best, options)


def _show(tuner, best, options):
    columns, rows = table_rows(tuner)
    if options.json:
        states = [row[1] for row in rows]
        print(
            json.dumps(
                {
                    "task": options.task,
                    "monitor": tuner.monitor,
                    "best": {"trial": best.number, "value": best.value, "settings": best.params},
                    "trials": {state: states.count(state) for state in dict.fromkeys(states)},
                    "config": str(tuner.folder / "best.yaml"),
                }
            )
        )
        return
    terminal.print_table(f"{len(rows)} trials of {tuner.folder}, the best first", columns, rows[:_TABLE_ROWS])
    print(
        f"Best: trial {best.number}, {tuner.monitor} {best.value:.6g}. All trials: {tuner.folder / 'report.md'}. Next:"
    )
    print(f"  keras-attn train {options.task} ... --config {tuner.folder / 'best.yaml'} --out RUN")


def _command_of(options):
    """What trains a trial: the words of `tune` but for those of the search, as words of `train`."""
    own = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    _add_flags(own)
    for flag in ("--out", "--config", "--preset"):
        own.add_argument(flag)
    own.add_argument("--set", nargs="+", action="extend")
    own.add_argument("--resume", action="store_true")
    _, words = own.parse_known_args(options.words[2:])
    start = [sys.executable, "-c", "import sys; from keras_attn.cli import main; sys.exit(main())", "train"]

    def command(settings, folder, resume):
        where = ["--config", str(settings), "--out", str(folder)]
        return [*start, options.task, *words, *where, *["--resume"] * resume]

    return command
