"""The page on export: its Python runs, its flags and signatures exist."""

import re
import shlex
from pathlib import Path

import pytest
import tensorflow as tf

from keras_attn.cli import main

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "export.md").read_text("utf-8")


@pytest.mark.long
def test_the_blocks_run(task, exported, tmp_path, monkeypatch):
    pytest.importorskip("onnxruntime")
    task.export(tmp_path / "models" / "en-de-onnx", format="onnx")
    (tmp_path / "saved_models").mkdir()
    (tmp_path / "saved_models" / "en-de").symlink_to(exported.parent)
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "export"}
    for block in re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL):  # as a reader would type them
        exec(compile(block, "docs/export.md", "exec"), names)
    assert names["target"][0, 0] == 1 and names["target"].shape[1] > 1


def test_the_commands_exist(capsys):
    commands = re.findall(r"^\$ keras-attn (export .*)$", PAGE, re.MULTILINE)
    with pytest.raises(SystemExit):
        main(["export", "--help"])
    known = capsys.readouterr().out
    words = {word for command in commands for word in shlex.split(command) if word.startswith("--")}
    assert len(commands) == 7 and words and all(word in known for word in words)
    for name in re.findall(r"^\| `(\w+)` \| (?:yes|no|by)", PAGE, re.MULTILINE):
        assert name in known


def test_the_table_has_every_signature(exported):
    signatures = tf.saved_model.load(exported).signatures
    rows = dict(re.findall(r"^\| `(\w+)` \| (`(?:text|source)`.*)$", PAGE, re.MULTILINE))
    assert rows.keys() == set(signatures)
    for name, row in rows.items():
        function = signatures[name]
        for specs in (function.structured_input_signature[1], function.structured_outputs):
            assert all(f"`{spec}`" in row for spec in specs)
