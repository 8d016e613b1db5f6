"""The window's mask against a plain loop over all pairs, its errors, and its way through JSON."""

import json

import keras
import numpy as np
import pytest

from keras_attn.ops import SlidingWindow
from tests import oracle
from tests.layer_checks import numbers

WINDOWS = {
    "own position": SlidingWindow(0),
    "before": SlidingWindow(3),
    "after": SlidingWindow(0, 2),
    "both sides": SlidingWindow(2, 3),
    "dilated": SlidingWindow(2, 1, dilation=3),
    "global": SlidingWindow(1, num_global=2),
    "all": SlidingWindow(before=1, after=2, dilation=2, num_global=3),
    "longer than all": SlidingWindow(100, 100, num_global=100),
}


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize(("length", "key_length"), [(7, 7), (5, 11), (11, 5), (1, 7), (7, 1)])
def test_the_mask_equals_the_loop(window, length, key_length):
    window = WINDOWS[window]
    mask = window.mask(length, key_length)
    assert keras.backend.standardize_dtype(mask.dtype) == "bool"
    np.testing.assert_array_equal(numbers(mask), oracle.window_mask(length, key_length, window, key_length - length))


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("start", [0, 3, -2])
def test_queries_that_start_elsewhere(window, start):
    window = WINDOWS[window]
    mask = window.mask(5, 7, query_start=keras.ops.convert_to_tensor(start, "int32"))
    np.testing.assert_array_equal(numbers(mask), oracle.window_mask(5, 7, window, start))


def test_by_hand():
    mask = SlidingWindow(before=1, after=1, dilation=2, num_global=1).mask(5, 5)
    rows = ["11111", "11010", "10101", "11010", "10101"]
    np.testing.assert_array_equal(numbers(mask), [[letter == "1" for letter in row] for row in rows])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"before": -1}, "`before` .* at least 0. Received: before=-1"),
        ({"before": 2.0}, "Received: before=2.0"),
        ({"before": True}, "Received: before=True"),
        ({"before": 1, "after": None}, "Received: after=None"),
        ({"before": 1, "dilation": 0}, "at least 1. Received: dilation=0"),
        ({"before": 1, "num_global": -3}, "Received: num_global=-3"),
    ],
)
def test_what_is_no_window(arguments, words):
    with pytest.raises(ValueError, match=words + "$"):
        SlidingWindow(**arguments)


@pytest.mark.parametrize("window", WINDOWS)
def test_the_config_makes_the_same_window(window):
    window = WINDOWS[window]
    assert SlidingWindow.from_config(json.loads(json.dumps(window.get_config()))) == window
    assert keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(window)) == window
    assert hash(window) == hash(SlidingWindow(**window.get_config()))


def test_lengths_that_are_not_known():
    if keras.backend.backend() != "tensorflow":
        pytest.skip("only TensorFlow computes with lengths that are not known")
    import tensorflow as tf

    window = WINDOWS["all"]
    graph = tf.function(window.mask, input_signature=[tf.TensorSpec((), "int32")] * 2)
    np.testing.assert_array_equal(graph(5, 11), oracle.window_mask(5, 11, window, 6))
