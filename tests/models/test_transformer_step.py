"""Decoder blocks prepared for single positions. That their numbers are the model's is in `test_transformer.py`."""

import types

import numpy as np
import pytest
from keras import ops

from keras_attn import layers
from keras_attn.models import transformer
from keras_attn.models.transformer_step import _entering, normalize_centered, prepared_blocks

SIZES = {"num_layers": 2, "hidden_dim": 8, "num_heads": 2, "intermediate_dim": 12}


def numbers(tensor):
    return ops.convert_to_numpy(tensor)


def decoder_blocks(**changes):
    model = transformer(11, **{**SIZES, **changes})
    return [model.get_layer(f"decoder_block_{i}") for i in range(SIZES["num_layers"])]


@pytest.mark.parametrize("changes", [{}, {"position": layers.RotaryPosition()}, {"gated": True, "num_kv_heads": 1}])
def test_plain_blocks_are_prepared(changes):
    assert len(prepared_blocks(decoder_blocks(**changes))) == 2


@pytest.mark.parametrize("changes", [{"sliding_window": 3}, {"position": layers.AlibiPosition()}])
def test_what_only_a_block_itself_knows_is_left_to_it(changes):
    assert prepared_blocks(decoder_blocks(**changes)) is None


def test_weights_of_an_export_may_be_kept_in_fewer_bits_than_norms():
    blocks, inputs = (
        decoder_blocks(normalize_first=True),
        np.random.default_rng(1).normal(size=(3, 8)).astype("float32"),
    )
    dense = blocks[0].feed_forward.hidden_dense
    kept = types.SimpleNamespace(
        kernel=ops.cast(dense.kernel, "bfloat16"), bias=ops.cast(dense.bias, "bfloat16"), compute_dtype="float32"
    )
    residual = blocks[0].feed_forward_residual
    residual.norm.beta.assign(np.linspace(-1, 1, 8))
    residual.norm.gamma.assign(np.linspace(0.5, 2, 8))
    kernel, bias = _entering(residual, kept)
    centered = inputs - inputs.mean(axis=1, keepdims=True)
    expected = numbers(residual.norm(inputs)) @ numbers(ops.cast(kept.kernel, "float32")) + numbers(
        ops.cast(kept.bias, "float32")
    )
    found = numbers(normalize_centered(residual.norm, centered)) @ numbers(kernel) + numbers(bias)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
