"""The residual connection, both orders, against loops."""

import keras
import numpy as np
import pytest

from keras_attn.layers.residual import Residual, new_normalization
from tests import block_oracle, oracle
from tests.layer_checks import check_config, normal, numbers, shuffle_weights

INPUTS, UPDATE = normal(2, 3, 5, seed=1), normal(2, 3, 5, seed=2)


def built(**arguments):
    layer = Residual(**arguments)
    layer.build(INPUTS.shape)
    shuffle_weights(layer)
    return layer


def left_by(layer, **arguments):
    """What `leave` gives; beside `call`, Keras makes no tensors of arrays."""
    inputs, update = (keras.ops.convert_to_tensor(x) for x in (INPUTS, UPDATE))
    return numbers(layer.leave(inputs, update, **arguments))


@pytest.mark.parametrize("epsilon", [1e-5, 0.5])
@pytest.mark.parametrize("normalize_first", [False, True])
@pytest.mark.parametrize(("normalization", "function"), [("layer", oracle.layer_norm), ("rms", block_oracle.rms_norm)])
def test_it_normalizes_on_one_side(normalization, function, normalize_first, epsilon):
    layer = built(normalization=normalization, normalize_first=normalize_first, epsilon=epsilon)
    norm = layer.get_weights()
    entered = function(INPUTS, *norm, epsilon) if normalize_first else INPUTS
    total = INPUTS.astype("float64") + UPDATE
    left = total if normalize_first else function(total, *norm, epsilon)
    np.testing.assert_allclose(numbers(layer.enter(INPUTS)), entered, atol=1e-5)
    np.testing.assert_allclose(left_by(layer), left, atol=1e-5)


@pytest.mark.parametrize("normalize_first", [False, True])
def test_dropout_thins_the_update_only(normalize_first):
    layer = built(dropout=0.5, normalize_first=normalize_first, seed=1)
    plain = left_by(layer)
    assert np.array_equal(plain, left_by(layer, training=False))
    dropped = left_by(layer, training=True)
    assert not np.allclose(dropped, plain)
    if normalize_first:  # nothing was added, or twice the update
        share = (dropped - INPUTS) / UPDATE
        assert (np.isclose(share, 0.0, atol=1e-4) | np.isclose(share, 2.0, atol=1e-4)).all()


@pytest.mark.parametrize(("normalization", "function"), [("layer", oracle.layer_norm), ("rms", block_oracle.rms_norm)])
@pytest.mark.parametrize("dtype", ["mixed_bfloat16", "mixed_float16"])
def test_half_precision_policies(dtype, normalization, function):
    layer = built(dtype=dtype, normalization=normalization)
    inputs, update = (keras.ops.cast(x, layer.compute_dtype) for x in (INPUTS, UPDATE))
    output = layer.leave(inputs, update)
    assert keras.backend.standardize_dtype(output.dtype) == layer.compute_dtype
    expected = function(INPUTS + UPDATE, *layer.get_weights(), 1e-5)
    np.testing.assert_allclose(numbers(output), expected, atol=0.05)


def test_config():
    arguments = {"dropout": 0.25, "normalize_first": True, "epsilon": 1e-3, "seed": 3, "normalization": "rms"}
    check_config(Residual(**arguments, dtype="mixed_bfloat16"))


def test_a_wrong_rate_is_refused():
    with pytest.raises(ValueError, match=r"Received: .*1\.5"):
        Residual(dropout=1.5)


def test_an_unknown_normalization_is_refused():
    with pytest.raises(
        ValueError, match=r"`normalization` must be 'layer' or 'rms'\. Received: normalization='batch'$"
    ):
        new_normalization("batch")
