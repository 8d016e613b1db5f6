"""The share, the scale, the independence and the gradient of dropout, by both ways to draw it."""

import keras
import numpy as np
import pytest

from keras_attn.ops import dropout
from tests.layer_checks import numbers

ON_TENSORFLOW = keras.backend.backend() == "tensorflow"
WAYS = ["plain", *(["tensorflow"] if ON_TENSORFLOW else [])]
SHAPE = (211, 32, 37)  # odd: a part of the last draw is left over


def rounded(rate, way):
    """The nearest share that so many random bits can decide."""
    levels = {"plain": 2**23, "tensorflow": 256 if 1 / 16 <= rate <= 15 / 16 else 65536}[way]
    return round(rate * levels) / levels


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("rate", [0.001, 0.05, 0.1, 0.5, 0.9, 0.99])
def test_the_share_is_dropped_and_the_rest_scaled_up(way, rate):
    x = np.random.default_rng(0).uniform(1, 2, SHAPE).astype("float32")
    outputs = numbers(dropout(x, rate, 1, way))
    rate = rounded(rate, way)
    dropped = outputs == 0
    deviation = np.sqrt(rate * (1 - rate) / x.size)
    assert abs(dropped.mean() - rate) < 5 * deviation
    np.testing.assert_allclose(outputs[~dropped], x[~dropped] / (1 - rate), rtol=1e-5)
    assert abs(outputs.mean() / x.mean() - 1) < 5 * deviation / (1 - rate) + 1e-3


@pytest.mark.parametrize("way", WAYS)
def test_elements_are_dropped_independently_of_their_neighbours(way):
    """Of neighbours along each axis, and of two that share the bits of one draw, both go rate^2 of the time."""
    dropped = numbers(dropout(np.ones((200, 40, 52), "float32"), 0.3, 3, way)) == 0
    rate = rounded(0.3, way)
    pairs = [(dropped[1:], dropped[:-1]), (dropped[:, 1:], dropped[:, :-1]), (dropped[..., 1:], dropped[..., :-1])]
    pairs += [(dropped[..., 0::4], dropped[..., part::4]) for part in (1, 2, 3)]
    pairs += [(dropped[..., 1::4], dropped[..., 3::4]), (dropped[..., :26], dropped[..., 26:])]
    for one, other in pairs:
        both = (one & other).mean()
        assert abs(both - rate**2) < 5 * np.sqrt(rate**2 * (1 - rate**2) / one.size)


@pytest.mark.parametrize("way", WAYS)
def test_a_seed_gives_the_same_draw_and_a_generator_a_new_one_each_time(way):
    x = np.ones(SHAPE, "float32")
    first, again, other = (numbers(dropout(x, 0.5, seed, way)) for seed in (7, 7, 8))
    assert np.array_equal(first, again) and not np.array_equal(first, other)
    generator = keras.random.SeedGenerator(7)
    assert not np.array_equal(numbers(dropout(x, 0.5, generator, way)), numbers(dropout(x, 0.5, generator, way)))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_the_dtype_stays_and_without_a_rate_nothing_happens(way, dtype):
    x = keras.ops.ones((3, 5), dtype)
    assert keras.backend.standardize_dtype(dropout(x, 0.5, 1, way).dtype) == dtype
    assert np.array_equal(numbers(keras.ops.cast(dropout(x, 0.0, 1, way), "float32")), np.ones((3, 5)))


def test_unknown_ways_are_refused():
    with pytest.raises(ValueError, match="Received: implementation='fast'"):
        dropout(np.ones(3, "float32"), 0.5, 1, "fast")


@pytest.mark.skipif(not ON_TENSORFLOW, reason="these functions exist on the TensorFlow backend only")
def test_the_gradient_goes_where_the_values_went_in_a_graph_of_unknown_lengths():
    import tensorflow as tf

    @tf.function(input_signature=[tf.TensorSpec([None, None, None])])
    def values_and_gradient(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = dropout(x, 0.25, 5, "tensorflow")
        return y, tape.gradient(y, x)

    x = np.random.default_rng(1).uniform(1, 2, (4, 6, 7)).astype("float32")
    values, gradient = (tensor.numpy() for tensor in values_and_gradient(x))
    assert values.shape == x.shape and 0 < (values == 0).sum() < x.size
    np.testing.assert_allclose(gradient, np.where(values == 0, 0, 1 / 0.75), rtol=1e-4)
    np.testing.assert_allclose(values, x * gradient, rtol=1e-6)
