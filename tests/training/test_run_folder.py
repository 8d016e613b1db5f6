"""A run folder is never half-written, refuses what it would overwrite, and survives damage."""

import json
import shutil
import subprocess
import sys

import keras
import numpy as np
import pytest

from keras_attn.training import CheckpointError, RunFolder, RunInUseError

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


def cut(file):
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


DAMAGE = {"cut": cut, "empty": lambda file: file.write_bytes(b""), "missing": lambda file: file.unlink()}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
@pytest.mark.parametrize("name", ["model.keras", "state.json"])
def test_a_damaged_checkpoint_falls_back_to_the_one_before(folder, name, damage):
    for batch in (0, 7):
        folder.save_checkpoint(make_model(batch + 1), "last", {"epoch": 1, "batch": batch}, keep=2)
    damage(folder.path / "checkpoints" / "last-00001-000007" / name)
    into = make_model(5.0)
    for load in (lambda: folder.load_checkpoint("last"), lambda: (into, folder.restore_checkpoint(into))):
        with pytest.warns(UserWarning, match=r"Damaged checkpoint left out.*last-00001-000007: ."):
            model, state = load()
        assert value_of(model) == 1.0 and state == {"epoch": 1, "batch": 0}


def test_a_folder_where_a_file_should_be_falls_back_too(folder):
    for epoch in (1, 2):
        folder.save_checkpoint(make_model(epoch), "best", {"epoch": epoch}, keep=2)
    shutil.rmtree(folder.checkpoints("best")[-1])
    folder.checkpoints("best")[-1].with_name("best-00002").write_bytes(b"")
    with pytest.warns(UserWarning, match="best-00002"):
        assert folder.load_checkpoint("best")[1] == {"epoch": 1}


def test_checkpoints_within_an_epoch_stand_in_their_order(folder):
    for epoch, batch in ((0, 0), (0, 5), (0, 40), (1, 0), (1, 5)):
        folder.save_checkpoint(make_model(), "last", {"epoch": epoch, "batch": batch}, keep=3)
    assert names(folder, "last") == ["last-00000-000040", "last-00001", "last-00001-000005"]


def test_the_whole_model_comes_back(folder):
    """Weights, optimizer with its averages, and the random numbers, which Keras leaves out of its files."""

    def make(rate):
        inputs = keras.Input((4,))
        hidden = keras.layers.Dropout(0.5)(keras.layers.Dense(8)(inputs))
        model = keras.Model(inputs, keras.layers.Dense(1)(keras.layers.GaussianNoise(0.1)(hidden)))
        model.compile(keras.optimizers.Adam(rate, use_ema=True, ema_momentum=0.8), "mse", jit_compile=False)
        model.optimizer.build(model.trainable_variables)
        return model

    def train(model):
        model.fit(np.ones((8, 4)), np.arange(8.0), batch_size=2, shuffle=False, verbose=0)
        return [variable.numpy() for variable in (*model.variables, *model.optimizer.variables)]

    model = make(0.1)
    train(model)
    folder.save_checkpoint(model, "last", {"epoch": 1})
    expected = train(model)
    loaded, _ = folder.load_checkpoint("last")
    restored = make(0.1)
    assert folder.restore_checkpoint(restored) == {"epoch": 1}
    for other in (loaded, restored):
        for value, wanted in zip(train(other), expected, strict=True):
            np.testing.assert_array_equal(value, wanted)


def test_nothing_is_left_of_a_process_that_was_killed_while_it_saved(folder):
    for name in (".last-00001.partial", ".last-00002.replaced"):
        (folder.path / "checkpoints" / name).mkdir()
    folder.save_checkpoint(make_model(), "last", {"epoch": 3})
    assert [path.name for path in (folder.path / "checkpoints").iterdir()] == ["last-00003"]


def test_all_damaged(folder):
    for epoch in (1, 2):
        folder.save_checkpoint(make_model(epoch), "last", {"epoch": epoch}, keep=2)
    cut(folder.path / "checkpoints" / "last-00001" / "model.keras")
    (folder.path / "checkpoints" / "last-00002" / "state.json").write_text("{")
    with pytest.raises(CheckpointError, match=r"last-00002: .*last-00001: .*Received: run='.*one'"):
        folder.load_checkpoint("last")


def test_no_checkpoint_at_all(folder):
    with pytest.raises(CheckpointError, match=r"holds no checkpoint `best-\*`.*Received: run="):
        folder.load_checkpoint("best")


def test_a_second_run_is_refused(folder):
    with folder.lock():
        message = r"Another process trains in .*Received: run='.*one'"
        with pytest.raises(RunInUseError, match=message), RunFolder(folder.path).lock():
            raise AssertionError("two in one folder")
        assert RunFolder(folder.path).config() == CONFIG  # reading is free
    with RunFolder(folder.path).lock():
        pass


def test_the_lock_dies_with_its_process(folder):
    code = "import sys, time\nfrom keras_attn.training import RunFolder\n"
    code += "with RunFolder(sys.argv[1]).lock():\n    print(flush=True)\n    time.sleep(60)\n"
    process = subprocess.Popen([sys.executable, "-c", code, folder.path], stdout=subprocess.PIPE)
    process.stdout.readline()
    with pytest.raises(RunInUseError), folder.lock():
        raise AssertionError("two in one folder")
    process.kill()
    process.wait()
    with folder.lock():
        pass


def test_a_folder_is_locked_before_its_run_begins(tmp_path):
    folder = RunFolder(tmp_path / "new")
    with folder.lock():
        with pytest.raises(RunInUseError), RunFolder(tmp_path / "new").lock():
            raise AssertionError("two in one folder")
        folder.create(CONFIG)
    assert folder.config() == CONFIG


def test_events_are_no_epochs(folder):
    for line in ({"event": "diverged", "epoch": 1}, {"epoch": 1, "loss": 0.5}):
        folder.append_metrics(line)
    assert folder.metrics() == [{"epoch": 1, "loss": 0.5}] and folder.events() == [{"event": "diverged", "epoch": 1}]


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


def test_examples(tmp_path):
    folder = RunFolder(tmp_path / "run")
    folder.create({"task": "test"})
    assert folder.examples() == []  # of a run that kept none
    folder.write_examples(["ä", "b\nc"])
    assert RunFolder(tmp_path / "run").examples() == ["ä", "b\nc"]
