"""A run of several processes: who writes, what happens when one is lost, and that it ends where one process does."""

import json
import os
import signal
import time

import numpy as np
import pytest

from keras_attn.training import RunFolder
from tests.tasks.worker_runs import train
from tests.training.worker_processes import result_of, run_workers, start_workers

FILES = {".lock", "checkpoints", "config.yaml", "examples.json", "learning_curve.png", "metrics.jsonl", "report.md"}


def last_of(run):
    """The last state with the optimizer, and the losses."""
    folder = RunFolder(run)
    model, state = folder.load_checkpoint("last")
    state.pop("seconds")
    losses = [(line["epoch"], line["step"], line["loss"], line["val_loss"]) for line in folder.metrics()]
    return [variable.numpy() for variable in [*model.variables, *model.optimizer.variables]], state, losses


def wait_for_step(run, step):
    for _ in range(2400):
        for path in (run / "checkpoints").glob("last-*"):
            try:
                if json.loads((path / "state.json").read_text("utf-8"))["step"] >= step:
                    return
            except FileNotFoundError:  # a newer one has taken its place
                pass
        time.sleep(0.05)
    raise AssertionError("no checkpoint was written")


@pytest.fixture(scope="module")
def together(tmp_path_factory):
    """A deterministic run of two workers, and what each told."""
    run = tmp_path_factory.mktemp("together") / "run"
    return run, run_workers(train, 2, (run, {}, {"deterministic": True}))


def test_multiworker_only_the_chief_writes_and_all_know_the_same(together):
    run, (chief, other) = together
    assert {path.name for path in run.iterdir()} == FILES | {"tokenizer"}
    assert chief[0] == other[0] and set(chief[0]) == {"val_loss"}
    for one, same in zip(chief[1], other[1], strict=True):
        np.testing.assert_array_equal(one, same)
    assert (chief[2], other[2]) == (False, True)
    assert [line["epoch"] for line in RunFolder(run).metrics()] == [1]


def test_multiworker_one_killed_in_mid_epoch_ends_all_and_the_job_goes_on_to_the_same_weights(together, tmp_path):
    run = tmp_path / "run"
    workers = start_workers(train, 2, (run, {}, {"deterministic": True}))
    try:
        wait_for_step(run, 5)
        os.kill(workers[1][0].pid, signal.SIGKILL)
        started = time.monotonic()
        kind, message, exit_code = result_of(workers[0])
    finally:
        for process, _ in workers:
            process.kill()
    assert kind == "WorkerLostError" and exit_code == 4
    assert message.startswith("Another of the 2 workers is gone, and worker 0 cannot go on alone.")
    assert time.monotonic() - started < 100
    step = RunFolder(run).load_checkpoint("last")[1]["step"]
    run_workers(train, 2, (run, {}, {}))
    (arrays, *rest), (expected, *others) = last_of(run), last_of(together[0])
    assert rest == others and 5 <= step < rest[0]["step"]
    for one, same in zip(arrays, expected, strict=True):
        np.testing.assert_array_equal(one, same)


@pytest.mark.long
def test_multiworker_a_signal_to_one_saves_and_ends_all(tmp_path):
    run = tmp_path / "run"
    workers = start_workers(train, 2, (run, {}, {}))
    try:
        wait_for_step(run, 2)
        os.kill(workers[1][0].pid, signal.SIGTERM)
        ends = [result_of(worker)[0] for worker in workers]
    finally:
        for process, _ in workers:
            process.kill()
    assert ends == ["Terminated", "Terminated"]
    assert RunFolder(run).load_checkpoint("last")[1]["step"] >= 2


@pytest.mark.long
def test_multiworker_an_error_of_the_chief_ends_all(together):
    run, _ = together
    for kind, message, _ in run_workers(train, 2, (run, {"dropout": 0.3}, {})):
        assert kind in ("ValueError", "RuntimeError") and "was started with other settings" in message


@pytest.mark.long
@pytest.mark.parametrize(("count", "devices", "strategy"), [(3, 1, "multiworker"), (1, 2, "mirrored")])
def test_multiworker_a_run_ends_where_one_process_does(count, devices, strategy, tmp_path):
    changes = {"epochs": 2, "dropout": 0.0, "attention_dropout": 0.0, "learning_rate": 0.001, "accumulate": 2}
    run_workers(train, 1, (tmp_path / "alone", changes, {"strategy": "single"}))
    run_workers(train, count, (tmp_path / "many", changes, {"strategy": strategy}), devices)
    (_, _, wanted), (_, _, losses) = last_of(tmp_path / "alone"), last_of(tmp_path / "many")
    np.testing.assert_allclose(losses, wanted, rtol=1e-4)
