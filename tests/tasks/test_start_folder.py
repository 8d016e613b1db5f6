"""A folder that cannot be started from is named at once, with what is wrong with it."""

import subprocess
import sys

import pytest

from keras_attn.tasks.start_folder import kind_of_start
from keras_attn.training import CheckpointError, RunFolder


def bert(folder, *names):
    folder.mkdir()
    for name in names:
        (folder / name).touch()
    return folder


def test_a_run_and_a_bert(tmp_path):
    RunFolder(tmp_path / "run").create({"task": "pretraining"})
    (tmp_path / "run" / "checkpoints" / "best-00001").mkdir()
    assert kind_of_start(tmp_path / "run") == "run"
    assert kind_of_start(str(bert(tmp_path / "bert", "config.json", "model.safetensors", "vocab.txt"))) == "bert"


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], "is neither a run folder .config.yaml. nor the folder of a BERT"),
        (["vocab.txt", "model.safetensors"], "is neither a run folder"),
        (["config.json", "vocab.txt"], "has a BERT's config.json, and no model.safetensors beside it"),
        (["config.json", "pytorch_model.bin"], "has .* no model.safetensors and no vocab.txt beside it"),
    ],
)
def test_other_folders(tmp_path, names, message):
    with pytest.raises(FileNotFoundError, match=rf"x {message}.*Received: folder='.*x'$"):
        kind_of_start(bert(tmp_path / "x", *names))


def test_what_is_no_folder(tmp_path):
    (tmp_path / "file").touch()
    for name in ("file", "missing"):
        with pytest.raises(
            FileNotFoundError, match=rf"{name} is neither a run .*there is no such folder.*Received: folder="
        ):
            kind_of_start(tmp_path / name)


def test_other_runs(tmp_path):
    RunFolder(tmp_path / "other").create({"task": "tagging"})
    with pytest.raises(ValueError, match=r"a run of the task 'tagging', not of 'pretraining'\. Received: run="):
        kind_of_start(tmp_path / "other")
    RunFolder(tmp_path / "begun").create({"task": "pretraining"})
    with pytest.raises(CheckpointError, match=r"holds no checkpoint `best-\*`.*Received: run="):
        kind_of_start(tmp_path / "begun")


def test_it_needs_no_keras():
    code = "import sys, keras_attn.tasks.start_folder; print({'keras', 'tensorflow', 'numpy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout == "set()\n", done.stderr
