"""The decoder block against loops, and cached against whole."""

import keras
import numpy as np
import pytest

from keras_attn.layers import TransformerDecoderBlock
from tests import oracle
from tests.layer_checks import (
    block_weights,
    check_gradients,
    normal,
    numbers,
    shuffle_weights,
)

B, T, S, N, H, F, D_ENCODER = 2, 7, 11, 3, 5, 13, 17
D = N * H
INPUTS, ENCODED = normal(B, T, D, seed=1), normal(B, S, D_ENCODER, seed=2)
PADDING_MASK = np.arange(T) < np.array([[4], [7]])
ENCODER_MASK = np.arange(S) < np.array([[11], [6]])


def built(**arguments):
    block = TransformerDecoderBlock(N, F, **arguments)
    block.build(INPUTS.shape, ENCODED.shape)
    shuffle_weights(block)
    return block


@pytest.mark.parametrize("normalize_first", [False, True])
@pytest.mark.parametrize(("mask", "encoder_mask"), [(None, None), (PADDING_MASK, None), (PADDING_MASK, ENCODER_MASK)])
def test_it_equals_the_loops(mask, encoder_mask, normalize_first):
    block = built(normalize_first=normalize_first, epsilon=1e-3)
    masks = {"padding_mask": mask, "encoder_padding_mask": encoder_mask}
    output, scores = block(INPUTS, ENCODED, return_attention_scores=True, **masks)
    expected = oracle.decoder_block(INPUTS, ENCODED, block_weights(block), normalize_first, 1e-3, **masks)
    np.testing.assert_allclose(numbers(output), expected[0], atol=5e-5)
    np.testing.assert_allclose(numbers(scores), expected[1], atol=2e-5)
    np.testing.assert_allclose(numbers(block(INPUTS, ENCODED, **masks)), numbers(output), atol=1e-5)


@pytest.mark.parametrize("normalize_first", [False, True])
def test_the_future_and_padding_have_no_influence(normalize_first):
    block = built(normalize_first=normalize_first)
    plain = numbers(block(INPUTS, ENCODED, encoder_padding_mask=ENCODER_MASK))
    future = np.where(np.arange(T)[:, None] < 4, INPUTS, 3.0 - INPUTS)
    after = numbers(block(future, ENCODED, encoder_padding_mask=ENCODER_MASK))
    assert np.array_equal(after[:, :4], plain[:, :4]) and not np.allclose(after[:, 4:], plain[:, 4:])
    encoded = np.where(ENCODER_MASK[..., None], ENCODED, 3.0 - ENCODED)
    assert np.array_equal(numbers(block(INPUTS, encoded, encoder_padding_mask=ENCODER_MASK)), plain)
    masks = {"padding_mask": PADDING_MASK, "encoder_padding_mask": ENCODER_MASK}
    padded = np.where(PADDING_MASK[..., None], INPUTS, 3.0 - INPUTS)
    before, after = (numbers(block(x, ENCODED, **masks))[PADDING_MASK] for x in (INPUTS, padded))
    assert np.array_equal(before, after)


def test_a_source_of_padding_only_gives_finite_numbers():
    output = numbers(built()(INPUTS, ENCODED, encoder_padding_mask=np.array([[True] * S, [False] * S])))
    assert np.isfinite(output).all()


@pytest.mark.parametrize("normalize_first", [False, True])
@pytest.mark.parametrize("width", [1, 2])
@pytest.mark.parametrize("steps", [[1] * T, [4, 1, 1, 1], [T]])
def test_step_by_step_equals_whole(steps, width, normalize_first):
    block = built(normalize_first=normalize_first)
    inputs = normal(B * width, T, D, seed=3)  # row b*W + w is hypothesis w of source b
    repeated = {"encoder_padding_mask": np.repeat(ENCODER_MASK, width, 0), "return_attention_scores": True}
    whole, whole_scores = map(numbers, block(inputs, np.repeat(ENCODED, width, 0), **repeated))
    cache, cross_cache, start = block.empty_cache(B * width, T), block.filled_cache(ENCODED), 0
    for length in steps:
        rows = slice(start, start + length)
        output, scores, cache = block(
            inputs[:, rows],
            encoder_padding_mask=ENCODER_MASK,
            cache=cache,
            cache_index=start,
            cross_cache=cross_cache,
            return_attention_scores=True,
        )
        np.testing.assert_allclose(numbers(output), whole[:, rows], atol=2e-5)
        np.testing.assert_allclose(numbers(scores), whole_scores[:, :, rows], atol=1e-5)
        start += length


@pytest.mark.parametrize(("dtype", "tolerance"), [("mixed_bfloat16", 0.2), ("mixed_float16", 0.03)])
@pytest.mark.parametrize("normalize_first", [False, True])
def test_half_precision_policies(dtype, tolerance, normalize_first):
    block = built(dtype=dtype, normalize_first=normalize_first)
    output = block(INPUTS, ENCODED, encoder_padding_mask=ENCODER_MASK)
    assert keras.backend.standardize_dtype(output.dtype) == block.compute_dtype
    weights = block_weights(block)
    expected, _ = oracle.decoder_block(INPUTS, ENCODED, weights, normalize_first, encoder_padding_mask=ENCODER_MASK)
    np.testing.assert_allclose(numbers(output), expected, atol=tolerance)
    caches = [*block.empty_cache(B, T).values(), *block.filled_cache(ENCODED).values()]
    assert {keras.backend.standardize_dtype(x.dtype) for x in caches} == {block.compute_dtype}


@pytest.mark.parametrize("rates", [{"dropout": 0.5}, {"attention_dropout": 0.5}])
def test_dropout_is_on_in_training_only(rates):
    block = built(seed=1, **rates)
    plain = numbers(built()(INPUTS, ENCODED))
    assert np.array_equal(plain, numbers(block(INPUTS, ENCODED)))
    first, second = (numbers(block(INPUTS, ENCODED, training=True)) for _ in range(2))
    assert not np.allclose(first, plain) and not np.allclose(first, second)
    assert np.array_equal(first, numbers(built(seed=1, **rates)(INPUTS, ENCODED, training=True)))


def functional(block, **arguments):
    inputs, encoded = keras.Input((None, D)), keras.Input((None, D_ENCODER))
    mask = keras.Input((None,), dtype="bool")
    return keras.Model([inputs, encoded, mask], block(inputs, encoded, encoder_padding_mask=mask, **arguments))


def test_symbolic_shapes_equal_eager_ones():
    output, scores = functional(TransformerDecoderBlock(N, F), return_attention_scores=True).outputs
    assert output.shape == (None, None, D) and scores.shape == (None, N, None, None)
    symbolic = TransformerDecoderBlock(N, F)(
        keras.Input((T, D)), keras.Input((S, D_ENCODER)), return_attention_scores=True
    )
    eager = built()(INPUTS, ENCODED, return_attention_scores=True)
    for first, second in zip(symbolic, eager, strict=True):
        assert first.shape[1:] == tuple(second.shape[1:])


@pytest.mark.parametrize("normalize_first", [False, True])
def test_gradients_reach_every_weight(normalize_first):
    model = functional(TransformerDecoderBlock(N, F, activation="gelu", normalize_first=normalize_first))
    check_gradients(model, [INPUTS, ENCODED, ENCODER_MASK], normal(B, T, D, seed=9))


@pytest.mark.filterwarnings("ignore:Layer .* does not have a `quantize` method")
def test_int8_stays_near():
    model = functional(TransformerDecoderBlock(N, F))
    inputs = [INPUTS, ENCODED, ENCODER_MASK]
    before = numbers(model(inputs))
    model.quantize("int8")
    after = numbers(model(inputs))
    assert not np.array_equal(after, before)
    np.testing.assert_allclose(after, before, atol=0.15)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"num_heads": 2.0}, r"`num_heads` must be a positive integer\. Received: num_heads=2\.0"),
        ({"num_heads": 4}, r"`num_heads` must divide the model's width 15\. Received: num_heads=4"),
        ({"intermediate_dim": -1}, r"`intermediate_dim` must be a positive integer\. Received: intermediate_dim=-1"),
        ({"dropout": 1}, r"`dropout` must be at least 0 and below 1\. Received: dropout=1"),
    ],
)
def test_wrong_arguments_are_named(arguments, text):
    with pytest.raises(ValueError, match=text):
        TransformerDecoderBlock(**{"num_heads": N, "intermediate_dim": F, **arguments})(INPUTS, ENCODED)


def test_the_first_call_needs_the_encoders_output():
    with pytest.raises(ValueError, match=r"The first call makes the weights.*Received: value=None"):
        TransformerDecoderBlock(N, F)(INPUTS)
