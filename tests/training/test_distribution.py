"""Which strategy is taken, and what processes tell each other; what they train is in test_keras_distribution.py."""

import re
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from keras_attn.training import OneWorker, WorkerLostError, Workers, find_workers
from tests.training.distributed_cases import conversation
from tests.training.worker_processes import run_workers


def test_multiworker_processes_tell_each_other_what_the_chief_knows():
    chief, other = run_workers(conversation, 2)
    assert (chief["place"], other["place"]) == ((0, 2), (1, 2))
    assert chief["shared"] == other["shared"] == {"of": 0}
    assert chief["error"] == "KeyError: 'missing'"
    assert other["error"] == "RuntimeError: The chief could not go on. KeyError: 'missing'. Received: worker=1"
    assert chief["any"] == other["any"] == [False, True]
    np.testing.assert_array_equal(chief["weights"], other["weights"])
    assert chief["seed"][0] != other["seed"][0] and chief["seed"][1] == other["seed"][1]


def test_a_strategy_is_chosen_by_what_there_is(monkeypatch):
    assert type(find_workers("auto")) is type(find_workers("single")) is OneWorker
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["first", "second"])
    assert isinstance(find_workers("auto"), Workers)
    ours = find_workers(tf.distribute.OneDeviceStrategy("CPU:0"))
    assert ours.count == 1 and ours.share(lambda: 5) == 5 and ours.agree([True] * 3) == [True] * 3


def test_what_cannot_be_is_refused(monkeypatch):
    with pytest.raises(ValueError, match=r"one of auto, single, mirrored, multiworker, tpu\. Received: strategy='gpu'"):
        find_workers("gpu")
    with pytest.raises(ValueError, match=r"TF_CONFIG, which is not set.* Received: strategy='multiworker'"):
        find_workers("multiworker")
    monkeypatch.setenv("TF_CONFIG", '{"cluster": {"worker": ["a:1", "b:2"]}, "task": {"type": "worker", "index": 0}}')
    tf.constant(1.0)
    with pytest.raises(RuntimeError, match="must meet before TensorFlow computes anything"):
        find_workers("multiworker")


def test_only_of_many_workers_one_is_lost():
    alone = Workers(tf.distribute.OneDeviceStrategy("CPU:0"))
    gone = tf.errors.UnavailableError(None, None, "Connection reset by peer\nmore")
    with pytest.raises(tf.errors.UnavailableError), alone.watch():
        raise gone
    alone.count = 2
    with (
        pytest.raises(WorkerLostError, match=r"worker 0 cannot go on alone.*: Connection reset by peer$"),
        alone.watch(),
    ):
        raise gone


def test_a_tpu_is_looked_for_where_its_name_says(monkeypatch):
    """As far as that goes without one."""
    asked = []

    def look_up(*arguments):
        asked.append(arguments)
        raise ValueError("no TPU here")

    monkeypatch.setattr(tf.distribute.cluster_resolver, "TPUClusterResolver", look_up)
    monkeypatch.setenv("TPU_NAME", "ours")
    for name in ("tpu", "auto"):
        with pytest.raises(ValueError, match="no TPU here"):
            find_workers(name)
    assert asked == [(), ()]


def test_the_block_of_the_page_runs():
    page = Path(__file__).parents[2] / "docs" / "scaling.md"
    (code,) = re.findall(r"^```python\n(.*?)^```", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    names = {"__name__": "scaling"}
    exec(compile(code, str(page), "exec"), names)
    assert names["model"].optimizer.iterations == 2 * len(names["batches"])
