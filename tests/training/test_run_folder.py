"""A run folder is never half-written, refuses what it would overwrite, and survives damage."""

import json

import keras
import numpy as np
import pytest

from keras_attn.training import CheckpointError, RunFolder

CONFIG = {"task": "translation", "text": "Wörter, 言葉: \"'#", "settings": {"dropout": 0.1, "patience": None}}


def make_model(value=0.0):
    """One weight, which is `value`."""
    inputs = keras.Input((1,))
    model = keras.Model(inputs, keras.layers.Dense(1, use_bias=False)(inputs))
    model.compile("adam", "mse", jit_compile=False)
    model.set_weights([np.full((1, 1), value, "float32")])
    model.optimizer.build(model.trainable_variables)
    return model


def value_of(model):
    return float(model.get_weights()[0][0, 0])


def names(folder, kind):
    return [path.name for path in folder.checkpoints(kind)]


@pytest.fixture
def folder(tmp_path):
    folder = RunFolder(tmp_path / "runs" / "one")
    folder.create(CONFIG)
    return folder


def damage(folder, name):
    """Cuts a checkpoint's model off in the middle."""
    file = folder.path / "checkpoints" / name / "model.keras"
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def test_config_round_trip(folder):
    assert folder.holds_run()
    assert RunFolder(str(folder.path)).config() == CONFIG
    assert "Wörter, 言葉" in (folder.path / "config.yaml").read_text("utf-8")
    assert folder.metrics() == []


def test_an_empty_folder_is_taken(tmp_path):
    RunFolder(tmp_path).create(CONFIG)
    assert RunFolder(tmp_path).holds_run()


def test_create_refuses_a_run(folder):
    with pytest.raises(FileExistsError, match=r"already holds a run.*--resume.*Received: run='.*one'"):
        RunFolder(folder.path).create({"task": "other"})
    assert folder.config() == CONFIG


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_create_refuses_what_is_there(tmp_path, kind):
    path = tmp_path / "thing"
    if kind == "folder":
        path.mkdir()
    mine = path / "notes.txt" if kind == "folder" else path
    mine.write_text("mine")
    for refuse in (RunFolder(path).check_free, lambda: RunFolder(path).create(CONFIG)):
        with pytest.raises(FileExistsError, match=r"no empty folder.*Received: run='.*thing'"):
            refuse()
    assert mine.read_text() == "mine" and not RunFolder(path).holds_run()


def test_what_holds_no_run(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"has no config\.yaml.*Received: run="):
        RunFolder(tmp_path / "nowhere").config()


@pytest.mark.parametrize("content", [b"task: [", b"- a\n- b\n", b"", b"preset: tiny\n", b"task: \xff\n"])
def test_a_damaged_config(folder, content):
    (folder.path / "config.yaml").write_bytes(content)
    with pytest.raises(ValueError, match=r"config\.yaml is damaged"):
        folder.config()


def test_checkpoints_come_and_go(folder):
    for epoch in (9, 10, 11):
        folder.save_checkpoint(make_model(epoch), "last", {"epoch": epoch, "best": 0.5}, keep=2)
        folder.save_checkpoint(make_model(-epoch), "best", {"epoch": epoch})
    assert names(folder, "last") == ["last-00010", "last-00011"] and names(folder, "best") == ["best-00011"]
    model, state = folder.load_checkpoint("last")
    assert value_of(model) == 11.0 and state == {"epoch": 11, "best": 0.5}
    assert folder.load_checkpoint("last")[1] == state
    assert value_of(folder.load_checkpoint("best")[0]) == -11.0


def test_a_checkpoint_of_the_same_epoch_is_replaced(folder):
    for value in (1.0, 2.0):
        folder.save_checkpoint(make_model(value), "best", {"epoch": 3})
    assert names(folder, "best") == ["best-00003"]
    assert value_of(folder.load_checkpoint("best")[0]) == 2.0


def test_only_last_checkpoints_hold_the_optimizer(folder):
    model = make_model(1.0)
    model.fit(np.ones((4, 1)), np.zeros((4, 1)), batch_size=1, verbose=0)
    for kind in ("last", "best"):
        folder.save_checkpoint(model, kind, {"epoch": 1})
    last, best = (folder.load_checkpoint(kind)[0] for kind in ("last", "best"))
    assert int(last.optimizer.iterations) == 4 and not best.compiled
    assert value_of(last) == value_of(best) == value_of(model) and best.name == model.name
    sizes = [(path / "model.keras").stat().st_size for kind in ("last", "best") for path in folder.checkpoints(kind)]
    assert sizes[0] > sizes[1]


@pytest.mark.parametrize("failure", [OSError("disk full"), KeyboardInterrupt()])
@pytest.mark.parametrize("place", ["model.keras", "state.json"])
def test_a_failure_leaves_the_checkpoint_before(folder, monkeypatch, failure, place):
    folder.save_checkpoint(make_model(1.0), "last", {"epoch": 1}, keep=2)
    model = make_model(2.0)

    def save_half(path):
        path.write_bytes(b"PK half a file")
        raise failure

    if place == "model.keras":
        monkeypatch.setattr(keras.Model, "save", lambda self, path: save_half(path))
    with pytest.raises(type(failure) if place == "model.keras" else TypeError):
        folder.save_checkpoint(model, "last", {"epoch": 2, "best": object()}, keep=2)
    assert names(folder, "last") == ["last-00001"]
    loaded, state = folder.load_checkpoint("last")
    assert value_of(loaded) == 1.0 and state == {"epoch": 1}
    monkeypatch.undo()
    folder.save_checkpoint(make_model(2.0), "last", {"epoch": 2}, keep=2)  # and the next one is not in its way
    assert value_of(folder.load_checkpoint("last")[0]) == 2.0


def test_a_damaged_checkpoint_falls_back_to_the_one_before(folder):
    for epoch in (1, 2):
        folder.save_checkpoint(make_model(epoch), "last", {"epoch": epoch}, keep=2)
    damage(folder, "last-00002")
    with pytest.warns(UserWarning, match=r"Damaged checkpoint left out.*last-00002"):
        model, state = folder.load_checkpoint("last")
    assert value_of(model) == 1.0 and state == {"epoch": 1}


def test_all_damaged(folder):
    for epoch in (1, 2):
        folder.save_checkpoint(make_model(epoch), "last", {"epoch": epoch}, keep=2)
    damage(folder, "last-00001")
    (folder.path / "checkpoints" / "last-00002" / "state.json").write_text("{")
    with pytest.raises(CheckpointError, match=r"last-00002: .*last-00001: .*Received: run='.*one'"):
        folder.load_checkpoint("last")


def test_no_checkpoint_at_all(folder):
    with pytest.raises(CheckpointError, match=r"holds no checkpoint `best-\*`.*Received: run="):
        folder.load_checkpoint("best")


def test_a_torn_line_is_left_out(folder):
    folder.append_metrics({"epoch": 1, "loss": 0.5})
    with open(folder.path / "metrics.jsonl", "a") as file:
        file.write('{"epoch": 2, "lo')  # as a killed process leaves it
    assert [line["epoch"] for line in folder.metrics()] == [1]
    folder.append_metrics({"epoch": 2, "loss": 0.25})
    assert folder.metrics() == [{"epoch": 1, "loss": 0.5}, {"epoch": 2, "loss": 0.25}]


def test_metrics(folder):
    lines = [{"epoch": 1, "loss": 0.5}, {"epoch": 2, "loss": 0.25}]
    for line in lines:
        folder.append_metrics(line)
    assert folder.metrics() == lines
    written = (folder.path / "metrics.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line) for line in written] == lines


def test_of_an_epoch_trained_twice_the_later_line_counts(folder):
    for epoch, loss in ((1, 0.5), (2, 0.4), (2, 0.3), (3, 0.2)):
        folder.append_metrics({"epoch": epoch, "loss": loss})
    assert [(line["epoch"], line["loss"]) for line in folder.metrics()] == [(1, 0.5), (2, 0.3), (3, 0.2)]
