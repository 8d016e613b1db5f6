"""Positions, windows, norms and biases of `MultiHeadAttention`: by each implementation, and step by step as whole."""

import keras
import numpy as np
import pytest

from keras_attn import layers
from keras_attn.layers import MultiHeadAttention
from keras_attn.ops import SlidingWindow
from tests import oracle
from tests.layer_checks import check_reload, normal, numbers, reloaded, shuffle_weights

B, T, N, H, D = 2, 13, 4, 6, 11
INPUTS = normal(B, T, D, seed=1)
POSITIONS = {
    "none": lambda: None,
    "rotary": lambda: layers.RotaryPosition(50.0),
    "alibi": layers.AlibiPosition,
    "shaw": lambda: layers.ShawPosition(3),
    "t5": lambda: layers.T5Position(8, 9),
    "t5_causal": lambda: layers.T5Position(8, 9, bidirectional=False),
    "transformer_xl": layers.TransformerXLPosition,
}
WINDOWS = {
    "all": None,
    "window": SlidingWindow(3),
    "two-sided": SlidingWindow(3, 2),
    "dilated": SlidingWindow(2, dilation=3),
    "global": SlidingWindow(2, num_global=2),
    "longer than all": SlidingWindow(40),
}
every_position = pytest.mark.parametrize("position", POSITIONS)


def built(position="none", window="all", **arguments):
    arguments = {"num_kv_heads": 2, **arguments}
    layer = MultiHeadAttention(N, H, position=POSITIONS[position](), sliding_window=WINDOWS[window], **arguments)
    layer.build(INPUTS.shape, INPUTS.shape)
    shuffle_weights(layer)
    return layer


def in_steps(layer, lengths, capacity=T, **arguments):
    """What the layer gives step by step, and the last cache."""
    cache, start, outputs = layer.empty_cache(B, capacity), 0, []
    for length in lengths:
        x = INPUTS[:, start : start + length]
        output, cache = layer(x, x, cache=cache, cache_index=start, **arguments)
        outputs.append(numbers(output))
        start += length
    return np.concatenate(outputs, axis=1), cache


KEPT = {"window": 3, "two-sided": 3, "dilated": 6}
LENGTHS = {"steps": [1] * T, "prefilled": [6, 1, 1, 5], "at once": [T]}


def check_steps(position, window, lengths):
    layer = built(position, window)
    whole = numbers(layer(INPUTS, INPUTS, use_causal_mask=True, return_attention_scores=True)[0])
    parts, cache = in_steps(layer, LENGTHS[lengths])
    np.testing.assert_allclose(parts, whole, atol=2e-5)
    assert tuple(cache["key"].shape) == (B, KEPT.get(window, T), 2, H)
    parts, past = in_steps(layer, LENGTHS[lengths], capacity=None)
    np.testing.assert_allclose(parts, whole, atol=2e-5)
    assert tuple(past["past_key"].shape) == (B, 2, KEPT.get(window, T), H)


@every_position
@pytest.mark.parametrize("window", ["all", "window", "dilated"])
def test_step_by_step_equals_whole(position, window):
    check_steps(position, window, "prefilled")


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("lengths", LENGTHS)
def test_every_window_in_steps_of_every_length(window, lengths):
    check_steps("shaw", window, lengths)


@every_position
def test_memory_of_an_earlier_segment(position):
    """Transformer-XL: the later half, with the earlier one before its keys, is the later half of the whole."""
    layer = built(position)
    whole = numbers(layer(INPUTS, INPUTS, use_causal_mask=True))
    later = numbers(layer(INPUTS[:, 6:], INPUTS, use_causal_mask=True))
    np.testing.assert_allclose(later, whole[:, 6:], atol=2e-5)


@every_position
@pytest.mark.parametrize("implementation", ["blockwise", "windowed"])
def test_implementations_agree(position, implementation):
    if implementation == "blockwise" and keras.backend.backend() != "tensorflow":
        pytest.skip("blockwise attention is written for TensorFlow")
    layer = built(position, "two-sided")
    mask = np.array([[True] * T, [True] * 5 + [False] * 3 + [True] * (T - 8)])
    plain, _ = layer(INPUTS, INPUTS, value_mask=mask, query_mask=mask, return_attention_scores=True)
    layer.implementation = implementation
    found = layer(INPUTS, INPUTS, value_mask=mask, query_mask=mask)
    np.testing.assert_allclose(numbers(found), numbers(plain), atol=2e-5)


def test_long_inputs_choose_blocks_by_themselves_in_graphs_of_unknown_length():
    if keras.backend.backend() != "tensorflow":
        pytest.skip("blockwise attention is written for TensorFlow")
    import tensorflow as tf

    layer = built("rotary")
    graph = tf.function(lambda x: layer(x, x, use_causal_mask=True), input_signature=[tf.TensorSpec((None, None, D))])
    np.testing.assert_allclose(graph(INPUTS), numbers(layer(INPUTS, INPUTS, use_causal_mask=True)), atol=2e-5)
    operations = {operation.type for operation in graph.get_concrete_function().graph.get_operations()}
    assert operations & {"If", "StatelessIf"}
    long = normal(1, 600, D, seed=2)
    layer.implementation = "dense"
    wanted = numbers(layer(long, long, use_causal_mask=True))
    np.testing.assert_allclose(graph(long), wanted, atol=2e-5)


def test_a_bias_is_added_to_the_scores():
    layer = built(num_kv_heads=N)
    for shape in ((T, T), (B, T, T), (B, N, T, T)):
        bias = normal(*shape, seed=3)
        output, scores = layer(INPUTS, INPUTS, attention_bias=bias, return_attention_scores=True)
        weights = [w.astype("float64") for w in layer.get_weights()]
        heads = [np.einsum("btd,dnh->btnh", INPUTS, k) + b for k, b in zip(weights[:6:2], weights[1:6:2], strict=True)]
        full = bias[:, None] if len(shape) == 3 else bias
        heads, wanted = oracle.softmax_attention(*heads, bias=full)
        np.testing.assert_allclose(numbers(scores), wanted, atol=1e-5)
        np.testing.assert_allclose(
            numbers(output), np.einsum("btnh,nhd->btd", heads, weights[6]) + weights[7], atol=2e-5
        )
    with pytest.raises(ValueError, match=r"`attention_bias` has rank 1; .* Received: attention_bias\.shape=\(13,\)"):
        layer(INPUTS, INPUTS, attention_bias=np.zeros(T))


def test_normalized_queries_and_keys():
    layer = built(normalize_query_key=True, num_kv_heads=N)
    weights = [w.astype("float64") for w in layer.get_weights()]
    scales = [
        w.numpy() if hasattr(w, "numpy") else np.asarray(w) for w in (layer.query_norm.scale, layer.key_norm.scale)
    ]
    query, key, value = (
        np.einsum("btd,dnh->btnh", INPUTS, k) + b for k, b in zip(weights[:6:2], weights[1:6:2], strict=True)
    )
    query, key = (
        x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-6) * scale
        for x, scale in zip((query, key), scales, strict=True)
    )
    heads, _ = oracle.softmax_attention(query, key, value)
    wanted = np.einsum("btnh,nhd->btd", heads, weights[6]) + weights[7]
    np.testing.assert_allclose(numbers(layer(INPUTS, INPUTS)), wanted, atol=2e-5)
    np.testing.assert_allclose(numbers(layer(INPUTS, cache=layer.filled_cache(INPUTS))), wanted, atol=2e-5)
    whole = numbers(layer(INPUTS, INPUTS, use_causal_mask=True))
    np.testing.assert_allclose(in_steps(layer, [6, 1, 6])[0], whole, atol=2e-5)


def test_a_gate_with_caches():
    layer = built(use_gate=True)
    whole = numbers(layer(INPUTS, INPUTS, use_causal_mask=True))
    np.testing.assert_allclose(in_steps(layer, [6, 1, 6])[0], whole, atol=2e-5)
    filled = numbers(layer(INPUTS, cache=layer.filled_cache(INPUTS)))
    np.testing.assert_allclose(filled, numbers(layer(INPUTS, INPUTS)), atol=2e-5)


@pytest.mark.parametrize("length", [1, T])
def test_beams_attend_to_a_past_as_to_any_filled_cache(length):
    layer, mask = built(normalize_query_key=True), np.arange(T) < np.array([[T], [5]])
    queries = normal(3 * B, length, D, seed=6)
    wanted = layer(queries, cache=layer.filled_cache(INPUTS), value_mask=mask, return_attention_scores=True)
    past = layer.filled_cache(INPUTS, as_past=True)
    np.testing.assert_allclose(numbers(layer(queries, cache=past, value_mask=mask)), numbers(wanted[0]), atol=2e-5)
    found = layer(queries, cache=past, value_mask=mask, return_attention_scores=True)
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(numbers(one), numbers(other), atol=2e-5)


def test_left_padding_in_a_cache():
    """A mask of the cache's positions hides what stands before a shorter prompt."""
    layer = built()
    mask = np.array([[True] * T, [False] * 4 + [True] * (T - 4)])
    whole = numbers(layer(INPUTS, INPUTS, value_mask=mask, use_causal_mask=True))
    parts, _ = in_steps(layer, [6, 1, 6], value_mask=mask)
    with_past, cache, start = [], layer.empty_cache(B), 0
    for length in (6, 1, 6):  # here a mask covers what is there by then
        x = INPUTS[:, start : start + length]
        output, cache = layer(x, x, cache=cache, cache_index=start, value_mask=mask[:, : start + length])
        with_past, start = [*with_past, numbers(output)], start + length
    np.testing.assert_allclose(np.concatenate(with_past, axis=1), whole, atol=2e-5)
    np.testing.assert_allclose(parts, whole, atol=2e-5)


def test_one_position_object_shares_its_weights(tmp_path):
    position = layers.T5Position(8, 9)
    first, second = (MultiHeadAttention(N, H, position=position) for _ in range(2))
    inputs = keras.Input((T, D))
    model = keras.Model(inputs, second(first(inputs, inputs), inputs))
    assert first.position.table is second.position.table
    shuffle_weights(model)
    check_reload(model, INPUTS, tmp_path)
    again = reloaded(model, tmp_path)
    assert again.layers[1].position is again.layers[2].position and len(again.weights) == len(model.weights)
    copy = MultiHeadAttention.from_config(first.get_config())
    assert copy.position is not position


def test_wrong_combinations_are_named():
    with pytest.raises(ValueError, match=r"`implementation` must be None or 'dense'.* Received: implementation='fast'"):
        built(implementation="fast")
    with pytest.raises(ValueError, match=r"`sliding_window` must be a positive integer\. Received: sliding_window=0"):
        MultiHeadAttention(N, H, sliding_window=0)
    with pytest.raises(ValueError, match="'windowed' needs a `window`; leave `implementation` out"):
        built(implementation="windowed")(INPUTS, INPUTS)
    with pytest.raises(ValueError, match="'windowed' never has all attention scores"):
        built(window="window", implementation="windowed")(INPUTS, INPUTS, return_attention_scores=True)
    with pytest.raises(ValueError, match=r"is for self-attention; .* Received: position=.*sliding_window="):
        built("rotary").filled_cache(INPUTS)
    with pytest.raises(ValueError, match="A rolling cache holds no padding"):
        in_steps(built(window="window"), [2], value_mask=np.ones((B, T), bool))
    with pytest.raises(ValueError, match="takes `value_mask` alone"):
        layer = built()
        layer(INPUTS, cache=layer.filled_cache(INPUTS), use_causal_mask=True)
