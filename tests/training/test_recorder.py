"""What a run records and when it stops, told by scripted metrics, a clock of our own and NumPy."""

import json
import types

import keras
import numpy as np
import pytest

from keras_attn.training import RunFolder, RunRecorder
from keras_attn.training.loss_watch import BadLossError
from keras_attn.training.recorder import averaged_weights

ROWS = np.random.default_rng(3).normal(size=(12, 3)).astype("float32")
LABELS = ROWS @ np.array([[1.0], [-2.0], [0.5]], "float32") + 0.3
STEPS = 4  # of an epoch, with batches of 3


class Batches(keras.utils.PyDataset):
    """The rows in a fixed order; they note the epochs they are told."""

    target_tokens = 12

    def __init__(self):
        super().__init__()
        self.told = []

    epoch = property(fset=lambda self, epoch: self.told.append(epoch))

    def __len__(self):
        return STEPS

    def __getitem__(self, index):
        return ROWS[3 * index : 3 * index + 3], LABELS[3 * index : 3 * index + 3]


class Probe(keras.callbacks.Callback):
    """Keeps the weights after each step and after each epoch, and may do something before a step."""

    def __init__(self, before_step=None):
        super().__init__()
        self.before_step, self.steps, self.epochs = before_step, [], []

    def on_train_batch_begin(self, batch, logs=None):
        if self.before_step:
            self.before_step(len(self.steps))

    def on_train_batch_end(self, batch, logs=None):
        self.steps.append(self.model.get_weights())

    def on_epoch_end(self, epoch, logs=None):
        self.epochs.append(self.model.get_weights())


def make_model(**optimizer):
    keras.utils.set_random_seed(5)
    inputs = keras.Input((3,))
    outputs = keras.layers.Dense(1)(keras.layers.Dense(4, activation="tanh")(inputs))
    model = keras.Model(inputs, outputs)
    model.compile(keras.optimizers.Adam(0.05, **optimizer), "mse", run_eagerly=True)
    return model


@pytest.fixture
def folder(tmp_path):
    folder = RunFolder(tmp_path / "run")
    folder.create({"task": "test"})
    return folder


def train(folder, epochs, values=None, model=None, probe=None, state=None, **arguments):
    """Trains with a recorder whose metric `score` takes the values one after the other; gives model and recorder."""
    model = model or make_model()
    scripted = iter(values or [])
    evaluate = (lambda: {"score": next(scripted)}) if values else dict
    monitor = {"monitor": "score"} if values else {"monitor": "val_loss", "mode": "min"}
    batches = Batches()
    recorder = RunRecorder(folder, batches, Batches(), evaluate, **{**monitor, "state": state, **arguments})
    callbacks = [recorder, probe or Probe()]
    first = state["epoch"] if state else 0
    model.fit(batches, epochs=epochs, initial_epoch=first, shuffle=False, verbose=0, callbacks=callbacks)
    return model, recorder


def names(folder, kind):
    return [path.name for path in folder.checkpoints(kind)]


@pytest.mark.parametrize(
    ("mode", "best_epoch", "best"), [("max", 2, 0.5), ("min", 3, 0.1)], ids=["the highest", "the lowest"]
)
def test_the_best_epoch_is_kept(folder, mode, best_epoch, best):
    probe = Probe()
    _, recorder = train(folder, 4, [0.3, 0.5, 0.1, 0.4], mode=mode, probe=probe)
    assert (recorder.state["best_epoch"], recorder.state["best"]) == (best_epoch, best)
    assert names(folder, "best") == ["best-00001", f"best-{best_epoch:05d}"]  # the newest, and one to fall back on
    assert names(folder, "last") == ["last-00003", "last-00004"]
    model, state = folder.load_checkpoint("best")
    assert state["epoch"] == state["best_epoch"] == best_epoch
    for weight, expected in zip(model.get_weights(), probe.epochs[best_epoch - 1], strict=True):
        np.testing.assert_array_equal(weight, expected)


def test_of_equally_good_epochs_the_one_with_the_lowest_loss_is_kept(folder):
    _, recorder = train(folder, 4, [0.5, 0.5, 0.5, 0.1], mode="max")
    losses = [line["val_loss"] for line in folder.metrics()[:3]]
    assert recorder.state["best_epoch"] == 1 + int(np.argmin(losses)) and len(set(losses)) == 3


def test_a_line_an_epoch(folder):
    model, recorder = train(folder, 3, [0.1, 0.2, 0.3])
    assert recorder.batches.told == [0, 1, 2]
    lines = folder.metrics()
    assert [(line["epoch"], line["step"], line["score"]) for line in lines] == [(1, 4, 0.1), (2, 8, 0.2), (3, 12, 0.3)]
    expected = float(np.mean((model.predict(ROWS, verbose=0) - LABELS) ** 2))
    assert lines[-1]["val_loss"] == pytest.approx(expected, rel=1e-5)
    assert lines[-1]["learning_rate"] == 0.05 and lines[-1]["gradient_norm"] > 0
    assert all(line["tokens_per_second"] > 0 and line["memory_gb"] > 0 and line["loss"] > 0 for line in lines)


@pytest.mark.parametrize(
    ("values", "patience", "epochs"),
    [
        ([0.5, 0.4, 0.3, 0.2, 0.1], 2, 3),
        ([0.1, 0.2, 0.1, 0.3, 0.3, 0.3], 2, 6),  # an equal one is no better one
        ([0.5, 0.4, 0.3, 0.2], None, 4),
    ],
)
def test_patience(folder, values, patience, epochs):
    train(folder, len(values), values, patience=patience)
    assert len(folder.metrics()) == epochs


@pytest.mark.parametrize(("before", "steps", "epochs"), [(0.0, 5, 2), (18.0, 2, 1)])
def test_minutes(folder, monkeypatch, before, steps, epochs):
    """Each step takes 6 seconds and the limit is 30, those of earlier sittings counted."""
    clock = types.SimpleNamespace(now=100.0)
    clock.monotonic = lambda: clock.now

    def pass_time(_):
        clock.now += 6.0

    monkeypatch.setattr("keras_attn.training.recorder.time", clock)
    state = {"epoch": 0, "step": 0, "seconds": before, "best": None, "best_epoch": 0}
    train(folder, 9, [0.1] * 9, probe=Probe(pass_time), state=state, max_minutes=0.5)
    lines = folder.metrics()
    assert (len(lines), lines[-1]["step"], lines[-1]["minutes"]) == (epochs, steps, 0.5)
    assert folder.load_checkpoint("last")[1]["seconds"] == 30.0


def moving_average(steps, momentum):
    average = [np.asarray(weight, "float64") for weight in steps[0]]
    for weights in steps[1:]:
        average = [momentum * old + (1 - momentum) * new for old, new in zip(average, weights, strict=True)]
    return average


def test_averaged_weights_are_validated_kept_and_put_back(folder):
    seen, probe = [], Probe()
    model = make_model(use_ema=True, ema_momentum=0.8)

    def evaluate():
        seen.append(model.get_weights())
        return {"score": len(seen)}

    recorder = RunRecorder(folder, Batches(), Batches(), evaluate, "score")
    model.fit(Batches(), epochs=3, shuffle=False, verbose=0, callbacks=[recorder, probe])
    for epoch in (1, 2, 3):
        trained, averaged = probe.steps[epoch * STEPS - 1], moving_average(probe.steps[: epoch * STEPS], 0.8)
        for raw, after, average, used in zip(trained, probe.epochs[epoch - 1], averaged, seen[epoch - 1], strict=True):
            np.testing.assert_array_equal(after, raw)
            np.testing.assert_allclose(used, average, atol=1e-6)
            assert np.abs(average - raw).max() > 1e-3
    best, last = (folder.load_checkpoint(kind)[0] for kind in ("best", "last"))
    for weight, expected in zip(best.get_weights(), seen[-1], strict=True):
        np.testing.assert_array_equal(weight, expected)
    for weight, expected in zip(last.get_weights(), probe.steps[-1], strict=True):
        np.testing.assert_array_equal(weight, expected)
    expected = float(np.mean((best.predict(ROWS, verbose=0) - LABELS) ** 2))
    assert folder.metrics()[-1]["val_loss"] == pytest.approx(expected, rel=1e-5)


def test_weights_are_put_back_after_a_failure():
    model = make_model(use_ema=True, ema_momentum=0.8)
    model.fit(ROWS, LABELS, batch_size=3, verbose=0)
    model.set_weights([weight + 1 for weight in model.get_weights()])
    before = model.get_weights()
    with pytest.raises(KeyboardInterrupt), averaged_weights(model):
        assert np.abs(model.get_weights()[0] - before[0]).min() > 0.5
        raise KeyboardInterrupt
    for weight, expected in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, expected)


def test_weights_that_broke_are_not_kept(folder):
    model = make_model()

    def break_weights(steps_done):
        if steps_done == STEPS + 1:
            model.set_weights([np.full_like(weight, np.nan) for weight in model.get_weights()])

    with pytest.raises(BadLossError, match="the loss is nan"):
        train(folder, 5, [0.1, 0.2, 0.3, 0.4, 0.5], model=model, probe=Probe(break_weights))
    assert [line["epoch"] for line in folder.metrics()] == [1]
    assert names(folder, "last") == ["last-00000", "last-00001"] and names(folder, "best") == ["best-00001"]
    for kind in ("last", "best"):
        assert all(np.isfinite(weight).all() for weight in folder.load_checkpoint(kind)[0].get_weights())


@pytest.mark.parametrize("checkpoint_minutes", [None, 1e-9], ids=["at the validation", "at a checkpoint"])
def test_weights_that_broke_after_their_last_loss_are_not_kept(folder, checkpoint_minutes):
    """The loss of a step is that of the weights before it."""
    model = make_model()
    break_weights = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: (
            model.set_weights([np.full_like(w, np.nan) for w in model.get_weights()]) if batch == STEPS - 1 else None
        )
    )
    arguments = {"mode": "min", "checkpoint_minutes": checkpoint_minutes}
    recorder = RunRecorder(folder, Batches(), Batches(), dict, "val_loss", **arguments)
    with pytest.raises(BadLossError, match="a weight is no number" if checkpoint_minutes else "the validation's nan"):
        model.fit(Batches(), epochs=3, shuffle=False, verbose=0, callbacks=[break_weights, recorder])
    assert folder.metrics() == names(folder, "best") == []
    saved = ["last-00000-000002", "last-00000-000003"] if checkpoint_minutes else ["last-00000"]
    assert names(folder, "last") == saved


def test_interrupted_and_resumed_is_as_if_in_one_go(folder, tmp_path):
    straight = RunFolder(tmp_path / "straight")
    straight.create({"task": "test"})
    ema = {"use_ema": True, "ema_momentum": 0.8}
    expected, _ = train(straight, 4, model=make_model(**ema))

    def interrupt(steps_done):
        if steps_done == 2 * STEPS + 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(folder, 4, model=make_model(**ema), probe=Probe(interrupt))
    assert len(folder.metrics()) == 2
    model, state = folder.load_checkpoint("last")
    assert (state["epoch"], state["step"]) == (2, 2 * STEPS) and int(model.optimizer.iterations) == 2 * STEPS
    resumed, recorder = train(folder, 4, model=model, state=state)

    assert int(resumed.optimizer.iterations) == int(expected.optimizer.iterations) == 4 * STEPS
    lines = [json.loads(line) for line in (folder.path / "metrics.jsonl").read_text("utf-8").splitlines()]
    assert len(lines) == 4 and recorder.state["seconds"] > state["seconds"]
    for line, whole in zip(lines, straight.metrics(), strict=True):
        assert (line["epoch"], line["step"]) == (whole["epoch"], whole["step"]) and line.keys() == whole.keys()
        for name in ("loss", "val_loss"):
            assert line[name] == pytest.approx(whole[name], abs=1e-5)
    for weight, other in zip(resumed.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_allclose(weight, other, atol=1e-5)
    assert names(folder, "best") == names(straight, "best")


def test_an_unknown_mode(folder):
    with pytest.raises(ValueError, match="Received: mode='highest'"):
        RunRecorder(folder, Batches(), Batches(), dict, "score", mode="highest")
