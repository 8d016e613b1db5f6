"""The page on classification: its Python runs, its table of presets is whole, its flags exist."""

import csv
import re
from pathlib import Path

import pytest

from keras_attn.cli import main
from keras_attn.tasks import TASKS
from tests.tasks.classification_cases import made

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "classification.md").read_text("utf-8")


@pytest.mark.long
def test_the_blocks_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for number, name in enumerate(("train", "valid", "test")):
        data = made(120, number)
        with open(f"{name}.csv", "w", newline="", encoding="utf-8") as file:
            rows = zip(data.texts, data.labels["topic"], strict=True)
            csv.writer(file).writerows([["text", "label"], *rows])
    names = {"__name__": "classification"}
    for block in re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL):
        exec(compile(block, "classification.md", "exec"), names)
    assert (tmp_path / "saved_models" / "mood" / "1" / "saved_model.pb").exists()
    assert (tmp_path / "attention.png").exists()


def test_every_preset_is_in_the_table():
    assert re.findall(r"^\| `(\w+)` \| (?!`)[A-Za-z]", PAGE, re.MULTILINE)[
        : len(TASKS["classification"].presets)
    ] == list(TASKS["classification"].presets)


def test_the_flags_exist(capsys):
    text = ""
    for words in (["train", "classification"], ["evaluate"], ["predict"], ["explain"], ["export"]):
        with pytest.raises(SystemExit):
            main([*words, "--help"])
        text += capsys.readouterr().out
    assert {*re.findall(r"--[a-z][\w-]*", PAGE)} <= {*re.findall(r"--[a-z][\w-]*", text)}
