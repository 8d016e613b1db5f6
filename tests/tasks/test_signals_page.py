"""The blocks of the page on signals run, one after the other, as a reader would type them."""

from pathlib import Path

import pytest

from tests.tasks.signal_cases import made, write_tsv
from tests.test_house import fenced_blocks

PAGE = Path(__file__).parents[2] / "docs" / "signals.md"


@pytest.mark.long
def test_the_blocks_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_tsv(tmp_path / "train.tsv", made(30, 1))
    write_tsv(tmp_path / "test.tsv", made(15, 2))
    namespace = {"__name__": "signals"}
    for line, code in fenced_blocks(PAGE.read_text(encoding="utf-8"), "python"):
        code = code.replace('Signal("tiny")', 'Signal("tiny", members=1, hidden_dim=8, epochs=1, folds=0)')
        exec(compile("\n" * (line - 1) + code, str(PAGE), "exec"), namespace)
    assert (tmp_path / "where.png").exists() and (tmp_path / "saved_models" / "shapes" / "1").is_dir()
