import types

import pytest

from keras_attn.commands import terminal
from keras_attn.commands.training import command_line, how_to_go_on, run_training
from keras_attn.tasks.registry import TaskEntry


class Task:
    calls = []

    def __init__(self, preset, **settings):
        self.calls.append((preset, settings))

    def fit(self, data, validation, run, **how):
        self.calls.append((data, validation, run, how))
        return {"accuracy": 12.3456}


def options_of(tmp_path, **changes):
    given = {
        "command": "train",
        "task": "classification",
        "train": "train.csv",
        "valid": "valid.csv",
        "out": str(tmp_path / "my run"),
        "preset": None,
        "config": None,
        "set": ["dropout=0.4"],
        "max_minutes": 0.5,
        "resume": False,
        "deterministic": True,
        "tensorboard": False,
        "wandb": False,
        "strategy": "auto",
        "words": ["train", "classification", "--out", str(tmp_path / "my run")],
    }
    return types.SimpleNamespace(**{**given, **changes})


def test_flags_of_their_own_override_set_and_the_data_is_read_by_the_settings(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(TaskEntry, "load_class", lambda entry: Task)
    read = []
    run_training(
        options_of(tmp_path, set=["dropout=0.4", "text_column=a"]),
        lambda settings, path: read.append((settings.text_column, path)) or path,
        ("evaluate RUN --data FILE", "explain RUN --out PICTURES"),
        {"text_column": "body"},
    )
    assert read == [("body", "train.csv"), ("body", "valid.csv")]
    (preset, settings), (data, validation, run, how) = Task.calls
    assert preset == "tiny" and settings == {"dropout": 0.4, "text_column": "body"}
    assert (data, validation, run) == ("train.csv", "valid.csv", tmp_path / "my run")
    assert how.pop("command") == f"keras-attn train classification --out '{tmp_path / 'my run'}'"
    assert how == {
        "max_minutes": 0.5,
        "resume": False,
        "deterministic": True,
        "tensorboard": False,
        "wandb": False,
        "strategy": "auto",
    }
    printed = capsys.readouterr().out
    assert "Best epoch: accuracy 12.35" in printed and f"keras-attn evaluate '{tmp_path / 'my run'}' --data" in printed


def test_wrong_settings_are_told_before_anything_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(terminal, "quiet_import", None)
    with pytest.raises(ValueError, match="Did you mean `dropout`"):
        run_training(options_of(tmp_path, set=["dropuot=1"]), None, ())


def test_what_to_do_after_an_interrupt(tmp_path):
    options = options_of(tmp_path, out=str(tmp_path))
    assert how_to_go_on(options) == "; nothing was written yet."
    (tmp_path / "config.yaml").write_text("task: classification", "utf-8")
    assert how_to_go_on(options).startswith(" before anything was learnt.")
    (tmp_path / "checkpoints" / "last-00001").mkdir(parents=True)
    assert how_to_go_on(options).endswith(f"last-00001. Go on with:\n  {command_line(options)} --resume")
    assert how_to_go_on(types.SimpleNamespace(command="predict")) == "."
