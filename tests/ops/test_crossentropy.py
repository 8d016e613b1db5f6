"""Cross-entropy against the definition: smoothed targets and log-probabilities written out."""

import keras
import numpy as np
import pytest

from keras_attn.ops import crossentropy
from tests import oracle
from tests.layer_checks import normal, numbers

SIZE = 7


def labels_of(shape, dtype="int32"):
    return np.random.default_rng(1).integers(0, SIZE, shape).astype(dtype)


@pytest.mark.parametrize("implementation", [None, "plain"])
@pytest.mark.parametrize("label_smoothing", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("shape", [(5,), (2, 3), (2, 3, 5)])
def test_it_equals_the_definition(shape, label_smoothing, implementation):
    labels, logits = labels_of(shape), 3.0 * normal(*shape, SIZE)
    loss = crossentropy(labels, logits, label_smoothing, implementation)
    assert tuple(loss.shape) == shape and keras.backend.standardize_dtype(loss.dtype) == "float32"
    np.testing.assert_allclose(numbers(loss), oracle.crossentropy(labels, logits, label_smoothing), atol=5e-6)


@pytest.mark.parametrize("implementation", [None, "plain"])
@pytest.mark.parametrize("label_smoothing", [0.0, 0.1])
def test_half_precision_logits_are_summed_in_float32(label_smoothing, implementation):
    labels, logits = labels_of((2, 3)), keras.ops.cast(3.0 * normal(2, 3, SIZE), "bfloat16")
    loss = crossentropy(labels, logits, label_smoothing, implementation)
    assert keras.backend.standardize_dtype(loss.dtype) == "float32"
    expected = oracle.crossentropy(labels, numbers(logits), label_smoothing)
    np.testing.assert_allclose(numbers(loss), expected, atol=5e-6)


@pytest.mark.parametrize("implementation", [None, "plain"])
def test_large_logits_stay_finite(implementation):
    logits = np.array([[1e4, -1e4, 0.0], [1e4, -1e4, 0.0]], "float32")
    loss = crossentropy(np.array([0, 1]), logits, 0.1, implementation)
    np.testing.assert_allclose(numbers(loss), oracle.crossentropy([0, 1], logits, 0.1), rtol=1e-6)


@pytest.mark.parametrize("implementation", [None, "plain"])
@pytest.mark.parametrize("dtype", ["int32", "int64", "uint8"])
def test_labels_of_every_integer_dtype(dtype, implementation):
    logits = normal(5, SIZE)
    loss = crossentropy(labels_of((5,), dtype), logits, implementation=implementation)
    np.testing.assert_allclose(numbers(loss), oracle.crossentropy(labels_of((5,)), logits), atol=5e-6)


@pytest.mark.parametrize("implementation", ["fused", "jax", ""])
def test_an_unknown_implementation_is_named(implementation):
    with pytest.raises(ValueError, match=rf"must be None, 'plain' or.*Received: implementation='{implementation}'$"):
        crossentropy(np.array([0]), np.zeros((1, 3), "float32"), implementation=implementation)


@pytest.mark.skipif(keras.backend.backend() == "tensorflow", reason="there it exists")
def test_tensorflows_own_needs_tensorflow():
    with pytest.raises(ValueError, match=r"on the TensorFlow backend, 'tensorflow'"):
        crossentropy(np.array([0]), np.zeros((1, 3), "float32"), implementation="tensorflow")
