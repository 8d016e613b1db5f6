"""Other tools that show a training; Weights & Biases offline. TensorBoard's files are read in test_translation.py."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from keras_attn.training.tracking import check_trackers

ROOT = Path(__file__).resolve().parents[2]
TRAIN = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from keras_attn.tasks import Pretraining
from tests.tasks.test_training_run import fit
fit(Pretraining(epochs=int(sys.argv[3])), Path(sys.argv[2]), wandb=True, resume=sys.argv[3] == "3")
"""


def test_a_missing_tool_names_its_extra(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    check_trackers([])
    with pytest.raises(RuntimeError, match=r"Weights & Biases is not installed: pip install 'keras_attn\[wandb\]'"):
        check_trackers(["wandb"])


@pytest.mark.skipif(importlib.util.find_spec("wandb") is None, reason="needs wandb")
def test_weights_and_biases_keeps_a_resumed_run_together(tmp_path):
    """In a process of its own: its service starts processes."""
    environment = {**os.environ, "WANDB_MODE": "offline", "WANDB_SILENT": "true"}
    for epochs in ("2", "3"):
        command = [sys.executable, "-c", TRAIN, str(ROOT), str(tmp_path / "run"), epochs]
        subprocess.run(command, env=environment, check=True, cwd=tmp_path)
    written = sorted((tmp_path / "run" / "wandb").glob("offline-run-*/run-*.wandb"))
    identity = (tmp_path / "run" / "wandb" / "run_id").read_text("utf-8")
    assert len(written) == 2 and {path.stem for path in written} == {f"run-{identity}"}
    content = b"".join(path.read_bytes() for path in written)
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text("utf-8").splitlines()]
    assert len(lines) == 3 and b"epoch/val_loss" in content
    for line in lines:
        assert str(line["val_loss"])[:6].encode() in content
