"""What counts as a diverging loss, on scripted losses handed over as Keras does: as the epoch's running mean."""

import math

import numpy as np
import pytest

from keras_attn.training import LossWatch
from keras_attn.training.loss_watch import BadLossError

STEPS = np.arange(600)
GENERATOR = np.random.default_rng(2)
NOISE = GENERATOR.normal(size=600)


def judge(losses, epoch=100, watch=None):
    """The step at which a watch raises the alarm, or None."""
    watch = watch or LossWatch()
    total = 0.0
    for step, loss in enumerate(losses):
        batch = step % epoch + 1
        total = loss if batch == 1 else total + loss
        try:
            watch.check(total / batch, batch)
        except BadLossError:
            return step
    return None


HEALTHY = {
    "a Transformer": 2 + 7 * np.exp(-STEPS / 150) + 0.3 * NOISE,
    "one that overfits no more": 0.01 * (1 + 0.5 * NOISE) + 5 * np.exp(-STEPS / 20),
    "a rough warm-up": 9 + 6 * np.exp(-(((STEPS - 80) / 40) ** 2)) - 0.005 * STEPS + 0.3 * NOISE,
    "spikes": 2 + 7 * np.exp(-STEPS / 100) + 40 * (STEPS % 150 == 149),
    "fine tuning that rises first": 1.5 + 0.6 * np.exp(-(((STEPS - 150) / 60) ** 2)) + 0.1 * NOISE,
    "a likelihood below zero": -3 + 4.4 * np.exp(-STEPS / 100) + 0.5 * NOISE,
    "nothing learnt": 1 + 0.3 * NOISE,
}
DIVERGING = {
    "an explosion": np.where(STEPS < 300, 2 + 7 * np.exp(-STEPS / 100), 2 + 0.5 * np.maximum(STEPS - 300, 0)),
    "back to guessing": np.where(STEPS < 300, 2 + 7 * np.exp(-STEPS / 100), 6.5 + 0.3 * NOISE),
    "a likelihood below zero": np.where(STEPS < 300, -3 + 4.4 * np.exp(-STEPS / 100), 0.5),
    "from the second step on": np.where(STEPS < 2, 9, 1e6),
}


@pytest.mark.parametrize("losses", HEALTHY.values(), ids=HEALTHY)
def test_a_healthy_training_is_left_alone(losses):
    assert judge(losses) is None


@pytest.mark.parametrize("losses", DIVERGING.values(), ids=DIVERGING)
def test_a_diverging_one_is_found_within_a_hundred_steps(losses):
    began = 300 if losses[2] < 100 else 2
    assert began < judge(losses) < began + 100


@pytest.mark.parametrize("loss", [math.nan, math.inf, -math.inf])
def test_no_number(loss):
    assert judge([2.0, 1.9, loss]) == 2


def test_it_goes_on_from_its_state():
    losses = DIVERGING["back to guessing"]
    watch = LossWatch()
    assert judge(losses[:250], watch=watch) is None
    state = dict(watch.state)
    assert 250 + judge(losses[250:], epoch=1000, watch=LossWatch(state)) == judge(losses)
    assert watch.state == state  # it keeps its own
