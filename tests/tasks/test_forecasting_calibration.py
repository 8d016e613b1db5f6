"""Offsets come from the windows of training and validation; they hold for who knows the training by heart, too."""

import types

import numpy as np
import pytest

from keras_attn.tasks.forecasting_answers import answer
from keras_attn.tasks.forecasting_calibration import calibrated_offsets
from keras_attn.tasks.forecasting_data import part_batches
from keras_attn.tasks.forecasting_intervals import conformal_offsets, spread_of

LEVELS = (0.05, 0.5, 0.95)


class Batches:
    """Windows in two batches: a history of noise, and a target that nobody can foresee."""

    def __init__(self, count, size, draw):
        self.history = draw.normal(size=(count, 8, 1)).astype("float32")
        self.targets = (size * draw.normal(size=(count, 8, 1))).astype("float32")
        self.batch_size = count // 2
        self.origins = np.zeros((count, 2))

    def __len__(self):
        return 2

    def __getitem__(self, index):
        rows = slice(index * self.batch_size, (index + 1) * self.batch_size)
        return {"history": self.history[rows]}, self.targets[rows]


class Learnt:
    """Answers with a share of what comes where it learnt, else with 0; its quantiles are of what it saw learning."""

    def __init__(self, training, known, output):
        self.forecaster = types.SimpleNamespace(
            levels=LEVELS, settings=types.SimpleNamespace(output=output, normalize=True, horizon=40)
        )
        self._answers = {x.tobytes(): known * y for x, y in zip(training.history, training.targets, strict=True)}
        self._quantiles = np.quantile((1.0 - known) * training.targets, LEVELS).astype("float32")

    def forecast(self, inputs):
        found = np.stack([self._answers.get(x.tobytes(), np.zeros((8, 1), "float32")) for x in inputs["history"]])
        if self.forecaster.settings.output == "point":
            return found, np.repeat(found[..., None], 3, axis=-1)
        return found, found[..., None] + self._quantiles

    def baseline(self, inputs, name):
        found = np.zeros((len(inputs["history"]), 8, 1), "float32")
        return found, np.repeat(found[..., None], 3, axis=-1)


@pytest.mark.parametrize("output", ["point", "quantile"])
def test_what_was_learnt_by_heart_makes_no_narrow_interval(output):
    draw = np.random.default_rng(0)
    training, validation, test = Batches(700, 1.0, draw), Batches(300, 1.0, draw), Batches(4000, 1.0, draw)
    asked = Learnt(training, 0.8, output)
    offsets = calibrated_offsets(asked, training, validation)
    spread = spread_of(test.history)
    quantiles = asked.forecast({"history": test.history})[1]
    held = {
        name: np.mean((test.targets >= low) & (test.targets <= high))
        for name in ("model", "last")
        for low, _, high in [
            np.moveaxis(
                (quantiles if name == "model" else 0.0) + spread[..., None] * offsets[name].transpose(1, 2, 0), -1, 0
            )
        ]
    }
    assert 0.88 < held["model"] < 0.92, held
    assert 0.88 < held["last"] < 0.92, held


def test_one_part_does_not_decide_alone():
    draw = np.random.default_rng(1)
    calm, wild = Batches(380, 1.0, draw), Batches(380, 3.0, draw)
    found = calibrated_offsets(Learnt(calm, 0.0, "point"), calm, wild)
    both = np.concatenate([part.targets / spread_of(part.history) for part in (calm, wild)])
    np.testing.assert_allclose(found["model"], conformal_offsets(both[..., None], LEVELS), rtol=1e-5)


def test_a_long_validation_needs_no_training_windows():
    draw = np.random.default_rng(2)
    calm, wild = Batches(380, 1.0, draw), Batches(400, 3.0, draw)  # ten horizons
    found = calibrated_offsets(Learnt(calm, 0.0, "point"), calm, wild)
    errors = wild.targets / spread_of(wild.history)
    np.testing.assert_allclose(found["model"], conformal_offsets(errors[..., None], LEVELS), rtol=1e-5)


def test_offsets_of_a_trained_task_are_those_of_its_windows(sales):
    task, data = sales.task, sales.task.read(sales.file)
    kept = task.offsets
    task.use(offsets={})
    parts = [part_batches(data, task.facts, task.settings, part) for part in ("training", "validation")]
    found = calibrated_offsets(task.asked(), *parts)
    errors, seen = [], []
    for batches in parts:
        for index in range(len(batches)):
            inputs, targets, weights = batches[index]
            errors.append((targets - answer(task.asked(), inputs, "last")[0]) / spread_of(inputs["history"]))
            seen.append(weights)
    errors, seen = np.concatenate(errors)[..., None], np.concatenate(seen)
    np.testing.assert_allclose(found["last"], conformal_offsets(errors, task.settings.levels(), seen), atol=1e-4)
    for name, offsets in kept.items():
        np.testing.assert_allclose(found[name], offsets, atol=1e-4)
    task.use(offsets=kept)
