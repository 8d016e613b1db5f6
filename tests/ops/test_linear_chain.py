"""Chains against every path, one by one."""

import itertools
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from keras_attn import ops
from tests.layer_checks import normal, numbers

B, T, C = 3, 5, 3
SCORES = normal(B, T, C, C, seed=1) * 2
LENGTHS = (5, 3, 0)
MASK = np.arange(T) < np.array(LENGTHS)[:, None]


def paths(row):
    """All paths of a row with their scores, in float64."""
    scores = SCORES[row].astype("float64")
    for path in itertools.product(range(C), repeat=LENGTHS[row]):
        yield path, sum(scores[t, path[t - 1] if t else 0, path[t]] for t in range(LENGTHS[row]))


def test_the_sum_over_all_paths():
    expected = [np.logaddexp.reduce([score for _, score in paths(row)]) for row in range(B)]
    np.testing.assert_allclose(numbers(ops.chain_log_partition(SCORES, MASK)), expected, rtol=1e-5, atol=1e-6)


def test_the_score_of_each_path():
    for path, score in paths(1):
        states = np.array([[*path, 9, -1]])
        assert float(ops.chain_path_score(SCORES[1:2], states, MASK[1:2])[0]) == pytest.approx(score, abs=1e-5)


def test_the_best_path():
    states, scores = ops.best_chain(SCORES, MASK)
    for row in range(B):
        path, score = max(paths(row), key=lambda pair: pair[1])
        assert numbers(states)[row].tolist() == [*path] + [-1] * (T - LENGTHS[row])
        assert float(scores[row]) == pytest.approx(score, abs=1e-5)


def test_padding_has_no_influence():
    other = np.where(MASK[..., None, None], SCORES, 100 * normal(B, T, C, C, seed=2)).astype("float32")
    np.testing.assert_array_equal(
        numbers(ops.chain_log_partition(SCORES, MASK)), numbers(ops.chain_log_partition(other, MASK))
    )
    np.testing.assert_array_equal(numbers(ops.best_chain(SCORES, MASK)[0]), numbers(ops.best_chain(other, MASK)[0]))


def test_the_gradient_is_how_often_each_step_is_taken():
    scores = tf.constant(SCORES)
    with tf.GradientTape() as tape:
        tape.watch(scores)
        total = ops.chain_log_partition(scores, MASK)
    expected = np.zeros(SCORES.shape)
    for row in range(B):
        every = list(paths(row))
        whole = np.logaddexp.reduce([score for _, score in every])
        for path, score in every:
            for t, state in enumerate(path):
                expected[row, t, path[t - 1] if t else 0, state] += np.exp(score - whole)
    np.testing.assert_allclose(tape.gradient(total, scores).numpy(), expected, atol=1e-5)


def test_in_a_graph_of_unknown_lengths():
    call = tf.function(
        ops.best_chain, input_signature=[tf.TensorSpec([None, None, C, C]), tf.TensorSpec([None, None], tf.bool)]
    )
    for length in (1, T):
        found, expected = (
            call(SCORES[:, :length], MASK[:, :length]),
            ops.best_chain(SCORES[:, :length], MASK[:, :length]),
        )
        np.testing.assert_array_equal(found[0].numpy(), numbers(expected[0]))
    graph = call.get_concrete_function().graph.as_graph_def()
    nodes = [*graph.node, *(node for function in graph.library.function for node in function.node_def)]
    assert not [node.op for node in nodes if node.op.startswith("Xla")]


@pytest.mark.long
def test_on_jax(tmp_path):
    pytest.importorskip("jax")
    np.save(tmp_path / "scores.npy", SCORES)
    code = (
        "import sys, numpy as np, jax\n"
        "from keras_attn import ops\n"
        "scores = np.load(sys.argv[1])\n"
        f"mask = np.arange({T}) < np.array({LENGTHS})[:, None]\n"
        "states, _ = jax.jit(ops.best_chain)(scores, mask)\n"
        "slopes = jax.grad(lambda x: ops.chain_log_partition(x, mask).sum())(scores)\n"
        "print(np.array(states).tolist(), bool(np.allclose(np.asarray(slopes).sum((2, 3)), mask, atol=1e-5)))\n"
        "assert 'tensorflow' not in sys.modules\n"
    )
    root = str(Path(__file__).resolve().parents[2])
    environment = {**os.environ, "KERAS_BACKEND": "jax", "PYTHONPATH": root}
    command = [sys.executable, "-c", code, str(tmp_path / "scores.npy")]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == f"{np.asarray(ops.best_chain(SCORES, MASK)[0]).tolist()} True"
