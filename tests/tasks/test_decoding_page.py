"""The page on decoding: its Python runs, its table has every option, its flags exist."""

import re
import shutil
from pathlib import Path

import pytest

from keras_attn.cli import main
from keras_attn.data import ParallelText
from keras_attn.tasks import SearchOptions, Translation
from tests.tasks.conftest import REVERSER

PAGE = Path(__file__).resolve().parents[2] / "docs" / "decoding.md"
SOURCES = ["A man in a hat.", "Two dogs play.", "A woman.", "Two women in a park."] * 8
TARGETS = ["Ein Mann mit Hut.", "Zwei Hunde spielen.", "Eine Frau.", "Zwei Frauen im Park."] * 8


@pytest.mark.long
def test_the_blocks_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pairs = ParallelText(SOURCES, TARGETS)
    Translation("tiny", **{**REVERSER, "max_length": 48, "epochs": 1}).fit(pairs, pairs, run="runs/en-de")
    shutil.copytree("runs/en-de", "runs/en-de-2")
    names = {"__name__": "decoding"}
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    for block in blocks:  # each goes on from the one before
        exec(compile(block, str(PAGE), "exec"), names)
    assert (names["version"] / "saved_model.pb").exists()
    assert not (names["result"].ids.numpy() % 2).any()


def test_the_table_has_every_option_with_its_flag(capsys):
    rows = "\n".join(line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| `"))
    with pytest.raises(SystemExit):
        main(["predict", "--help"])
    flags = {*re.findall(r"--[a-z][\w-]*", capsys.readouterr().out)}
    assert {*re.findall(r"--[a-z][\w-]*", PAGE.read_text("utf-8"))} <= flags | {"--data", "--run"}
    for name in SearchOptions.__dataclass_fields__:
        assert f"`{name}`" in rows, name
