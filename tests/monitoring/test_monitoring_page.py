"""The page on watching a stream: its Python runs, and says what really happens."""

import re
from pathlib import Path

from keras_attn.monitoring import Intake, plot_trend

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "monitoring.md").read_text("utf-8")


def test_the_blocks_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "monitoring"}
    for block in re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL):
        exec(compile(block, "docs/monitoring.md", "exec"), names)
    assert names["summary"]["messages"] == 8640 and names["summary"]["alerts"] == 1
    assert "2026-03-02T17:50" < names["alert"]["since"] < "2026-03-02T18:20"
    assert {path.name for path in Path("watch").iterdir()} == {"alerts.jsonl", "trend.png", "state.json", ".lock"}
    assert plot_trend("watch").exists()


def test_what_is_left_out_is_what_is_counted():
    rows = set(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE))
    assert rows == set(Intake(60).counts) - {"messages"}
