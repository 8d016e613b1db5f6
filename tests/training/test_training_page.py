"""The page on training: its Python runs."""

import re
from pathlib import Path

import pytest


@pytest.mark.long
def test_the_blocks_run(tmp_path, monkeypatch):
    page = Path(__file__).resolve().parents[2] / "docs" / "training.md"
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert blocks
    names = {"__name__": "training"}
    for block in blocks:  # each goes on from the one before
        exec(compile(block, str(page), "exec"), names)
    assert (tmp_path / "averaged.keras").exists() and (tmp_path / "runs/mine/metrics.jsonl").exists()
