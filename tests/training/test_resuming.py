"""A begun epoch goes on with its next batch, signals save before they act, and a diverging loss goes back."""

import json
import os
import signal

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_attn.training import (
    DivergenceError,
    InverseSquareRoot,
    RunFolder,
    RunRecorder,
    Terminated,
    resumable_fit,
    resume_from,
)

STEPS = 5  # of an epoch


class Batches:
    """Three rows a batch in an order that depends on the epoch; `served` lists what was asked for."""

    target_tokens = 15

    def __init__(self):
        generator = np.random.default_rng(3)
        self.rows = generator.normal(size=(3 * STEPS, 3)).astype("float32")
        self.labels = self.rows @ np.array([[1.0], [-2.0], [0.5]], "float32") + 0.3
        self.epoch, self.served = 0, []

    def __len__(self):
        return STEPS

    def __iter__(self):
        for batch, rows in enumerate(np.random.default_rng(self.epoch).permutation(3 * STEPS).reshape(STEPS, 3)):
            self.served.append((self.epoch, batch))
            yield self.rows[rows], self.labels[rows]

    def as_dataset(self):
        kinds = tf.TensorSpec((None, 3)), tf.TensorSpec((None, 1))
        dataset = tf.data.Dataset.from_generator(lambda: iter(self), output_signature=kinds)
        return dataset.apply(tf.data.experimental.assert_cardinality(STEPS))


class Act(keras.callbacks.Callback):
    """Calls something with the model before the given steps of a sitting."""

    def __init__(self, **actions):
        super().__init__()
        self.actions, self.steps = {int(name.removeprefix("step_")): do for name, do in actions.items()}, 0

    def on_train_batch_begin(self, batch, logs=None):
        self.steps += 1
        self.actions.get(self.steps, lambda model: None)(self.model)


def make_model(learning_rate=0.05, eager=True):
    keras.utils.set_random_seed(5)
    inputs = keras.Input((3,))
    hidden = keras.layers.Dropout(0.3)(keras.layers.Dense(8, activation="tanh")(inputs))
    model = keras.Model(inputs, keras.layers.Dense(1)(hidden))
    optimizer = keras.optimizers.Adam(learning_rate, use_ema=True, ema_momentum=0.8)
    model.compile(optimizer, "mse", metrics=["mae"], jit_compile=False, run_eagerly=eager)
    optimizer.build(model.trainable_variables)
    return model


@pytest.fixture
def folder(tmp_path):
    folder = RunFolder(tmp_path / "run")
    folder.create({"task": "test"})
    return folder


def train(folder, epochs=3, model=None, act=None, checkpoint_minutes=None):
    """Begins a run or goes on with it, in a model made anew; gives the model and the batches."""
    model, batches = model or make_model(), Batches()
    state = resume_from(folder, model) if folder.checkpoints("last") else None
    validation = Batches().as_dataset().take(1)
    arguments = {"mode": "min", "checkpoint_minutes": checkpoint_minutes, "state": state}
    recorder = RunRecorder(folder, batches, validation, dict, "val_loss", **arguments)
    resumable_fit(model, recorder, batches.as_dataset(), epochs, [act] if act else [])
    return model, batches


def everything(folder):
    model, state = folder.load_checkpoint("last")
    best, _ = folder.load_checkpoint("best")
    weights = [*model.get_weights(), *(variable.numpy() for variable in model.optimizer.variables), *best.get_weights()]
    times = ("minutes", "tokens_per_second", "memory_gb")
    lines = [{name: value for name, value in line.items() if name not in times} for line in folder.metrics()]
    return weights, {**state, "seconds": None}, lines


def assert_same(one, other):
    for weight, wanted in zip(one[0], other[0], strict=True):
        np.testing.assert_array_equal(weight, wanted)
    assert one[1:] == other[1:]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = RunFolder(tmp_path_factory.mktemp("undisturbed") / "run")
    folder.create({"task": "test"})
    train(folder)
    return everything(folder)


def by(number):
    return lambda model: os.kill(os.getpid(), number)


@pytest.mark.parametrize(
    ("number", "error"), [(signal.SIGTERM, Terminated), (signal.SIGINT, KeyboardInterrupt)], ids=["SIGTERM", "Ctrl-C"]
)
@pytest.mark.parametrize("step", [2, STEPS, STEPS + 3])
def test_a_signal_saves_and_the_run_goes_on_with_the_next_batch(folder, undisturbed, number, error, step):
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with pytest.raises(error):
        train(folder, act=Act(**{f"step_{step}": by(number)}))
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == handlers
    state = json.loads((folder.checkpoints("last")[-1] / "state.json").read_text("utf-8"))
    epoch, batch = divmod(step, STEPS)
    expected = (epoch, batch) if batch else (epoch - 1, STEPS)  # and the next sitting validates
    assert (state["epoch"], state["batch"], state["step"]) == (*expected, step)
    _, batches = train(folder)
    remaining = [(epoch, batch) for epoch in range(3) for batch in range(STEPS)][step:]
    assert [place for place in batches.served if place in remaining] == remaining
    assert_same(everything(folder), undisturbed)  # dropout, averages, and the running metrics with them


def test_a_signal_waits_for_no_validation(folder, undisturbed, monkeypatch):
    def interrupted(*_, **__):
        by(signal.SIGTERM)(None)
        raise AssertionError("the validation went on")

    with monkeypatch.context() as patch, pytest.raises(Terminated):
        patch.setattr(keras.Model, "evaluate", interrupted)
        train(folder)
    assert [path.name for path in folder.checkpoints("last")] == ["last-00000", f"last-00000-{STEPS:06d}"]
    assert not folder.metrics()
    train(folder)
    assert_same(everything(folder), undisturbed)


def test_exit_code_of_sigterm():
    assert Terminated().code == 143


def test_a_second_signal_acts_at_once(folder):
    def twice(model):
        by(signal.SIGINT)(model)
        by(signal.SIGINT)(model)

    with pytest.raises(KeyboardInterrupt):
        train(folder, act=Act(step_2=twice))
    assert [path.name for path in folder.checkpoints("last")] == ["last-00000"]


def break_weights(model):
    model.set_weights([np.full_like(weight, np.nan) for weight in model.get_weights()])


@pytest.mark.parametrize("rate", [0.05, InverseSquareRoot(0.05, 10)], ids=["number", "schedule"])
def test_a_diverging_run_goes_back_with_half_the_step(folder, rate):
    model = make_model(rate)
    with pytest.warns(UserWarning, match="At step 7 the loss is nan: back to step 5 with half the learning rate"):
        train(folder, epochs=2, model=model, act=Act(step_7=break_weights))
    assert [line["step"] for line in folder.metrics()] == [5, 10] and np.isfinite(folder.metrics()[-1]["loss"])
    (event,) = folder.events()
    assert (event["step"], event["epoch"], event["problem"]) == (7, 2, "the loss is nan")
    whole = 0.05 if isinstance(rate, float) else float(rate(10))
    assert folder.metrics()[-1]["learning_rate"] == pytest.approx(whole / 2, rel=1e-5)
    # The smaller step is there after a resume too, in a model made anew.
    again = make_model(rate)
    state = resume_from(folder, again)
    assert state["returns"] == 1 and float(again.optimizer.learning_rate) == pytest.approx(whole / 2, rel=1e-5)
    loaded, _ = folder.load_checkpoint("last")
    assert float(loaded.optimizer.learning_rate) == pytest.approx(whole / 2, rel=1e-5)


def test_a_run_that_diverges_for_the_fourth_time_stops(folder):
    """From the second time on it goes back further, and it never loses what was good."""
    act = Act(step_12=break_weights, step_14=break_weights, step_17=break_weights, step_20=break_weights)
    message = r"diverged: at step \d+ the loss is nan.*3 times.*lower learning rate.*Received: learning_rate=0.00625"
    with pytest.warns(UserWarning), pytest.raises(DivergenceError, match=message) as caught:
        train(folder, act=act)
    assert caught.value.exit_code == 3
    assert [event["action"] for event in folder.events()] == [
        "back to step 10 with half the learning rate",
        "back to step 5 with half the learning rate",
        "back to step 5 with half the learning rate",
        "stopped",
    ]
    model, state = folder.load_checkpoint("last")
    assert state["returns"] == 3 and all(np.isfinite(weight).all() for weight in model.get_weights())
    assert folder.metrics()[-1]["epoch"] == 2 and folder.load_checkpoint("best")[1]["epoch"] <= 2


def test_a_step_far_too_large_diverges(folder):
    with pytest.warns(UserWarning, match="the loss has risen to .*with half the"), pytest.raises(DivergenceError):
        train(folder, epochs=11, model=make_model(1e9))
    assert len(folder.events()) == 4


def mean_output(labels, outputs):
    return keras.ops.mean(outputs)


def test_the_smaller_step_is_taken(folder):
    """In a traced step: the gradient of the mean of the outputs is 1, so a step is the learning rate."""
    inputs = keras.Input((3,))
    ones = keras.layers.Lambda(keras.ops.ones_like)(inputs)[:, :1]
    model = keras.Model(inputs, keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")(ones))
    schedule = keras.optimizers.schedules.PiecewiseConstantDecay([1000], [0.25, 0.0])
    model.compile(keras.optimizers.SGD(schedule), mean_output, jit_compile=False)
    model.optimizer.build(model.trainable_variables)
    with pytest.warns(UserWarning, match="back to step 5"):
        train(folder, epochs=2, model=model, act=Act(step_7=break_weights))
    np.testing.assert_allclose(model.get_weights()[0], [[-(5 * 0.25 + 5 * 0.125)]])
