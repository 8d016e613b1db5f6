"""`keras-attn train` and `pretrain`, whatever the task."""

import shlex
from pathlib import Path
from typing import Any, NamedTuple

from keras_attn.commands import terminal
from keras_attn.tasks import TASKS
from keras_attn.tasks.settings import make_settings
from keras_attn.tasks.settings_text import parse_assignments, read_settings
from keras_attn.tasks.start_folder import kind_of_start
from keras_attn.training import RunFolder, cluster_task

_HOW = ("max_minutes", "resume", "deterministic", "tensorboard", "wandb", "strategy")


class OwnFlags(NamedTuple):
    """What the flags of one task alone say of a training.

    Args:
        read: Called with the settings and the value of `--train` or, where it is given, `--valid`; returns the data.
        settings: Settings that have flags of their own, which override `--set`: dict of setting -> value, None where
            the flag was not given.
        preset: The preset where none is named; the task's first when None.
        headline: Names of the figures of the best epoch that are printed; all when empty.
    """

    read: Any
    settings: dict = {}
    preset: str | None = None
    headline: tuple = ()


def chosen_settings(options, own):
    """Puts preset, file, `--set` and flags together.

    Args:
        options: What the parser gave.
        own: `OwnFlags`.

    Returns:
        Name of the preset, dict of the settings that differ from it, and the instance of the task's settings.

    Raises:
        ValueError: If a name is unknown, or a value is of a wrong type or out of its range.
    """
    entry = TASKS[options.task]
    preset, settings = read_settings(options.config, options.task) if options.config else (None, {})
    settings |= parse_assignments(options.set)
    settings |= {name: value for name, value in own.settings.items() if value is not None}
    preset = options.preset or preset or own.preset or next(iter(entry.presets))
    return preset, settings, make_settings(entry.settings_class, entry.presets, preset, settings)


def read_data(options, own, settings):
    """Reads what is to be learnt from, and sees that there is what it is to start from.

    Args:
        options: What the parser gave.
        own: `OwnFlags`.
        settings: Instance of the task's settings.

    Returns:
        Data of `--train` and, None where there is none, of `--valid`.

    Raises:
        FileNotFoundError: If a file or folder is missing.
        ValueError: If one cannot be read as such.
    """
    started = options.resume and RunFolder(options.out).checkpoints("last")  # it needs the other folder no more
    if getattr(settings, "init", None) is not None and not started:
        kind_of_start(settings.init)
    valid = getattr(options, "valid", None)
    return own.read(settings, options.train), None if valid is None else own.read(settings, valid)


def run_training(options, own, next_steps):
    """Trains a task; what can be wrong is found, as far as possible, before TensorFlow is imported.

    Args:
        options: What the parser gave.
        own: `OwnFlags`.
        next_steps: Lines of commands to go on with, RUN and PICTURES in the place of folders.
    """
    preset, settings, made = chosen_settings(options, own)
    out = Path(options.out)
    index, _ = cluster_task()
    if index:  # the run folder is the chief's
        pass
    elif options.resume and RunFolder(out).holds_run():
        with RunFolder(out).lock():  # told at once, before TensorFlow is imported
            pass
    else:
        RunFolder(out).check_free()
        if options.resume:
            terminal.say(f"{out} holds no run yet: a new one begins.")
    how = {name: getattr(options, name) for name in _HOW}
    data, validation = read_data(options, own, made)
    if hasattr(options, "valid"):
        how["validation"] = validation
    with terminal.quiet_import():
        make_task = TASKS[options.task].load_class()
    best = make_task(preset, **settings).fit(data, run=out, command=command_line(options), **how)
    if index:
        return
    run, pictures = shlex.quote(options.out), shlex.quote(str(out / "attention"))
    shown = {name: best[name] for name in own.headline or best if name in best}
    print(f"Best epoch: {'  '.join(f'{name} {value:.4g}' for name, value in shown.items())}")
    print(f"What happened stands in {out / 'report.md'}. Next:")
    for line in next_steps:
        print(f"  keras-attn {line.replace('RUN', run).replace('PICTURES', pictures)}")


def command_line(options):
    """Gives the command as it was called.

    Args:
        options: What the parser gave.

    Returns:
        Text that a shell understands.
    """
    return shlex.join(["keras-attn", *options.words])


def how_to_go_on(options):
    """Says after Ctrl-C what is saved.

    Args:
        options: What the parser gave.

    Returns:
        The end of a sentence.
    """
    if options.command == "tune" and (Path(options.out) / "search.yaml").is_file():
        command = command_line(options) + ("" if options.resume else " --resume")
        return f"; the trials are kept in {options.out}. Go on with:\n  {command}"
    if options.command not in ("train", "pretrain"):
        return "."
    out, command = Path(options.out), command_line(options) + ("" if options.resume else " --resume")
    newest = RunFolder(out).checkpoints("last")
    if newest:
        return f"; saved in {newest[-1]}. Go on with:\n  {command}"
    if (out / "config.yaml").is_file():
        return f" before anything was learnt. Begin it again with:\n  {command}"
    return "; nothing was written yet."
