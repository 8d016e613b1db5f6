"""Every task trains on many devices to the numbers of one: its batches, weights, losses and what its epochs note."""

import shutil

import numpy as np
import pytest

from keras_attn.tasks.registry import TASKS
from keras_attn.training import RunFolder
from tests.tasks.spread_cases import CASES, numbers, train, train_all
from tests.training.worker_processes import run_workers

QUICK = ("classification", "forecasting", "tagging")
MANY = {"strategy": "multiworker"}


def assert_alike(found, wanted):
    assert len(found) == len(wanted) > 0
    for one, other in zip(found, wanted, strict=True):
        assert one.keys() == other.keys() >= {"loss", "val_loss", "gradient_norm"}
        for name, value in other.items():
            np.testing.assert_allclose(one[name], value, rtol=1e-5, atol=1e-5, err_msg=name)


@pytest.fixture(scope="module")
def two_devices(tmp_path_factory):
    """An epoch of each quick case on one of two logical devices, and on both; trained one after another."""
    arguments = QUICK, ("single", "mirrored"), tmp_path_factory.mktemp("devices")
    (found,) = run_workers(train_all, 1, arguments, devices=2)
    return found


@pytest.mark.parametrize("name", QUICK)
def test_multiworker_a_task_on_two_logical_devices_learns_what_it_does_on_one(name, two_devices):
    assert_alike(two_devices[name]["mirrored"], two_devices[name]["single"])


def test_every_task_is_tried():
    assert {case.__name__.partition("_")[0] for case in CASES.values()} | {"translation"} == set(TASKS)


@pytest.mark.long
@pytest.mark.parametrize("name", CASES)
def test_multiworker_a_task_in_two_processes_learns_what_it_does_in_one(name, tmp_path):
    if name == "classification_from_run":
        run_workers(train, 1, ("pretraining", tmp_path, tmp_path / "language", {}))
    alone, many = tmp_path / "alone", tmp_path / "many"
    (wanted,) = run_workers(train, 1, (name, tmp_path, alone, {}))
    chief, other = run_workers(train, 2, (name, tmp_path, many, MANY))
    assert_alike(numbers(many), numbers(alone))
    assert chief[0].keys() == other[0].keys() == wanted[0].keys()
    for one, same in zip(chief[1], other[1], strict=True):
        np.testing.assert_array_equal(one, same)


@pytest.mark.long
@pytest.mark.parametrize("name", ["classification_from_run", "signal_chosen"])
def test_multiworker_a_job_goes_on_by_what_the_chief_has(name, tmp_path):
    """The others have neither the folder that a classifier began with, nor what a cross-validation chose."""
    run_workers(train, 1, ("pretraining", tmp_path, tmp_path / "language", {}))
    alone, many = tmp_path / "alone", tmp_path / "many"
    run_workers(train, 1, (name, tmp_path, alone, {}))
    run_workers(train, 2, (name, tmp_path, many, {**MANY, "max_minutes": 1e-6}))
    assert RunFolder(many).load_checkpoint("last")[1]["epoch"] == 0
    shutil.rmtree(tmp_path / "language")
    run_workers(train, 2, (name, tmp_path, many, {**MANY, "resume": True}))
    assert_alike(numbers(many)[-1:], numbers(alone)[-1:])
