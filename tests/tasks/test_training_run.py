"""The training that tasks share, on a task without a tokenizer: a line fitted to points."""

import json
import types

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_attn.tasks import Pretraining
from keras_attn.tasks.training_run import TrainingRun
from keras_attn.training import DivergenceError, RunFolder, RunInUseError, RunRecorder
from keras_attn.training.run_folder import replace_text

ROWS = np.random.default_rng(3).normal(size=(12, 3)).astype("float32")
LABELS = ROWS @ np.array([[1.0], [-2.0], [0.5]], "float32")
DESCRIBED = {"rows": 12}


class Batches:
    """All rows, three at a time."""

    target_tokens, epoch = 12, 0

    def __len__(self):
        return 4

    def as_dataset(self):
        return tf.data.Dataset.from_tensor_slices((ROWS, LABELS)).batch(3)


def fit(task, run, monitor="val_loss", described=DESCRIBED, **how):
    """Trains, and returns the best epoch's line."""
    with TrainingRun(task, run, described, monitor, **how) as training:
        inputs = keras.Input((3,))
        task.model = keras.Model(inputs, keras.layers.Dense(1)(inputs))
        task.model.compile(keras.optimizers.SGD(0.1), "mse")
        training.start([[0.0, 0.0, 0.0]])
        training.fit(Batches(), Batches(), dict)
        task.model = training.best_model()
        return training.report(["What the task says."])


@pytest.fixture
def run(tmp_path):
    return tmp_path / "run"


def test_a_run_and_its_resumption_are_one_run(run, tmp_path):
    whole, part = Pretraining(epochs=3), Pretraining(epochs=2)
    best = fit(whole, tmp_path / "whole", deterministic=True)
    fit(part, run, deterministic=True)
    assert [line["epoch"] for line in RunFolder(run).metrics()] == [1, 2]
    resumed = Pretraining(epochs=3)
    assert fit(resumed, run, resume=True)["val_loss"] == best["val_loss"]
    for weights, expected in zip(resumed.model.get_weights(), whole.model.get_weights(), strict=True):
        np.testing.assert_array_equal(weights, expected)
    folder = RunFolder(run)
    assert folder.config()["rows"] == 12 and folder.examples() == [[0.0, 0.0, 0.0]] and resumed.run.path == run
    report = (run / "report.md").read_text("utf-8")
    assert report.startswith("# Pretraining, preset tiny") and "What the task says." in report and "fit(...," in report
    assert not folder.tokenizer_path.exists() and Pretraining.load(run).tokenizer is None


def test_a_metric_is_better_when_larger_unless_said(run, tmp_path):
    kept = {}
    for mode in (None, "min"):
        scores = iter([1.0, 3.0, 2.0])
        folder = tmp_path / f"{mode}"
        with TrainingRun(task := Pretraining(epochs=3), folder, DESCRIBED, "score", mode) as training:
            inputs = keras.Input((3,))
            task.model = keras.Model(inputs, keras.layers.Dense(1)(inputs))
            task.model.compile("sgd", "mse")
            training.start([])
            training.fit(Batches(), Batches(), lambda scores=scores: {"score": next(scores)})
            kept[mode] = training.report()["epoch"]
    assert kept == {None: 2, "min": 1}


def test_after_an_error_the_task_is_what_it_was(run):
    task = Pretraining(epochs=1)
    task.model = before = object()
    with pytest.raises(KeyError):
        fit(task, run, monitor="accuracy")  # which no validation gives
    assert task.model is before and task.run is None


def test_what_cannot_be_resumed_is_refused_and_leaves_the_folder_free(run):
    fit(Pretraining(epochs=1), run)
    with pytest.raises(FileExistsError, match="already holds a run"):
        fit(Pretraining(epochs=1), run)
    with pytest.raises(ValueError, match=r"other data \(rows: 12\)"):
        fit(Pretraining(epochs=1), run, resume=True, described={"rows": 13})
    with RunFolder(run).lock(), pytest.raises(RunInUseError):
        fit(Pretraining(epochs=1), run, resume=True)
    fit(Pretraining(epochs=2), run, resume=True)  # no lock was left behind


def test_a_report_tells_of_a_divergence(run, monkeypatch):
    def diverge(*_, **__):
        raise DivergenceError("the loss is nan")

    monkeypatch.setattr("keras_attn.tasks.training_run.resumable_fit", diverge)
    with pytest.raises(DivergenceError):
        fit(Pretraining(epochs=1), run)
    assert (run / "report.md").is_file()


def test_a_report_that_cannot_be_written_is_a_warning(run, monkeypatch):
    def full(path, text):
        if path.name == "report.md":
            raise OSError("no space left")
        replace_text(path, text)

    monkeypatch.setattr("keras_attn.training.report.replace_text", full)
    with pytest.warns(UserWarning, match="no space left"):
        assert fit(Pretraining(epochs=1), run)["epoch"] == 1


def test_a_missing_tensorboard_is_told_before_anything_is_written(run, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    for tool in ("tensorboard", "wandb"):
        with pytest.raises(RuntimeError, match=rf"pip install 'keras_attn\[{tool}\]'"):
            fit(Pretraining(epochs=1), run, **{tool: True})
    assert not run.exists()


def test_minutes_that_are_over_train_no_further(run, monkeypatch):
    fit(Pretraining(epochs=1), run)
    state = json.loads(next(run.glob("checkpoints/last-*/state.json")).read_text("utf-8"))
    monkeypatch.setattr(RunRecorder, "on_train_begin", lambda *_: pytest.fail("trained"))
    fit(Pretraining(epochs=5), run, resume=True, max_minutes=state["seconds"] / 120)


def test_workers_with_other_data_are_refused(run):
    """As if the chief had told of its own."""
    training = TrainingRun(task := Pretraining(epochs=1), run, DESCRIBED, "val_loss")
    training.workers = types.SimpleNamespace(count=2, index=1)
    config = task.config(**DESCRIBED)
    training._check_same(config)
    with pytest.raises(ValueError, match=r"same data: .* Received: worker=1, rows=12, the chief's 13"):
        training._check_same({**config, "rows": 13})
