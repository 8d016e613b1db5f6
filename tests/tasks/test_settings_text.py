"""Settings as people write them."""

import argparse
import dataclasses
from typing import Literal

import pytest

from keras_attn.tasks.settings_text import (
    add_flags,
    given_flags,
    parse_assignments,
    plain,
    read_settings,
    settings_help,
)


@dataclasses.dataclass
class Settings:
    """Settings of nothing.

    Args:
        rate: How fast, told
            in two lines.
        kind: Which one.
        limit: How far.
    """

    rate: float = 0.1
    kind: Literal["small", "large"] = "small"
    limit: int | None = None


def test_help_tells_type_default_preset_and_description():
    text = settings_help(Settings, "quick", {"rate": 2.0}, width=40)
    assert text.splitlines()[1:] == [
        "  rate (float; default 0.1; quick: 2.0)",
        "      How fast, told in two lines.",
        "  kind (small | large; default small)",
        "      Which one.",
        "  limit (int | null; default null)",
        "      How far.",
    ]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("1e-3", 0.001),
        ("1.5E4", 15000.0),
        ("None", None),
        ("null", None),
        ("true", True),
        ("bpe", "bpe"),
        ("", None),
        ("a=b", "a=b"),
    ],
)
def test_assignments(text, value):
    assert parse_assignments([f"name={text}"]) == {"name": value}


@pytest.mark.parametrize("assignment", ["dropout", "dropout=[1, 2"])
def test_bad_assignments_are_quoted(assignment):
    with pytest.raises(ValueError, match=f"--set.*{assignment[:7]}"):
        parse_assignments([assignment])


def test_files_of_settings(tmp_path):
    file = tmp_path / "settings.yaml"
    file.write_text("dropout: 0.2\npreset: tiny\n", "utf-8")
    assert read_settings(file, "translation") == ("tiny", {"dropout": 0.2})
    file.write_text("task: translation\npreset: base\npairs: 7\nsettings: {dropout: 0.3}\n", "utf-8")
    assert read_settings(str(file), "translation") == ("base", {"dropout": 0.3})
    with pytest.raises(ValueError, match=r"settings.yaml is the configuration of another task.*'translation'"):
        read_settings(file, "tagging")


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"- a\n", "expected a YAML mapping"), (b"a: [1\n", "not valid YAML"), (b"a: \xff\n", "not valid UTF-8 at byte")],
)
def test_bad_files_are_named(tmp_path, content, message):
    file = tmp_path / "bad.yaml"
    file.write_bytes(content)
    with pytest.raises(ValueError, match=f"bad.yaml: {message}"):
        read_settings(file, "translation")


def test_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.yaml"):
        read_settings(tmp_path / "none.yaml", "translation")


def test_plain():
    assert [plain(value) for value in (None, True, False, 0.5, "bpe")] == ["null", "true", "false", "0.5", "bpe"]


@dataclasses.dataclass
class Options:
    """Options of nothing.

    Args:
        beam_size: How wide.
        penalty: How much, 5% say.
        sample: Whether to draw.
        prefix: What comes first.
        ban: What never comes.
    """

    beam_size: int | None = None
    penalty: float | Literal["average"] = 1.0
    sample: bool = False
    prefix: str | tuple[str, ...] = ""
    ban: tuple[str, ...] = ()


@pytest.fixture
def parser():
    parser = argparse.ArgumentParser()
    add_flags(parser, Options, {"beam_size": "--beam"})
    return parser


def test_flags_give_what_was_given_and_nothing_else(parser):
    def given(*words):
        return given_flags(parser.parse_args(words), Options)

    assert given() == {}
    words = ("--beam", "3", "--penalty", "0.5", "--sample", "--prefix", "a b", "--ban", "x", "--ban", "y")
    assert given(*words) == {"beam_size": 3, "penalty": 0.5, "sample": True, "prefix": "a b", "ban": ["x", "y"]}
    assert given("--penalty", "average") == {"penalty": "average"}


def test_flags_are_explained_and_checked(parser, capsys):
    assert "how much, 5% say" in parser.format_help()
    for words, expected in ((["--beam", "2.5"], "a whole number"), (["--penalty", "x"], "a number or average")):
        with pytest.raises(SystemExit):
            parser.parse_args(words)
        assert f"must be {expected}. Received: '{words[1]}'" in capsys.readouterr().err
