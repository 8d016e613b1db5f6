"""`keras-attn train` and `pretrain`, whatever the task."""

import shlex
from pathlib import Path

from keras_attn.commands import terminal
from keras_attn.tasks import TASKS
from keras_attn.tasks.settings import make_settings
from keras_attn.tasks.settings_text import parse_assignments, read_settings
from keras_attn.training import RunFolder, cluster_task

_HOW = ("max_minutes", "resume", "deterministic", "tensorboard", "wandb", "strategy")


def run_training(options, read, next_steps, flags=()):
    """Trains a task; what can be wrong is found, as far as possible, before TensorFlow is imported.

    Args:
        options: What the parser gave.
        read: Called with the settings and the value of `--train` or, where it is given, `--valid`; returns the data.
        next_steps: Lines of commands to go on with, RUN and PICTURES in the place of folders.
        flags: Settings that have flags of their own, which override `--set`: dict of setting -> value.
    """
    entry = TASKS[options.task]
    preset, settings = read_settings(options.config, options.task) if options.config else (None, {})
    settings |= parse_assignments(options.set) | dict(flags)
    preset = options.preset or preset or next(iter(entry.presets))
    made = make_settings(entry.settings_class, entry.presets, preset, settings)
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
    data, how = read(made, options.train), {name: getattr(options, name) for name in _HOW}
    if hasattr(options, "valid"):
        how["validation"] = None if options.valid is None else read(made, options.valid)
    with terminal.quiet_import():
        make_task = entry.load_class()
    best = make_task(preset, **settings).fit(data, run=out, command=command_line(options), **how)
    if index:
        return
    run, pictures = shlex.quote(options.out), shlex.quote(str(out / "attention"))
    print(f"Best epoch: {'  '.join(f'{name} {value:.4g}' for name, value in best.items())}")
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
