"""The list of tasks: what there is to know about each before its code, and TensorFlow with it, is imported."""

import dataclasses
import importlib

from keras_attn.tasks.classification_settings import ClassificationSettings
from keras_attn.tasks.forecasting_settings import ForecastingSettings
from keras_attn.tasks.presets import CLASSIFICATION, FORECASTING, PRETRAINING, SIGNAL, TAGGING, TRANSLATION
from keras_attn.tasks.pretraining_settings import PretrainingSettings
from keras_attn.tasks.settings import nearest
from keras_attn.tasks.signal_settings import SignalSettings
from keras_attn.tasks.tagging_settings import TaggingSettings
from keras_attn.tasks.translation_settings import TranslationSettings


@dataclasses.dataclass(frozen=True)
class TaskEntry:
    """One task of the list.

    Args:
        settings_class: The dataclass of its settings.
        presets: Dict of preset name -> settings; the first one is the default.
        module: Module that defines the task's class.
        class_name: Name of that class.
    """

    settings_class: type
    presets: dict
    module: str
    class_name: str

    def load_class(self):
        """Imports the task.

        Returns:
            The subclass of `Task`.
        """
        return getattr(importlib.import_module(self.module), self.class_name)


TASKS = {
    "translation": TaskEntry(TranslationSettings, TRANSLATION, "keras_attn.tasks.translation", "Translation"),
    "classification": TaskEntry(
        ClassificationSettings, CLASSIFICATION, "keras_attn.tasks.classification", "Classification"
    ),
    "forecasting": TaskEntry(ForecastingSettings, FORECASTING, "keras_attn.tasks.forecasting", "Forecasting"),
    "pretraining": TaskEntry(PretrainingSettings, PRETRAINING, "keras_attn.tasks.pretraining", "Pretraining"),
    "signal": TaskEntry(SignalSettings, SIGNAL, "keras_attn.tasks.signal", "Signal"),
    "tagging": TaskEntry(TaggingSettings, TAGGING, "keras_attn.tasks.tagging", "Tagging"),
}


def find_task(name):
    """Looks a task up.

    Args:
        name: Its name, as in `config.yaml` and after `keras-attn train`.

    Returns:
        Its `TaskEntry`.

    Raises:
        ValueError: If there is no such task; the nearest is named.

    Example:
        >>> from keras_attn.tasks import find_task
        >>> list(find_task("translation").presets)
        ['tiny', 'base', 'dates', 'rnn']
    """
    if name not in TASKS:
        raise ValueError(f"Unknown task.{nearest(name, TASKS)} Received: task={name!r}")
    return TASKS[name]
