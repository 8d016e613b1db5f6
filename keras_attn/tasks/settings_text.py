"""Settings as text: on the command line, in a YAML file, on a help page."""

import argparse
import dataclasses
import inspect
import re
import textwrap
import typing
from pathlib import Path

import yaml


def settings_help(settings_class, name, preset, width=80):
    """Describes all settings of a task, from its dataclass and that one's docstring.

    Args:
        settings_class: Dataclass of the settings.
        name: Name of a preset.
        preset: Its settings, shown beside the defaults.
        width: Columns to fill.

    Returns:
        Text of many lines.
    """
    inside = _descriptions(settings_class)
    lines = ["settings, for --set NAME=VALUE, or NAME: VALUE in the file of --config:"]
    for field in dataclasses.fields(settings_class):
        default = f"default {plain(field.default)}"
        if field.name in preset:
            default += f"; {name}: {plain(preset[field.name])}"
        lines.append(f"  {field.name} ({_type_text(field.type)}; {default})")
        lines.append(textwrap.fill(inside[field.name], width, initial_indent=6 * " ", subsequent_indent=6 * " "))
    return "\n".join(lines)


def add_flags(parser, settings_class, names):
    """Gives a command a flag for each setting, with its description as the help.

    Args:
        parser: A parser or a group of arguments of `argparse`.
        settings_class: Dataclass of the settings.
        names: Dict of setting -> flag, for those whose flag is not `--` and their name.
    """
    inside, types_of = _descriptions(settings_class), typing.get_type_hints(settings_class)
    for field in dataclasses.fields(settings_class):
        flag = names.get(field.name, f"--{field.name.replace('_', '-')}")
        kinds = typing.get_args(types_of[field.name]) or (types_of[field.name],)
        text = inside[field.name][0].lower() + inside[field.name][1:].removesuffix(".")
        how = {"dest": field.name, "default": argparse.SUPPRESS, "help": text.replace("%", "%%")}
        if bool in kinds:
            how |= {"action": "store_true"}
        elif typing.get_origin(types_of[field.name]) is tuple:
            how |= {"action": "append", "metavar": "TEXT", "help": f"{how['help']}; may be given several times"}
        elif str in kinds:
            how |= {"metavar": "TEXT"}
        else:
            how |= {"type": _number(kinds), "metavar": "N" if int in kinds else "X"}
        parser.add_argument(flag, **how)


def given_flags(options, settings_class):
    """Collects the settings that were given by the flags of `add_flags`.

    Args:
        options: What the parser gave.
        settings_class: Dataclass of the settings.

    Returns:
        Dict of setting -> value.
    """
    names = [field.name for field in dataclasses.fields(settings_class)]
    return {name: getattr(options, name) for name in names if hasattr(options, name)}


def _number(kinds):
    words = [word for kind in kinds if typing.get_origin(kind) is typing.Literal for word in typing.get_args(kind)]
    kind, expected = (int, "a whole number") if int in kinds else (float, "a number")

    def parse(text):
        try:
            return text if text in words else kind(text)
        except ValueError:
            wanted = " or ".join([expected, *words])
            raise argparse.ArgumentTypeError(f"must be {wanted}. Received: {text!r}") from None

    return parse


def _descriptions(settings_class):
    """The `Args` of a dataclass's docstring: name -> text."""
    found = re.findall(r"^    (\w+): (.+(?:\n {6,}.+)*)", inspect.getdoc(settings_class), re.MULTILINE)
    return {name: " ".join(text.split()) for name, text in found}


def plain(value):
    """Writes a value as YAML does.

    Args:
        value: A number, text, truth value or None.

    Returns:
        Text.

    Example:
        >>> from keras_attn.tasks.settings_text import plain
        >>> plain(None), plain(True), plain(0.5)
        ('null', 'true', '0.5')
    """
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def parse_assignments(assignments):
    """Reads settings given as `NAME=VALUE`, each value as YAML reads it.

    Args:
        assignments: List of texts.

    Returns:
        Dict of settings.

    Raises:
        ValueError: If there is no `=`, or a value is no YAML.

    Example:
        >>> from keras_attn.tasks.settings_text import parse_assignments
        >>> parse_assignments(["dropout=0.2", "learning_rate=1e-3", "patience=null"])
        {'dropout': 0.2, 'learning_rate': 0.001, 'patience': None}
    """
    settings = {}
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        if not equals:
            raise ValueError(f"--set takes settings as NAME=VALUE. Received: {assignment!r}")
        settings[name] = _parse_yaml(value, f"--set {assignment}")
    return settings


def read_settings(path, task):
    """Reads a YAML mapping of settings, or the `config.yaml` of a run, whose settings stand under `settings`.

    Args:
        path: The file.
        task: Name of the task they are for.

    Returns:
        Name of a preset, or None, and a dict of settings.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no such mapping, or for another task.
    """
    path = Path(path)
    try:
        config = _parse_yaml(path.read_text("utf-8"), str(path))
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not valid UTF-8 at byte offset {error.start}; convert it first.") from None
    if not isinstance(config, dict) or not isinstance(config.get("settings", {}), dict):
        raise ValueError(f"{path}: expected a YAML mapping of settings (`dropout: 0.2`). Received: config={config!r}")
    if config.get("task", task) != task:
        raise ValueError(f"{path} is the configuration of another task. Received: task={config['task']!r}")
    preset = config.pop("preset", None)
    if not isinstance(preset, str | None):
        raise ValueError(f"{path}: `preset` must be the name of a preset. Received: preset={preset!r}")
    config.pop("task", None)
    return preset, config.get("settings", config)


def _type_text(wanted):
    if typing.get_origin(wanted) is typing.Literal:
        return " | ".join(typing.get_args(wanted))
    if typing.get_origin(wanted) is tuple:
        return "list of texts"
    return (wanted.__name__ if isinstance(wanted, type) else str(wanted)).replace("None", "null")


class _Loader(yaml.SafeLoader):
    """YAML 1.1, which takes 1e-3 and None for texts, with both read as Python reads them."""


_Loader.add_implicit_resolver("tag:yaml.org,2002:float", re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+$"), "-+0123456789")
_Loader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile("None$"), "N")


def _parse_yaml(text, where):
    try:
        return yaml.load(text, _Loader)
    except yaml.YAMLError as error:
        raise ValueError(f"{where}: not valid YAML: {error}") from None
