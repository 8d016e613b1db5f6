"""Many devices end where one does on the same batches: real processes over gRPC, and two logical devices."""

import keras
import numpy as np
import pytest

from keras_attn.training import keras_distribution
from tests.training.distributed_cases import train_all
from tests.training.worker_processes import run_workers

CASES = {
    "tokens": {"case": "tokens", "epochs": 2, "used": True},
    "rows": {"case": "rows"},
    "accumulated": {"case": "tokens", "accumulate": 2},
    "half": {"case": "tokens", "dtype": "mixed_bfloat16"},
}
FEW = {"rows": CASES["rows"]}
TOLERANCE = {"half": 2e-2}  # bfloat16 has 8 bits: gradients are rounded on each device before they are added


@pytest.fixture(scope="module")
def alone():
    (results,) = run_workers(train_all, 1, (CASES, "single", 1))
    return results


@pytest.fixture(scope="module")
def two_workers():
    return run_workers(train_all, 2, (CASES, "multiworker", 2))


@pytest.fixture(scope="module")
def three_workers():
    return run_workers(train_all, 3, (FEW, "multiworker", 3))


@pytest.fixture(scope="module")
def two_devices():
    return run_workers(train_all, 1, (CASES, "mirrored", 2), devices=2)


def assert_alike(found, wanted, tolerance):
    flat, others = keras.tree.flatten_with_path(found), keras.tree.flatten(wanted)
    assert len(flat) == len(others) > 10
    for (path, value), other in zip(flat, others, strict=True):
        np.testing.assert_allclose(value, other, atol=tolerance, rtol=tolerance, err_msg=str(path))


def check(workers, alone):
    for name, wanted in alone.items():
        for results in workers:
            if name in results:
                assert_alike(results[name], wanted, TOLERANCE.get(name, 1e-5))


def test_multiworker_two_processes_end_where_one_does(two_workers, alone):
    check(two_workers, alone)


def test_multiworker_three_processes_end_where_one_does(three_workers, alone):
    check(three_workers, alone)


def test_multiworker_two_logical_devices_end_where_one_does(two_devices, alone):
    check(two_devices, alone)


def test_training_changed_what_it_was_compared_by(alone):
    assert min(results["change"] for results in alone.values()) > 1e-3


def test_untested_versions_of_keras_are_refused(monkeypatch):
    monkeypatch.setattr(keras, "__version__", "3.16.0")
    with pytest.raises(RuntimeError, match=r"Keras 3\.15 alone: .* Received: keras==3\.16\.0"):
        keras_distribution.check_keras()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"steps_per_execution": 2}, r"one step at a time.* Received: steps_per_execution=2"),
        ({"jit_compile": True}, r"XLA does not compile.* jit_compile=True"),
        ({"optimizer": keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD())}, r"Losses are not scaled"),
    ],
)
def test_what_cannot_be_spread_is_refused(changes, message):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile(**{"optimizer": "sgd", "loss": "mse", "jit_compile": False, **changes})
    if "jit_compile" in changes:
        model._jit_compile = True  # which Keras takes back where an earlier test made the process deterministic
    with pytest.raises(ValueError, match=message):
        keras_distribution.distribute(model)
