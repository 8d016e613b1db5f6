"""TensorFlow's fused cross-entropy against the plain one and against the definition, gradients included."""

import keras
import numpy as np
import pytest

from keras_attn.ops import crossentropy
from tests import oracle
from tests.layer_checks import normal

if keras.backend.backend() != "tensorflow":
    pytest.skip("these functions exist on the TensorFlow backend only", allow_module_level=True)

import tensorflow as tf

SIZE = 7
LABELS = np.random.default_rng(1).integers(0, SIZE, (3, 5))
UPSTREAM = np.where(np.arange(5) == 2, 0.0, normal(3, 5, seed=2)).astype("float32")  # a column of masked losses


def loss_and_gradient(logits, label_smoothing, implementation, labels=LABELS):
    logits = tf.convert_to_tensor(logits)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = crossentropy(labels, logits, label_smoothing, implementation)
        total = tf.reduce_sum(loss * UPSTREAM)
    return loss, tape.gradient(total, logits)


@pytest.mark.parametrize("label_smoothing", [0.0, 0.1, 1.0])
def test_the_fused_one_equals_the_plain_one_and_the_definition(label_smoothing):
    logits = 3.0 * normal(3, 5, SIZE)
    expected_loss = oracle.crossentropy(LABELS, logits, label_smoothing)
    expected_gradient = oracle.crossentropy_gradient(LABELS, logits, label_smoothing, UPSTREAM)
    for implementation in ("plain", "tensorflow", None):
        loss, gradient = loss_and_gradient(logits, label_smoothing, implementation)
        np.testing.assert_allclose(loss, expected_loss, atol=5e-6)
        np.testing.assert_allclose(gradient, expected_gradient, atol=1e-6)
        assert not gradient.numpy()[:, 2].any()


@pytest.mark.parametrize("label_smoothing", [0.0, 0.1])
def test_bfloat16_logits_get_a_bfloat16_gradient(label_smoothing):
    logits = tf.cast(3.0 * normal(3, 5, SIZE), tf.bfloat16)
    expected = oracle.crossentropy_gradient(LABELS, tf.cast(logits, tf.float32), label_smoothing, UPSTREAM)
    for implementation in ("plain", "tensorflow"):
        loss, gradient = loss_and_gradient(logits, label_smoothing, implementation)
        assert loss.dtype == tf.float32 and gradient.dtype == tf.bfloat16
        np.testing.assert_allclose(tf.cast(gradient, tf.float32), expected, rtol=2**-8, atol=1e-6)


@pytest.mark.parametrize("label_smoothing", [0.0, 0.1])
def test_it_runs_in_a_graph_of_unknown_lengths(label_smoothing):
    @tf.function(input_signature=[tf.TensorSpec((None, None)), tf.TensorSpec((None, None, SIZE))], autograph=False)
    def graph(labels, logits):
        with tf.GradientTape() as tape:
            tape.watch(logits)
            loss = crossentropy(labels, logits, label_smoothing)
        return loss, tape.gradient(loss, logits)

    for shape in ((2, 3), (5, 1)):
        labels, logits = np.random.default_rng(3).integers(0, SIZE, shape), normal(*shape, SIZE)
        loss, gradient = graph(labels.astype("float32"), logits)
        np.testing.assert_allclose(loss, oracle.crossentropy(labels, logits, label_smoothing), atol=5e-6)
        expected = oracle.crossentropy_gradient(labels, logits, label_smoothing)
        np.testing.assert_allclose(gradient, expected, atol=1e-6)
