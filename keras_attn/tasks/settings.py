"""Settings of a task: a dataclass is the one place that names, types, documents and checks them."""

import dataclasses
import difflib
import types
import typing


def make_settings(settings_class, presets, preset, overrides):
    """Makes the settings of a task from a preset and what the user changes in it.

    Args:
        settings_class: Dataclass of the settings.
        presets: Dict of preset name -> dict of settings.
        preset: Name of a preset.
        overrides: Dict of settings that differ from it.

    Returns:
        An instance of `settings_class`.

    Raises:
        ValueError: If a name is unknown (the nearest one is named) or a value has the wrong type.

    Example:
        >>> import dataclasses
        >>> from keras_attn.tasks.settings import make_settings
        >>> @dataclasses.dataclass
        ... class Settings:
        ...     dropout: float = 0.1
        >>> make_settings(Settings, {"tiny": {"dropout": 0.3}}, "tiny", {}).dropout
        0.3
    """
    if preset not in presets:
        raise ValueError(f"Unknown preset.{nearest(preset, presets)} Received: preset={preset!r}")
    types_of = typing.get_type_hints(settings_class)
    values = {}
    for name, value in {**presets[preset], **overrides}.items():
        if name not in types_of:
            raise ValueError(f"Unknown setting.{nearest(name, types_of)} Received: {name}={value!r}")
        values[name] = _checked(name, value, types_of[name])
    return settings_class(**values)


def nearest(name, names):
    """Says which known name an unknown one comes nearest to.

    Args:
        name: What was given.
        names: The known names.

    Returns:
        A sentence, beginning with a space.

    Example:
        >>> from keras_attn.tasks.settings import nearest
        >>> nearest("dropuot", ["dropout", "epochs"])
        ' Did you mean `dropout`? Known are dropout, epochs.'
    """
    close = difflib.get_close_matches(str(name), list(names), n=1)
    hint = f" Did you mean `{close[0]}`?" if close else ""
    return f"{hint} Known are {', '.join(sorted(names))}."


def _checked(name, value, wanted):
    """Gives the value in its declared type; whole numbers may stand for floats."""
    options = typing.get_args(wanted) if typing.get_origin(wanted) in (types.UnionType, typing.Union) else (wanted,)
    for option in options:
        if typing.get_origin(option) is typing.Literal:
            if value in typing.get_args(option):
                return value
        elif option is float and isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
        elif option is int and isinstance(value, bool):
            continue
        elif typing.get_origin(option) is tuple:
            if isinstance(value, list | tuple) and all(isinstance(part, typing.get_args(option)[0]) for part in value):
                return tuple(value)
        elif isinstance(value, option):
            return value
    expected = " or ".join(_type_name(option) for option in options)
    raise ValueError(f"`{name}` must be {expected}. Received: {name}={value!r}")


def _type_name(option):
    if typing.get_origin(option) is typing.Literal:
        return "one of " + ", ".join(repr(choice) for choice in typing.get_args(option))
    names = {type(None): "None", bool: "true or false", int: "a whole number", float: "a number", str: "a text"}
    names[tuple[str, ...]] = "a list of texts"
    return names[option]


def describe_settings(settings):
    """Gives the settings as plain values, for `config.yaml`.

    Args:
        settings: Instance of a settings dataclass.

    Returns:
        Dict of name -> value.
    """
    values = dataclasses.asdict(settings)
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


def check_range(settings, names, at_least=None, above=None, below=None, at_most=None):
    """Raises a ValueError unless each of the named settings is None or in the range.

    Args:
        settings: Instance of a settings dataclass.
        names: Names of the settings.
        at_least: Lowest value allowed, or None.
        above: Value to be exceeded, or None.
        below: Value to stay under, or None.
        at_most: Highest value allowed, or None.

    Raises:
        ValueError: Naming the first that is out of range.

    Example:
        >>> import types
        >>> from keras_attn.tasks.settings import check_range
        >>> check_range(types.SimpleNamespace(dropout=0.1), ["dropout"], at_least=0, below=1)
    """
    limits = (("at least", at_least, lambda v, limit: v >= limit), ("above", above, lambda v, limit: v > limit))
    limits += (("below", below, lambda v, limit: v < limit), ("at most", at_most, lambda v, limit: v <= limit))
    wanted = " and ".join(f"{word} {limit}" for word, limit, _ in limits if limit is not None)
    for name in names:
        value = getattr(settings, name)
        if value is not None and not all(holds(value, limit) for _, limit, holds in limits if limit is not None):
            raise ValueError(f"`{name}` must be {wanted}. Received: {name}={value!r}")


def check_heads(settings):
    """Raises a ValueError unless the heads share the model's width, which must be even too.

    Args:
        settings: Instance of a settings dataclass with `hidden_dim` and `num_heads`.

    Raises:
        ValueError: If they do not.
    """
    if settings.hidden_dim % settings.num_heads or settings.hidden_dim % 2:
        raise ValueError(
            f"`hidden_dim` must be even and a multiple of `num_heads`. Received: num_heads={settings.num_heads}, "
            f"hidden_dim={settings.hidden_dim}"
        )


def check_case(settings):
    """Raises a ValueError if the case of bytes is to be folded.

    Args:
        settings: Instance of a settings dataclass with `tokenizer` and `lowercase`.

    Raises:
        ValueError: If it is.
    """
    if settings.tokenizer == "byte" and settings.lowercase:
        raise ValueError("Bytes keep their case; leave `lowercase` off. Received: tokenizer='byte', lowercase=True")


def check_weight_decay(settings):
    """Raises a ValueError if weights are to decay under Adam.

    Args:
        settings: Instance of a settings dataclass with `optimizer` and `weight_decay`.

    Raises:
        ValueError: If they are.
    """
    if settings.weight_decay and settings.optimizer == "adam":
        raise ValueError(
            "`weight_decay` is for adamw: set optimizer=adamw, or weight_decay=0. "
            f"Received: weight_decay={settings.weight_decay}, optimizer='adam'"
        )
