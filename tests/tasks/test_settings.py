"""Settings are named, typed and checked in one place."""

import dataclasses
from typing import Literal

import pytest

from keras_attn.tasks.settings import describe_settings, make_settings, nearest


@dataclasses.dataclass(frozen=True)
class Settings:
    dropout: float = 0.1
    clip: float | None = None
    epochs: int = 3
    patience: int | None = 4
    lowercase: bool = False
    title: str = "x"
    kind: Literal["byte", "character"] = "byte"


PRESETS = {"tiny": {"dropout": 0.3, "epochs": 7}, "base": {}}


def make(preset="tiny", **overrides):
    return make_settings(Settings, PRESETS, preset, overrides)


def test_preset_then_overrides_then_defaults():
    assert make() == Settings(dropout=0.3, epochs=7)
    assert make(epochs=1, kind="character") == Settings(dropout=0.3, epochs=1, kind="character")
    assert make("base") == Settings()
    assert describe_settings(make()) == {
        "dropout": 0.3,
        "clip": None,
        "epochs": 7,
        "patience": 4,
        "lowercase": False,
        "title": "x",
        "kind": "byte",
    }


@pytest.mark.parametrize(
    ("name", "given", "kept"),
    [
        ("dropout", 0, 0.0),
        ("dropout", 0.5, 0.5),
        ("clip", 1, 1.0),
        ("clip", None, None),
        ("epochs", 12, 12),
        ("patience", None, None),
        ("patience", 2, 2),
        ("lowercase", True, True),
        ("title", "", ""),
        ("kind", "character", "character"),
    ],
)
def test_values_of_the_right_type(name, given, kept):
    value = getattr(make(**{name: given}), name)
    assert value == kept and type(value) is type(kept)


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        ("dropout", "0.5", "a number"),
        ("dropout", True, "a number"),
        ("dropout", None, "a number"),
        ("clip", "none", "a number or None"),
        ("epochs", 1.0, "a whole number"),
        ("epochs", True, "a whole number"),
        ("epochs", None, "a whole number"),
        ("patience", False, "a whole number or None"),
        ("lowercase", 1, "true or false"),
        ("lowercase", "true", "true or false"),
        ("title", 3, "a text"),
        ("kind", "bytes", "one of 'byte', 'character'"),
        ("kind", ["byte"], "one of 'byte', 'character'"),
    ],
)
def test_values_of_the_wrong_type(name, given, expected):
    with pytest.raises(ValueError) as error:
        make(**{name: given})
    assert str(error.value) == f"`{name}` must be {expected}. Received: {name}={given!r}"


def test_an_unknown_setting_names_the_nearest():
    with pytest.raises(ValueError, match=r"Did you mean `patience`\?.*Received: pateince=3"):
        make(pateince=3)
    with pytest.raises(ValueError, match=r"^Unknown setting\. Known are clip, dropout, .* Received: zzz=1"):
        make(zzz=1)


def test_an_unknown_preset_names_the_nearest():
    with pytest.raises(ValueError, match=r"Did you mean `tiny`\? Known are base, tiny\. Received: preset='tyny'"):
        make("tyny")


def test_nearest_takes_anything():
    assert nearest(3, ["epochs"]) == " Known are epochs."
