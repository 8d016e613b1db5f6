"""What is searched: settings, and the values each may take."""

from pathlib import Path

import yaml

from keras_attn.tasks.settings import make_settings, nearest

_RANGE_KEYS = {"low", "high", "step", "log"}


class SearchSpace:
    """The settings that a search varies.

    Args:
        ranges: Dict of setting -> a list of values, or a dict with `low` and `high`, and `step` or `log: true`. A range
            between whole numbers, with no step or a whole one, gives whole numbers.

    Raises:
        ValueError: If there is nothing to search, or a range is malformed.

    Example:
        >>> from keras_attn.tuning import SearchSpace
        >>> SearchSpace({"dropout": [0.1, 0.3], "num_layers": {"low": 1, "high": 4}}).names
        ['dropout', 'num_layers']
    """

    def __init__(self, ranges):
        if not isinstance(ranges, dict) or not ranges:
            raise ValueError(
                "A search needs settings with their values, such as `dropout: [0.1, 0.3]` or "
                f"`learning_rate: {{low: 0.0005, high: 0.01, log: true}}`. Received: search={ranges!r}"
            )
        for name, values in ranges.items():
            _check(name, values)
        self.ranges = ranges

    @classmethod
    def read(cls, path):
        """Reads a YAML file.

        Args:
            path: The file.

        Returns:
            A `SearchSpace`.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If it is no YAML, or no search.
        """
        if not Path(path).is_file():
            raise FileNotFoundError(f"{path}: no such file. Check the path. Received: path={str(path)!r}")
        try:
            return cls(yaml.safe_load(Path(path).read_text("utf-8")))
        except yaml.YAMLError as error:
            raise ValueError(f"{path}: not valid YAML: {error}") from None
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None

    @property
    def names(self):
        """Names of the settings, in their order."""
        return list(self.ranges)

    def check(self, settings_class, presets, preset, settings):
        """Checks that a task has the settings, and that each value is of the right type.

        Args:
            settings_class: Dataclass of the task's settings.
            presets: Dict of the task's presets.
            preset: Name of the preset that trials start from.
            settings: Dict of what differs from it in all trials.

        Raises:
            ValueError: If a setting is unknown, of a wrong type, or given for all trials too.
        """
        known = settings_class.__dataclass_fields__
        for name, values in self.ranges.items():
            if name not in known:
                raise ValueError(f"The task has no such setting.{nearest(name, known)} Received: search of {name!r}")
            if name in settings:
                raise ValueError(
                    f"`{name}` is searched and cannot be given too. Received: {name}={settings[name]!r}, and a search"
                )
            examples = values if isinstance(values, list) else [values["low"]]
            for value in examples:  # one at a time; whether they go together a trial finds out
                try:
                    make_settings(settings_class, {preset: {}}, preset, {name: value})
                except ValueError as error:
                    if f"`{name}`" in str(error):  # rather than of a default that does not go with it
                        raise

    def suggest(self, trial):
        """Takes a value of each setting from a trial.

        Args:
            trial: An Optuna `Trial`.

        Returns:
            Dict of setting -> value.
        """
        return {name: _suggest(trial, name, values) for name, values in self.ranges.items()}


def _suggest(trial, name, values):
    if isinstance(values, list):
        return trial.suggest_categorical(name, values)
    low, high, step = values["low"], values["high"], values.get("step")
    if all(isinstance(number, int) for number in (low, high, step or 1)):
        return trial.suggest_int(name, low, high, step=step or 1, log=values.get("log", False))
    return trial.suggest_float(name, low, high, step=step, log=values.get("log", False))


def _check(name, values):
    if isinstance(values, list):
        if not values or not all(isinstance(value, str | int | float | bool | None) for value in values):
            raise ValueError(f"`{name}` needs one or more plain values to choose from. Received: {name}={values!r}")
        return
    if not isinstance(values, dict) or not {"low", "high"} <= values.keys() <= _RANGE_KEYS:
        raise ValueError(
            f"`{name}` must be a list of values, or a mapping with low and high, and step or log. "
            f"Received: {name}={values!r}"
        )
    numbers = [values[key] for key in ("low", "high", "step") if key in values]
    if not all(isinstance(number, int | float) and not isinstance(number, bool) for number in numbers):
        hint = " (YAML takes 1e-3 for a text: write 0.001)" if any(isinstance(n, str) for n in numbers) else ""
        raise ValueError(f"low, high and step of `{name}` must be numbers{hint}. Received: {name}={values!r}")
    if values.get("log") and ("step" in values or values["low"] <= 0):
        raise ValueError(f"A search by log of `{name}` needs a low above 0 and no step. Received: {name}={values!r}")
    if values["low"] > values["high"] or values.get("step", 1) <= 0:
        raise ValueError(f"`{name}` needs low <= high and a step above 0. Received: {name}={values!r}")
