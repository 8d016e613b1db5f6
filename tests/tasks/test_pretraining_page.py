"""The page on pretraining: its Python runs, its flags and settings exist, its defaults are those of the preset."""

import csv
import gzip
import re
from pathlib import Path

import pytest

from keras_attn.cli import main
from keras_attn.tasks import TASKS, ClassificationSettings
from keras_attn.tasks.settings import make_settings
from keras_attn.tasks.settings_text import plain
from tests.tasks.classification_cases import made

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "pretraining.md").read_text("utf-8")


@pytest.mark.long
def test_the_blocks_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("texts.txt").write_text("\n".join(made(100, 1).texts), "utf-8")
    Path("other.txt").write_text("\n".join(made(20, 2).texts), "utf-8")
    with gzip.open("more.txt.gz", "wt", encoding="utf-8") as file:
        file.write("\n".join(made(50, 3).texts))
    for name, seed in (("train", 4), ("valid", 5)):
        data = made(60, seed)
        with open(f"{name}.csv", "w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([["text", "label"], *zip(data.texts, data.labels["topic"], strict=True)])
    names = {"__name__": "pretraining"}
    for block in re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL):
        block = block.replace("epochs=40", "epochs=2").replace('init="runs/words"', 'init="runs/words", epochs=2')
        exec(compile(block, "docs/pretraining.md", "exec"), names)
    assert (tmp_path / "saved_models" / "mood" / "1" / "saved_model.pb").exists()
    assert names["groups"][-1] == ["encoder_norm", "pooling", "head_0"]


def test_the_flags_exist(capsys):
    text = ""
    for words in (["pretrain"], ["train", "classification"], ["evaluate"]):
        with pytest.raises(SystemExit):
            main([*words, "--help"])
        text += capsys.readouterr().out
    assert {*re.findall(r"--[a-z][\w-]*", PAGE)} <= {*re.findall(r"--[a-z][\w-]*", text)}


def test_the_defaults_are_those_of_the_preset():
    settings = make_settings(ClassificationSettings, TASKS["classification"].presets, "fine_tuning", {})
    table = PAGE[PAGE.index("the preset is `fine_tuning`") :]
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \| .* \| ([^|]+) \|$", table, re.MULTILINE)
    found = {name: value for names, values in rows for name, value in zip(*_split(names, values), strict=True)}
    assert found.keys() >= {"learning_rate", "rate_decay", "unfreeze_epochs", "dropout", "pooling"}
    for name, value in found.items():
        assert plain(getattr(settings, name)) == value, name


def _split(names, values):
    return re.findall(r"\w+", names), [value.strip("` ") for value in values.split(",")]
