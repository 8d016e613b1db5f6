"""The page on forecasting: its Python runs, its table of presets is whole, its flags exist."""

import re
from pathlib import Path

import pytest

from keras_attn.cli import main
from keras_attn.tasks import TASKS
from tests.tasks.forecasting_cases import write_wide

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "forecasting.md").read_text("utf-8")


@pytest.mark.long
def test_the_blocks_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_wide(tmp_path / "load.csv", steps=700)
    for block in re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL):
        exec(compile(block, "forecasting.md", "exec"), {"__name__": "forecasting"})
    assert (tmp_path / "saved_models" / "load" / "1" / "saved_model.pb").exists()
    assert (tmp_path / "backtest" / "report.md").exists() and (tmp_path / "pictures" / "forecast-2.png").exists()


def test_every_preset_is_in_the_table():
    table = PAGE.partition("| preset | model |")[2].partition("\n\n")[0]
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == list(TASKS["forecasting"].presets)


def test_the_flags_exist(capsys):
    text = ""
    for words in (["train", "forecasting"], ["evaluate"], ["predict"], ["explain"], ["export"]):
        with pytest.raises(SystemExit):
            main([*words, "--help"])
        text += capsys.readouterr().out
    assert {*re.findall(r"--[a-z][\w-]*", PAGE)} <= {*re.findall(r"--[a-z][\w-]*", text)}
