"""What all layers share: config from the signature, checks of arguments, joined projections."""

import itertools

import keras
import numpy as np
import pytest

from keras_attn.layers.layer import Layer, check_positive, check_rate, head_dim, project_through, seeds_from
from tests.layer_checks import check_config, normal, numbers


@keras.saving.register_keras_serializable("tests")
class Parts(Layer):
    """Holds arguments of every kind that a layer may take."""

    def __init__(self, size, name_of_it="plain", initializer=None, inner=None, function=None, numbers=(), **kwargs):
        super().__init__(**kwargs)
        self.size = size
        self.name_of_it = name_of_it
        self.initializer = initializer
        self.inner = inner
        self.function = function
        self.numbers = numbers


def test_the_config_is_the_signature():
    inner = keras.layers.Dense(3, activation="tanh", name="inner")
    initializer = keras.initializers.RandomNormal(stddev=0.5, seed=3)
    layer = Parts(7, "other", initializer, inner, keras.activations.gelu, [2, 3], dtype="mixed_bfloat16", name="parts")
    again = check_config(layer)
    assert set(layer.get_config()) == {"name", "trainable", "dtype", *Parts._argument_names()}
    assert (again.size, again.name_of_it, again.numbers) == (7, "other", [2, 3])
    assert isinstance(again.initializer, keras.initializers.RandomNormal) and again.initializer.stddev == 0.5
    assert isinstance(again.inner, keras.layers.Dense) and again.inner.units == 3
    assert again.function is keras.activations.gelu


@pytest.mark.parametrize("value", [0, -1, 2.0, True, "2", None])
def test_sizes_are_positive_integers(value):
    check_positive(size=1)
    with pytest.raises(ValueError, match=r"^`size` must be a positive integer\. Received: size="):
        check_positive(other=3, size=value)


@pytest.mark.parametrize("value", [1, 1.0, -0.1, "0.1", None, float("nan")])
def test_rates_are_shares(value):
    check_rate(dropout=0, rate=0.999)
    with pytest.raises(ValueError, match=r"^`dropout` must be at least 0 and below 1\. Received: dropout="):
        check_rate(dropout=value)


def test_heads_share_the_width():
    assert head_dim(15, 3) == 5
    with pytest.raises(ValueError, match=r"^`num_heads` must divide the model's width 15\. Received: num_heads=4$"):
        head_dim(15, 4)


def test_parts_get_seeds_of_their_own():
    assert list(itertools.islice(seeds_from(7), 3)) == [7, 8, 9]
    assert list(itertools.islice(seeds_from(None), 3)) == [None] * 3


@pytest.mark.parametrize("use_bias", [False, True])
def test_joined_projections_equal_calling_each_layer(use_bias):
    inputs = normal(2, 3, 5)
    first = keras.layers.Dense(7, use_bias=use_bias, bias_initializer="normal")
    second = keras.layers.EinsumDense(
        "abc,cde->abde", (None, 11, 13), bias_axes="de" if use_bias else None, bias_initializer="normal"
    )
    expected = [first(inputs), second(inputs)]
    for output, wanted in zip(project_through([first, second], inputs), expected, strict=True):
        np.testing.assert_allclose(numbers(output), numbers(wanted), atol=1e-5)


def test_outside_a_call_the_compute_dtype_holds_too():
    dense = keras.layers.Dense(7, dtype="mixed_bfloat16")
    dense.build((None, None, 5))
    (output,) = project_through([dense], normal(2, 3, 5))
    assert keras.backend.standardize_dtype(output.dtype) == "bfloat16"
