"""The page on training: its Python runs."""

import re
from pathlib import Path


def test_the_blocks_run(tmp_path, monkeypatch):
    page = Path(__file__).resolve().parents[2] / "docs" / "training.md"
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert blocks
    for block in blocks:
        exec(compile(block, str(page), "exec"), {"__name__": "training"})
    assert (tmp_path / "averaged.keras").exists()
