"""A training that was killed goes on as if nothing had happened; real processes, real signals."""

import json
import random
import shlex
import signal
import time

import numpy as np
import pytest

from keras_attn.training import RunFolder
from tests.tasks.killed_runs import SETTINGS, WORDS, start, start_command, wait_for_steps

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


def test_killed_three_times_it_ends_with_the_same_bits(tmp_path):
    """Dropout, averaging and shuffling on, and a checkpoint after every step."""
    undisturbed, run = tmp_path / "undisturbed", tmp_path / "run"
    other = start(undisturbed, {"checkpoint_minutes": 5.0}, deterministic=True)
    random.seed(4)
    for step in sorted(random.sample(range(1, STEPS - 2), 3)):
        kill_at(run, step, deterministic=True)
    assert RunFolder(run).checkpoints("last")[-1].name.count("-") == 2  # within an epoch
    finished(start(run))  # of itself as deterministic as it began
    finished(other)
    expected = everything_of(undisturbed)
    assert expected[1]["step"] == STEPS and [line[:2] for line in expected[2]] == [(1, 12), (2, 24), (3, 36)]
    assert_same(run, expected)


def test_the_command_saves_at_sigterm_and_goes_on(tmp_path):
    """While it runs, a second one in its folder is refused."""
    words = [word for word in WORDS if len(word) > 1]
    for name, lines in (("a", words), ("b", [word[::-1] for word in words])):
        (tmp_path / name).write_text("\n".join(lines) + "\n", "utf-8")
    run, errors = tmp_path / "my run", tmp_path / "errors"
    files = [str(tmp_path / "a"), str(tmp_path / "b")]
    command = ["train", "translation", "--train", *files, "--valid", *files, "--out", str(run)]
    command += ["--set", *(f"{name}={value}" for name, value in (SETTINGS | RNN).items())]
    process = start_command(command, errors)
    wait_for_steps(process, run, 3)
    second = tmp_path / "errors of the second"
    finished(start_command([*command, "--resume"], second), 2)
    assert second.read_text("utf-8").startswith(f"keras-attn: error: Another process trains in {run}.")
    process.terminate()
    finished(process, 143)
    (newest,) = RunFolder(run).checkpoints("last")[-1:]
    told = errors.read_text("utf-8").splitlines()
    assert told[-2:] == [
        f"keras-attn: stopped; saved in {newest}. Go on with:",
        f"  keras-attn {shlex.join([*command, '--resume'])}",
    ]
    state = json.loads((newest / "state.json").read_text("utf-8"))
    finished(start_command([*command, "--resume", "--max-minutes", str(state["seconds"] / 60 + 1e-6)], errors))
    assert RunFolder(run).load_checkpoint("last")[1]["step"] == state["step"] + 1  # time for one step


@pytest.mark.long
@pytest.mark.parametrize("changes", [{}, RNN], ids=["transformer", "rnn"])
def test_killed_at_any_moment_it_ends_with_the_same_bits(changes, tmp_path):
    """Ten moments each of its life, while it starts, saves or validates too."""
    started = time.monotonic()
    finished(start(tmp_path / "undisturbed", changes, deterministic=True))
    whole, expected = time.monotonic() - started, everything_of(tmp_path / "undisturbed")
    moments = random.Random(7)
    for number in range(10):
        run = tmp_path / f"run{number}"
        process = start(run, changes, deterministic=True)
        process.join(moments.uniform(0.3, 1) * whole)
        process.kill()
        process.join()
        finished(start(run, changes, deterministic=True))
        assert_same(run, expected)
