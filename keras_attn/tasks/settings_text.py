"""Settings as text: on the command line, in a YAML file, on a help page."""

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
    inside = dict(re.findall(r"^    (\w+): (.+(?:\n {6,}.+)*)", inspect.getdoc(settings_class), re.MULTILINE))
    lines = ["settings, for --set NAME=VALUE, or NAME: VALUE in the file of --config:"]
    for field in dataclasses.fields(settings_class):
        default = f"default {plain(field.default)}"
        if field.name in preset:
            default += f"; {name}: {plain(preset[field.name])}"
        lines.append(f"  {field.name} ({_type_text(field.type)}; {default})")
        text = " ".join(inside[field.name].split())
        lines.append(textwrap.fill(text, width, initial_indent=6 * " ", subsequent_indent=6 * " "))
    return "\n".join(lines)


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
