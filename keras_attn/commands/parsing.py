"""Parts of the parser that commands share."""

import argparse
import shutil
import textwrap

from keras_attn.tasks import TASKS
from keras_attn.tasks.settings_text import settings_help
from keras_attn.training.workers import STRATEGIES


def add_command(commands, name, summary, function=None):
    """Adds a command, or a task of one.

    Args:
        commands: What `add_subparsers` gave.
        name: Its name.
        summary: What it does, without a full stop.
        function: Called with the options.

    Returns:
        Its parser.
    """
    parser = commands.add_parser(
        name,
        help=summary[0].lower() + summary[1:],
        description=f"{summary}.",
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(function=function, parser=parser, task_flags={})
    return parser


def add_run(parser):
    """Adds the run folder.

    Args:
        parser: A command's parser.
    """
    parser.add_argument("run", metavar="RUN", help="run folder that `keras-attn train --out` wrote")


def task_group(parser, task, note=None):
    """Makes the group of a command's flags that are for one task alone.

    Args:
        parser: A command's parser.
        task: Name of the task.
        note: What stands under the heading.

    Returns:
        A function that adds a flag, called as `add_argument`; an option that was not given has no attribute.
    """
    group = parser.add_argument_group(task, note and textwrap.fill(note, _width() - 2))
    flags = parser.get_default("task_flags")

    def add(flag, **how):
        action = group.add_argument(flag, **{"default": argparse.SUPPRESS, **how})
        flags[action.dest] = ((task,), flag)

    add.group = group
    return add


def note_flags(parser, task, names):
    """Notes that flags are for one task alone.

    Args:
        parser: A command's parser.
        task: Name of the task.
        names: Dict of option -> flag.
    """
    parser.get_default("task_flags").update({name: ((task,), flag) for name, flag in names.items()})


def share_flag(parser, task, name):
    """Notes that a flag which another task has already added is for this one too.

    Args:
        parser: A command's parser.
        task: Name of the task.
        name: The option, such as "report".
    """
    flags = parser.get_default("task_flags")
    owners, flag = flags[name]
    flags[name] = ((*owners, task), flag)


def refuse_flags_of_others(options, task):
    """Raises a ValueError if a flag was given that another task's runs alone have.

    Args:
        options: What the parser gave.
        task: Name of the run's task.

    Raises:
        ValueError: Naming the flag.
    """
    for name, (owners, flag) in options.task_flags.items():
        if task not in owners and hasattr(options, name):
            raise ValueError(
                f"{flag} is for {' and '.join(owners)}, and {options.run} is a run of the task {task}. Received: {flag}"
            )


def add_training(parser, task):
    """Adds what every training has.

    Args:
        parser: Parser of `train TASK`.
        task: Name of the task.
    """
    entry = TASKS[task]
    default = next(iter(entry.presets))
    parser.epilog = settings_help(entry.settings_class, default, entry.presets[default], _width())
    parser.add_argument("--out", required=True, metavar="RUN", help="new run folder; everything is written to it")
    preset_help = f"named settings, see `keras-attn presets` (default: {default})"
    parser.add_argument("--preset", metavar="P", help=preset_help)
    parser.add_argument("--config", metavar="F", help="YAML file of settings, or the config.yaml of a run")
    set_help = "settings as below; they override those of --config, which override the preset's"
    parser.add_argument("--set", nargs="+", action="extend", default=[], metavar="NAME=VALUE", help=set_help)
    add_minutes(parser, None, "minutes of training, those before --resume counted (default: no limit)")
    parser.add_argument("--resume", action="store_true", help="go on from the newest checkpoint of RUN")
    text = "compute so that a run killed and resumed ends with the very weights of an undisturbed one (on a CPU)"
    parser.add_argument("--deterministic", action="store_true", help=text)
    strategy_help = "by which devices to train, see docs/scaling.md (default: auto)"
    parser.add_argument("--strategy", choices=STRATEGIES, default="auto", help=strategy_help)
    parser.add_argument("--tensorboard", action="store_true", help="write RUN/tensorboard for TensorBoard")
    wandb_help = "write to Weights & Biases, where its settings say (WANDB_MODE=offline: RUN/wandb alone)"
    parser.add_argument("--wandb", action="store_true", help=wandb_help)


def add_minutes(parser, default, text):
    """Adds `--max-minutes`.

    Args:
        parser: A command's parser.
        default: Its default.
        text: Its help.
    """
    kind = positive(float, "a number")
    parser.add_argument("--max-minutes", type=kind, default=default, metavar="M", help=text)


def positive(kind, expected):
    """Makes the type of an argument that is above 0.

    Args:
        kind: int or float.
        expected: What to call it.

    Returns:
        Function of a text, for `add_argument(type=...)`.
    """

    def parse(text):
        try:
            value = kind(text)
        except ValueError:
            value = 0
        if not value > 0:
            raise argparse.ArgumentTypeError(f"must be {expected} above 0. Received: {text!r}")
        return value

    return parse


def _width():
    return max(40, min(shutil.get_terminal_size().columns, 100) - 2)
