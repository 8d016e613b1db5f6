"""The page on tagging: its Python runs, its table of presets is whole, its flags exist."""

import re
from pathlib import Path

import pytest

from keras_attn.cli import main
from keras_attn.tasks import TASKS
from tests.tasks.tagging_cases import made

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "tagging.md").read_text("utf-8")


@pytest.mark.long
def test_the_blocks_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for number, name in enumerate(("train", "valid", "test")):
        data = made(60, number)
        rows = zip(data.words, data.tags, data.labels, strict=True)
        text = "\n".join(
            f"# label = {label}\n" + "".join(f"{word} {tag}\n" for word, tag in zip(words, tags, strict=True))
            for words, tags, label in rows
        )
        (tmp_path / f"{name}.bio").write_text(text, "utf-8")
    names = {"__name__": "tagging"}
    for block in re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL):
        exec(compile(block.replace("dropout=0.4", "dropout=0.4, epochs=1"), "tagging.md", "exec"), names)
    assert (tmp_path / "saved_models" / "orders" / "1" / "saved_model.pb").exists()
    assert (tmp_path / "looks.png").exists() and (tmp_path / "paris.png").exists()


def test_every_preset_is_in_the_table():
    table = PAGE.split("| preset | model | for |")[1].split("\n\n")[0]
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == list(TASKS["tagging"].presets)


def test_the_flags_exist(capsys):
    text = ""
    for words in (["train", "tagging"], ["evaluate"], ["predict"], ["explain"], ["export"]):
        with pytest.raises(SystemExit):
            main([*words, "--help"])
        text += capsys.readouterr().out
    assert {*re.findall(r"--[a-z][\w-]*", PAGE)} <= {*re.findall(r"--[a-z][\w-]*", text)}
