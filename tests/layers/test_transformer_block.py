"""What encoder and decoder blocks share: newer parts against loops, and the self-attention's cache."""

import keras
import numpy as np
import pytest

from keras_attn.layers import RotaryPosition, TransformerDecoderBlock, TransformerEncoderBlock
from tests import block_oracle, oracle
from tests.layer_checks import block_weights, normal, numbers, reloaded, shuffle_weights

B, T, S, N, K, H, F, D_ENCODER = 2, 7, 11, 6, 3, 4, 13, 17
D = N * H
INPUTS, ENCODED = normal(B, T, D, seed=1), normal(B, S, D_ENCODER, seed=2)
PADDING_MASK = np.array([[True, False, True, True, True, False, False], [True] * T])
ENCODER_MASK = np.arange(S) < np.array([[11], [6]])
MODERN = {"activation": "silu", "gated": True, "normalization": "rms", "use_bias": False, "num_kv_heads": K}


def built(block_class, **arguments):
    block = block_class(N, F, **{**MODERN, "position": RotaryPosition(), **arguments})
    block.build(INPUTS.shape, *([ENCODED.shape] if block_class is TransformerDecoderBlock else []))
    shuffle_weights(block)
    return block


@pytest.mark.parametrize("normalize_first", [False, True])
@pytest.mark.parametrize("causal", [False, True])
def test_an_encoder_block_of_newer_parts_equals_the_loops(causal, normalize_first):
    block = built(TransformerEncoderBlock, normalize_first=normalize_first, epsilon=1e-3)
    output = block(INPUTS, padding_mask=PADDING_MASK, use_causal_mask=causal)
    mask = PADDING_MASK[:, None, None] & (oracle.causal_mask(T, T, 0) if causal else True)
    expected = block_oracle.modern_block(INPUTS, block_weights(block), normalize_first, 1e-3, mask)
    np.testing.assert_allclose(numbers(output), expected, atol=5e-5)


@pytest.mark.parametrize("normalize_first", [False, True])
def test_a_decoder_block_of_newer_parts_equals_the_loops(normalize_first):
    block = built(TransformerDecoderBlock, normalize_first=normalize_first, epsilon=1e-3)
    output = block(INPUTS, ENCODED, encoder_padding_mask=ENCODER_MASK)
    masks = oracle.causal_mask(T, T, 0), ENCODED, ENCODER_MASK[:, None, None]
    expected = block_oracle.modern_block(INPUTS, block_weights(block), normalize_first, 1e-3, *masks)
    np.testing.assert_allclose(numbers(output), expected, atol=5e-5)


@pytest.mark.parametrize("steps", [[1] * T, [4, 1, 2]])
@pytest.mark.parametrize("arguments", [{}, {"position": None, "num_kv_heads": None, "normalize_first": True}])
@pytest.mark.parametrize("block_class", [TransformerEncoderBlock, TransformerDecoderBlock])
def test_step_by_step_equals_whole(block_class, arguments, steps):
    block = built(block_class, **arguments)
    decodes = block_class is TransformerDecoderBlock
    whole = numbers(block(INPUTS, ENCODED) if decodes else block(INPUTS, use_causal_mask=True))
    cross = {"cross_cache": block.filled_cache(ENCODED)} if decodes else {}
    cache, start = block.empty_cache(B, T), 0
    for length in steps:
        rows = slice(start, start + length)
        output, cache = block(INPUTS[:, rows], cache=cache, cache_index=start, **cross)
        np.testing.assert_allclose(numbers(output), whole[:, rows], atol=3e-5)
        start += length


def test_a_stack_with_caches_is_a_functional_model_too(tmp_path):
    block = built(TransformerEncoderBlock)
    inputs, index = keras.Input((1, D)), keras.Input(batch_shape=(), dtype="int32")
    cache = {name: keras.Input((T, K, H), name=name) for name in ("key", "value")}
    model = keras.Model([inputs, index, cache], block(inputs, cache=cache, cache_index=index))
    assert [tuple(x.shape) for x in keras.tree.flatten(model.outputs)] == [(None, 1, D)] + [(None, T, K, H)] * 2
    given = [INPUTS[:, :1], np.int32(2), {"key": normal(B, T, K, H, seed=3), "value": normal(B, T, K, H, seed=4)}]
    output, again = (numbers(x(given)[0]) for x in (model, reloaded(model, tmp_path)))
    assert np.array_equal(output, again)
    assert np.array_equal(output, numbers(block(given[0], cache=given[2], cache_index=2)[0]))


@pytest.mark.parametrize("block_class", [TransformerEncoderBlock, TransformerDecoderBlock])
def test_the_self_attention_holds_the_position_given(block_class):
    position = RotaryPosition()
    block = built(block_class, position=position)
    assert block.self_attention.position is position
    assert block_class is TransformerEncoderBlock or block.cross_attention.position is None


@pytest.mark.parametrize("use_bias", [False, True])
def test_biases_are_in_all_projections_or_in_none(use_bias):
    block = built(TransformerDecoderBlock, use_bias=use_bias)
    biases = {weight.path.split("/", 1)[-1] for weight in block.weights if weight.name == "bias"}
    attention = {f"{side}_attention/{part}" for side in ("self", "cross") for part in ("query", "key", "value")}
    attention |= {f"{side}_attention/attention_output" for side in ("self", "cross")}
    network = {f"feed_forward/{part}" for part in ("hidden", "gate", "output")}
    assert {"/".join(path.split("/")[-3:-1]) for path in biases} == (attention | network if use_bias else set())


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"num_kv_heads": 4}, r"`num_kv_heads` must divide `num_heads`\. Received: num_kv_heads=4, num_heads=6$"),
        ({"normalization": "batch"}, r"`normalization` must be 'layer' or 'rms'\. Received: normalization='batch'$"),
    ],
)
def test_wrong_arguments_are_named(arguments, text):
    with pytest.raises(ValueError, match=text):
        built(TransformerEncoderBlock, **arguments)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"cache_index": 0, "padding_mask": PADDING_MASK}, r"`padding_mask` and `memory` are .* Received: both"),
        ({}, r"A `cache` needs the position of the first input\. Received: cache_index=None"),
    ],
)
@pytest.mark.parametrize("block_class", [TransformerEncoderBlock, TransformerDecoderBlock])
def test_a_cache_comes_with_its_index_and_without_padding(block_class, arguments, text):
    block = built(block_class)
    with pytest.raises(ValueError, match=text):
        block(INPUTS, cache=block.empty_cache(B, T), **arguments)
