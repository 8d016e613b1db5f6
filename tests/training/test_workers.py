"""One process alone, and what TF_CONFIG says."""

import json

import pytest

from keras_attn.training import OneWorker
from keras_attn.training.workers import cluster_task

TWO = ["a:1", "b:2"]


def test_a_process_alone_asks_nobody():
    worker = OneWorker()
    assert worker.is_chief and worker.share(lambda: 3) == 3
    assert worker.agree([True, False, True]) == [True, False, True] and worker.agree_at_once(True)
    with worker.scope(), worker.watch():
        pass
    with pytest.raises(KeyError):
        worker.share(lambda: {}["missing"])


@pytest.mark.parametrize(
    ("cluster", "task", "wanted"),
    [
        ({}, {}, (0, 1)),
        ({"chief": ["a:1"]}, {"type": "chief", "index": 0}, (0, 1)),
        ({"worker": TWO}, {"type": "worker", "index": 1}, (1, 2)),
        ({"worker": TWO}, {"type": "worker", "index": "0"}, (0, 2)),
        ({"chief": ["c:3"], "worker": TWO}, {"type": "chief", "index": 0}, (0, 3)),
        ({"chief": ["c:3"], "worker": TWO}, {"type": "worker", "index": 1}, (2, 3)),
    ],
)
def test_tf_config_says_which_process_this_is(cluster, task, wanted, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": cluster, "task": task}))
    assert cluster_task() == wanted


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        json.dumps({"cluster": {"worker": TWO}}),
        json.dumps({"cluster": {"worker": TWO}, "task": {"type": "worker", "index": 2}}),
        json.dumps({"cluster": {"worker": TWO, "ps": ["d:4"]}, "task": {"type": "worker", "index": 0}}),
        json.dumps({"cluster": {"worker": TWO}, "task": {"type": "evaluator", "index": 0}}),
    ],
)
def test_a_malformed_tf_config_is_refused(text, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(ValueError, match=r"TF_CONFIG must read .* Received: TF_CONFIG="):
        cluster_task()
