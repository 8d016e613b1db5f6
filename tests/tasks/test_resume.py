"""A training that was killed goes on as if nothing had happened; real processes, real signals."""

import random
import signal
import time

import numpy as np
import pytest

from keras_attn.training import RunFolder
from tests.tasks.killed_runs import start, wait_for_steps

STEPS = 12 * 3  # of a whole run
RNN = {"architecture": "rnn", "cell": "gru", "attention": "general"}


def finished(process, exit_code=0):
    process.join()
    assert process.exitcode == exit_code
    return process


def everything_of(run):
    """All that a finished run has learnt: the last state with its optimizer, and the weights of the best epoch."""
    folder = RunFolder(run)
    (last, state), (best, _) = (folder.load_checkpoint(kind) for kind in ("last", "best"))
    state.pop("seconds")
    arrays = [*last.get_weights(), *(variable.numpy() for variable in last.optimizer.variables), *best.get_weights()]
    losses = [(line["epoch"], line["step"], line["loss"], line["val_loss"]) for line in folder.metrics()]
    return arrays, state, losses


def assert_same(run, undisturbed):
    (arrays, *rest), (expected, *others) = everything_of(run), undisturbed
    assert rest == others
    for array, wanted in zip(arrays, expected, strict=True):
        np.testing.assert_array_equal(array, wanted)


def kill_at(run, step, **arguments):
    """Starts or resumes a run and kills it within the step after the given one, or while that is being saved."""
    process = start(run, **arguments)
    wait_for_steps(process, run, step)
    time.sleep(random.random() * 0.1)
    process.kill()
    finished(process, -signal.SIGKILL)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    run = tmp_path_factory.mktemp("undisturbed") / "run"
    finished(start(run, {"checkpoint_minutes": 5.0}, deterministic=True))
    arrays, state, losses = everything_of(run)
    assert state["step"] == STEPS and [line[:2] for line in losses] == [(1, 12), (2, 24), (3, 36)]
    return arrays, state, losses


def test_killed_three_times_it_ends_with_the_same_bits(undisturbed, tmp_path):
    """Dropout, averaging and shuffling on, and a checkpoint after every step."""
    random.seed(4)
    for step in sorted(random.sample(range(1, STEPS - 2), 3)):
        kill_at(tmp_path / "run", step, deterministic=True)
    assert RunFolder(tmp_path / "run").checkpoints("last")[-1].name.count("-") == 2  # within an epoch
    finished(start(tmp_path / "run"))  # of itself as deterministic as it began
    assert_same(tmp_path / "run", undisturbed)
