"""The encoder block against loops, before and after the residual sum."""

import keras
import numpy as np
import pytest

from keras_attn import layers
from keras_attn.layers import TransformerEncoderBlock
from tests import oracle
from tests.layer_checks import (
    block_weights,
    check_gradients,
    normal,
    numbers,
    shuffle_weights,
)

B, T, N, H, F = 2, 7, 3, 5, 11
D = N * H
INPUTS = normal(B, T, D)
PADDING_MASK = np.arange(T) < np.array([[7], [4]])


def built(**arguments):
    block = TransformerEncoderBlock(N, F, **arguments)
    block.build(INPUTS.shape)
    shuffle_weights(block)
    return block


@pytest.mark.parametrize("normalize_first", [False, True])
@pytest.mark.parametrize("mask", [None, PADDING_MASK])
@pytest.mark.parametrize("epsilon", [1e-5, 0.3])
def test_it_equals_the_loops(mask, normalize_first, epsilon):
    block = built(normalize_first=normalize_first, epsilon=epsilon)
    expected = oracle.encoder_block(INPUTS, block_weights(block), normalize_first, epsilon, mask)
    np.testing.assert_allclose(numbers(block(INPUTS, padding_mask=mask)), expected, atol=5e-5)


@pytest.mark.parametrize("normalize_first", [False, True])
def test_padding_has_no_influence(normalize_first):
    block = built(normalize_first=normalize_first)
    altered = np.where(PADDING_MASK[..., None], INPUTS, 9.0 - 5.0 * INPUTS)
    before, after = (numbers(block(x, padding_mask=PADDING_MASK))[PADDING_MASK] for x in (INPUTS, altered))
    assert np.array_equal(before, after)
    assert not np.allclose(numbers(block(altered))[PADDING_MASK], before)


def test_only_padding_gives_finite_numbers():
    block = built()
    output = numbers(block(INPUTS, padding_mask=np.array([[True] * T, [False] * T])))
    assert np.isfinite(output).all()


@pytest.mark.parametrize("normalize_first", [False, True])
def test_a_mask_that_comes_with_the_input_counts(normalize_first):
    ids = np.where(PADDING_MASK, np.arange(1, 1 + T), 0)
    embedding, block = keras.layers.Embedding(1 + T, D, mask_zero=True), built(normalize_first=normalize_first)
    inputs = keras.Input((None,), dtype="int32")
    implied = numbers(keras.Model(inputs, block(embedding(inputs)))(ids))
    expected = numbers(block(numbers(embedding(ids)).astype("float32"), padding_mask=PADDING_MASK))
    np.testing.assert_allclose(implied[PADDING_MASK], expected[PADDING_MASK], atol=1e-5)


@pytest.mark.parametrize(("dtype", "tolerance"), [("mixed_bfloat16", 0.15), ("mixed_float16", 0.02)])
@pytest.mark.parametrize("normalize_first", [False, True])
def test_half_precision_policies(dtype, tolerance, normalize_first):
    block = built(dtype=dtype, normalize_first=normalize_first)
    output = block(INPUTS, padding_mask=PADDING_MASK)
    assert keras.backend.standardize_dtype(output.dtype) == block.compute_dtype
    weights = block_weights(block)
    expected = oracle.encoder_block(INPUTS, weights, normalize_first, padding_mask=PADDING_MASK)
    np.testing.assert_allclose(numbers(output), expected, atol=tolerance)


@pytest.mark.parametrize("rates", [{"dropout": 0.5}, {"attention_dropout": 0.5}])
def test_dropout_is_on_in_training_only(rates):
    block, plain_block = built(seed=1, **rates), built()
    plain = numbers(plain_block(INPUTS))
    assert np.array_equal(plain, numbers(block(INPUTS)))
    first, second = (numbers(block(INPUTS, training=True)) for _ in range(2))
    assert not np.allclose(first, plain) and not np.allclose(first, second)
    assert np.array_equal(first, numbers(built(seed=1, **rates)(INPUTS, training=True)))


def functional(block):
    inputs, mask = keras.Input((None, D)), keras.Input((None,), dtype="bool")
    return keras.Model([inputs, mask], block(inputs, padding_mask=mask))


@pytest.mark.parametrize("normalize_first", [False, True])
def test_gradients_and_shapes(normalize_first):
    model = functional(TransformerEncoderBlock(N, F, activation="gelu", normalize_first=normalize_first))
    assert model.output_shape == (None, None, D) and tuple(model([INPUTS, PADDING_MASK]).shape) == INPUTS.shape
    check_gradients(model, [INPUTS, PADDING_MASK], normal(B, T, D, seed=9))


@pytest.mark.filterwarnings("ignore:Layer .* does not have a `quantize` method")
def test_int8_stays_near():
    model = functional(TransformerEncoderBlock(N, F))
    before = numbers(model([INPUTS, PADDING_MASK]))
    model.quantize("int8")
    after = numbers(model([INPUTS, PADDING_MASK]))
    assert not np.array_equal(after, before)
    np.testing.assert_allclose(after, before, atol=0.1)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"num_heads": 0}, r"`num_heads` must be a positive integer\. Received: num_heads=0"),
        ({"num_heads": 4}, r"`num_heads` must divide the model's width 15\. Received: num_heads=4"),
        ({"intermediate_dim": 1.5}, r"`intermediate_dim` must be a positive integer\. Received: intermediate_dim=1\.5"),
        (
            {"attention_dropout": 1},
            r"`attention_dropout` must be .* below 1\. Received: attention_dropout=1",
        ),
    ],
)
def test_wrong_arguments_are_named(arguments, text):
    with pytest.raises(ValueError, match=text):
        TransformerEncoderBlock(**{"num_heads": N, "intermediate_dim": F, **arguments})(INPUTS)


@pytest.mark.parametrize("normalize_first", [False, True])
@pytest.mark.parametrize("padded", [False, True])
def test_a_segment_with_its_memory_is_the_end_of_the_whole(normalize_first, padded):
    position = layers.TransformerXLPosition()
    block = layers.TransformerEncoderBlock(2, 7, normalize_first=normalize_first, position=position)
    inputs = normal(2, 11, 6, seed=1)
    block(inputs)
    shuffle_weights(block)
    mask = np.array([[True] * 11, [True] * 9 + [False] * 2]) if padded else None
    whole = numbers(block(inputs, padding_mask=mask, use_causal_mask=True))
    later = None if mask is None else mask[:, 4:]
    found = numbers(block(inputs[:, 4:], padding_mask=later, use_causal_mask=True, memory=inputs[:, :4]))
    np.testing.assert_allclose(found, whole[:, 4:], atol=2e-5)
    with pytest.raises(ValueError, match="`padding_mask` and `memory` are for whole inputs"):
        block(inputs, memory=inputs, cache=block.empty_cache(2, 11), cache_index=0)
