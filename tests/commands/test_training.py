import types

import pytest

from keras_attn.commands import terminal
from keras_attn.commands.training import OwnFlags, chosen_settings, command_line, how_to_go_on, run_training
from keras_attn.tasks.registry import TaskEntry
from keras_attn.training import RunFolder


class Task:
    calls = []  # replaced by each test

    def __init__(self, preset, **settings):
        self.calls.append((preset, settings))

    def fit(self, data, validation, run, **how):
        self.calls.append((data, validation, run, how))
        return {"accuracy": 12.3456, "baseline_accuracy": 11.0}


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


@pytest.fixture
def task(monkeypatch):
    """Takes the place of the task's class; nothing is trained."""
    monkeypatch.setattr(TaskEntry, "load_class", lambda entry: Task)
    monkeypatch.setattr(Task, "calls", [])
    return Task


def test_flags_of_their_own_override_set_and_the_data_is_read_by_the_settings(tmp_path, task, capsys):
    read = []
    own = OwnFlags(
        lambda settings, path: read.append((settings.text_column, path)) or path,
        {"text_column": "body", "label_columns": None},
    )
    options = options_of(tmp_path, set=["dropout=0.4", "text_column=a"])
    run_training(options, own, ("evaluate RUN --data FILE", "explain RUN --out PICTURES"))
    assert read == [("body", "train.csv"), ("body", "valid.csv")]
    (preset, settings), (data, validation, run, how) = task.calls
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
    assert (
        "Best epoch: accuracy 12.35  baseline_accuracy 11\n" in printed
        and f"keras-attn evaluate '{tmp_path / 'my run'}' --data" in printed
    )


def test_wrong_settings_are_told_before_anything_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(terminal, "quiet_import", None)
    with pytest.raises(ValueError, match="Did you mean `dropout`"):
        run_training(options_of(tmp_path, set=["dropuot=1"]), OwnFlags(None), ())


def test_the_preset_is_the_named_one_else_the_files_else_that_of_the_flags(tmp_path):
    own = OwnFlags(None, preset="fine_tuning")
    (tmp_path / "with.yaml").write_text("preset: intent\n", "utf-8")
    (tmp_path / "without.yaml").write_text("dropout: 0.2\n", "utf-8")
    with_preset, without = str(tmp_path / "with.yaml"), str(tmp_path / "without.yaml")
    for preset, config, expected in (
        ("transformer", with_preset, "transformer"),
        (None, with_preset, "intent"),
        (None, without, "fine_tuning"),
        (None, None, "fine_tuning"),
    ):
        assert chosen_settings(options_of(tmp_path, preset=preset, config=config), own)[0] == expected
    assert chosen_settings(options_of(tmp_path), OwnFlags(None))[0] == "tiny"


def test_a_task_of_many_figures_prints_those_that_matter(tmp_path, task, capsys):
    run_training(options_of(tmp_path), OwnFlags(lambda settings, path: path, headline=("mse", "baseline_accuracy")), ())
    assert "Best epoch: baseline_accuracy 11\n" in capsys.readouterr().out


def test_what_a_training_starts_from_must_be_there_until_it_has_a_checkpoint(tmp_path, task):
    own = OwnFlags(lambda settings, path: path, {"init": str(tmp_path / "gone")}, "fine_tuning")
    out = tmp_path / "run"
    with pytest.raises(FileNotFoundError, match=r"gone is neither .*no such folder.*Received: folder="):
        run_training(options_of(tmp_path, out=str(out)), own, ())
    RunFolder(out).create({"task": "classification"})
    with pytest.raises(FileNotFoundError, match="gone is neither"):
        run_training(options_of(tmp_path, out=str(out), resume=True), own, ())
    (out / "checkpoints" / "last-00001").mkdir()
    run_training(options_of(tmp_path, out=str(out), resume=True), own, ())


def test_what_to_do_after_an_interrupt(tmp_path):
    options = options_of(tmp_path, out=str(tmp_path))
    assert how_to_go_on(options) == "; nothing was written yet."
    (tmp_path / "config.yaml").write_text("task: classification", "utf-8")
    assert how_to_go_on(options).startswith(" before anything was learnt.")
    (tmp_path / "checkpoints" / "last-00001").mkdir(parents=True)
    assert how_to_go_on(options).endswith(f"last-00001. Go on with:\n  {command_line(options)} --resume")
    assert how_to_go_on(types.SimpleNamespace(command="predict")) == "."
