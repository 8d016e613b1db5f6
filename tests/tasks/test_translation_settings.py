"""Every setting is documented, in order, and has a default of its own type."""

import dataclasses
import inspect
import re

from keras_attn.tasks import TranslationSettings
from keras_attn.tasks.settings import make_settings

FIELDS = [field.name for field in dataclasses.fields(TranslationSettings)]


def test_every_field_is_documented():
    text = inspect.cleandoc(TranslationSettings.__doc__).split("Args:\n")[1]
    assert re.findall(r"^    (\w+): \S", text, re.MULTILINE) == FIELDS


def test_the_defaults_are_valid():
    settings = TranslationSettings()
    assert make_settings(TranslationSettings, {"default": dataclasses.asdict(settings)}, "default", {}) == settings
