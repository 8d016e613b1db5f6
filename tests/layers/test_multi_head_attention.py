"""Multi-head attention against loops, against Keras's layer, and cached against whole."""

import keras
import numpy as np
import pytest

from keras_attn.layers import MultiHeadAttention, RotaryPosition
from tests import oracle
from tests.layer_checks import (
    check_gradients,
    check_reload,
    normal,
    numbers,
    shuffle_weights,
    weight_gradients,
)

B, T, S, N, H, V, D, D_VALUE, D_KEY = 2, 3, 5, 7, 11, 13, 17, 19, 23
QUERY, VALUE, KEY = normal(B, T, D, seed=1), normal(B, S, D_VALUE, seed=2), normal(B, S, D_KEY, seed=3)
KEY_MASK = np.array([[1, 1, 0, 1, 0], [0, 1, 1, 1, 1]], bool)


def built(*shapes, **arguments):
    layer = MultiHeadAttention(N, H, **arguments)
    layer.build(*shapes)
    shuffle_weights(layer)
    return layer


def cross(**arguments):
    return built(QUERY.shape, VALUE.shape, **arguments)


@pytest.mark.parametrize("use_bias", [True, False])
@pytest.mark.parametrize("value_dim", [None, V])
@pytest.mark.parametrize("kind", ["self", "cross", "key apart"])
def test_it_equals_the_loops(kind, value_dim, use_bias):
    inputs = {"self": (QUERY, QUERY), "cross": (QUERY, VALUE), "key apart": (QUERY, VALUE, KEY)}[kind]
    layer = built(*(x.shape for x in inputs), value_dim=value_dim, use_bias=use_bias)
    assert len(layer.weights) == (8 if use_bias else 4)
    output, scores = layer(*inputs, return_attention_scores=True)
    expected = oracle.multi_head_attention(*inputs[:2], layer.get_weights(), *inputs[2:])
    np.testing.assert_allclose(numbers(output), expected[0], atol=2e-5)
    np.testing.assert_allclose(numbers(scores), expected[1], atol=1e-5)
    np.testing.assert_allclose(numbers(layer(*inputs)), numbers(output), atol=1e-5)  # maybe another implementation


MASKS = {
    "value_mask": (KEY_MASK, KEY_MASK[:, None, None, :]),
    "key_mask": (KEY_MASK, KEY_MASK[:, None, None, :]),
    "query_mask": (KEY_MASK[:, :T], KEY_MASK[:, None, :T, None]),
    "attention_mask": (oracle.causal_mask(T, S, -1), oracle.causal_mask(T, S, -1)[None, None]),
    "use_causal_mask": (True, oracle.causal_mask(T, S, S - T)[None, None]),
}


@pytest.mark.parametrize("names", [[name] for name in MASKS] + [list(MASKS)])
def test_masks_by_every_name(names):
    layer = cross()
    arguments = {name: MASKS[name][0] for name in names}
    allowed = np.logical_and.reduce([np.broadcast_to(MASKS[name][1], (B, N, T, S)) for name in names])
    output, scores = layer(QUERY, VALUE, return_attention_scores=True, **arguments)
    expected = oracle.multi_head_attention(QUERY, VALUE, layer.get_weights(), mask=allowed)
    np.testing.assert_allclose(numbers(output), expected[0], atol=2e-5)
    np.testing.assert_allclose(numbers(scores), expected[1], atol=1e-5)
    assert not numbers(scores)[~allowed].any()


@pytest.mark.parametrize("shape", [(B, T, S), (B, N, T, S)])
def test_attention_masks_of_higher_rank(shape):
    layer, mask = cross(), np.random.default_rng(4).integers(0, 2, shape).astype(bool)
    allowed = mask[:, None] if len(shape) == 3 else mask
    expected, _ = oracle.multi_head_attention(QUERY, VALUE, layer.get_weights(), mask=allowed)
    np.testing.assert_allclose(numbers(layer(QUERY, VALUE, attention_mask=mask)), expected, atol=2e-5)


def test_a_query_with_nothing_to_see_gets_the_output_bias():
    layer = cross()
    output = numbers(layer(QUERY, VALUE, value_mask=np.array([[True] * S, [False] * S])))
    np.testing.assert_allclose(output[1], np.tile(layer.get_weights()[-1], (T, 1)), rtol=1e-6)
    assert not np.allclose(output[0], output[1])


@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16", "mixed_float16"])
def test_masked_keys_have_no_influence(dtype):
    layer = cross(dtype=dtype)
    altered = np.where(KEY_MASK[..., None], VALUE, 50.0 - 9.0 * VALUE)
    before, after = (
        [numbers(y) for y in layer(QUERY, x, value_mask=KEY_MASK, return_attention_scores=True)]
        for x in (VALUE, altered)
    )
    assert all(np.array_equal(old, new) for old, new in zip(before, after, strict=True))
    assert not np.array_equal(numbers(layer(QUERY, altered)), numbers(layer(QUERY, VALUE)))


@pytest.mark.parametrize(("dtype", "step"), [("mixed_bfloat16", 2**-8), ("mixed_float16", 2**-11)])
def test_half_precision_policies(dtype, step):
    layer = cross(dtype=dtype)
    assert {weight.dtype for weight in layer.weights} == {"float32"}
    output, scores = layer(QUERY, VALUE, value_mask=KEY_MASK, return_attention_scores=True)
    assert keras.backend.standardize_dtype(output.dtype) == layer.compute_dtype == dtype.removeprefix("mixed_")
    mask = KEY_MASK[:, None, None, :]
    expected = oracle.multi_head_attention(QUERY, VALUE, layer.get_weights(), mask=mask)
    np.testing.assert_allclose(numbers(output), expected[0], atol=20 * step)
    np.testing.assert_allclose(numbers(scores), expected[1], atol=10 * step)


def test_dropout_is_on_in_training_only():
    layer = cross(dropout=0.5, seed=1)
    plain = numbers(layer(QUERY, VALUE))
    assert np.array_equal(plain, numbers(layer(QUERY, VALUE, training=False)))
    first, second = (numbers(layer(QUERY, VALUE, training=True)) for _ in range(2))
    assert not np.allclose(first, plain) and not np.allclose(first, second)
    again = cross(dropout=0.5, seed=1)
    assert np.array_equal(first, numbers(again(QUERY, VALUE, training=True)))


@pytest.mark.parametrize("use_bias", [True, False])
@pytest.mark.parametrize("value_dim", [None, V])
@pytest.mark.parametrize("kind", ["self", "causal", "cross", "key apart"])
def test_it_stands_in_for_keras_own(kind, value_dim, use_bias):
    inputs = {"cross": (QUERY, VALUE), "key apart": (QUERY, VALUE, KEY)}.get(kind, (QUERY, QUERY))
    arguments = {"use_causal_mask": True} if kind == "causal" else {}
    if kind == "cross":
        arguments = {"value_mask": KEY_MASK, "attention_mask": np.ones((B, T, S), bool)}
    theirs = keras.layers.MultiHeadAttention(N, H, value_dim, use_bias=use_bias)
    theirs.build(*(x.shape for x in inputs))
    shuffle_weights(theirs)
    ours = MultiHeadAttention(N, H, value_dim, use_bias=use_bias)
    ours.build(*(x.shape for x in inputs))
    ours.set_weights(theirs.get_weights())
    expected = theirs(*inputs, return_attention_scores=True, **arguments)
    for output, wanted in zip(ours(*inputs, return_attention_scores=True, **arguments), expected, strict=True):
        np.testing.assert_allclose(numbers(output), numbers(wanted), atol=2e-5)


def functional(layer, *dims, **arguments):
    inputs = [keras.Input((None, dim)) for dim in dims]
    return keras.Model(inputs, layer(*inputs, **arguments))


def test_symbolic_shapes_equal_eager_ones():
    query, value, key = keras.Input((T, D)), keras.Input((S, D_VALUE)), keras.Input((S, D_KEY))
    outputs = MultiHeadAttention(N, H, V)(query, value, key, return_attention_scores=True)
    eager = MultiHeadAttention(N, H, V)(QUERY, VALUE, KEY, return_attention_scores=True)
    for symbolic, real in zip(outputs, eager, strict=True):
        assert symbolic.shape == (None, *real.shape[1:]) and symbolic.dtype == "float32"
    output, scores = functional(MultiHeadAttention(N, H), D, D_VALUE, return_attention_scores=True).outputs
    assert output.shape == (None, None, D) and scores.shape == (None, N, None, None)


def test_gradients_equal_the_slopes_of_the_loops():
    layer = cross(value_dim=V)
    before, upstream = layer.get_weights(), normal(B, T, D, seed=9)
    model = functional(layer, D, D_VALUE)
    gradients = weight_gradients(model, [QUERY, VALUE], upstream)
    assert len(gradients) == 8
    for i, (path, gradient) in enumerate(gradients.items()):
        assert np.isfinite(gradient).all()
        direction = np.random.default_rng(i).normal(size=gradient.shape)

        def total(step, i=i, direction=direction):
            moved = [weight + (step * direction if j == i else 0.0) for j, weight in enumerate(before)]
            return (oracle.multi_head_attention(QUERY, VALUE, moved)[0] * upstream).sum()

        slope = (total(1e-5) - total(-1e-5)) / 2e-5
        np.testing.assert_allclose((gradient * direction).sum(), slope, rtol=1e-3, atol=1e-4, err_msg=path)


def test_gradients_reach_every_weight():
    model = functional(MultiHeadAttention(N, H, V), D, D_VALUE, D_KEY)
    check_gradients(model, [QUERY, VALUE, KEY], normal(B, T, D, seed=9))


def test_gradients_are_finite_where_nothing_may_be_seen():
    query, value, mask = keras.Input((None, D)), keras.Input((None, D_VALUE)), keras.Input((None,), dtype="bool")
    model = keras.Model([query, value, mask], MultiHeadAttention(N, H)(query, value, value_mask=mask))
    nothing = np.array([[True] * S, [False] * S])
    gradients = weight_gradients(model, [QUERY, VALUE, nothing], normal(B, T, D, seed=9))
    assert all(np.isfinite(gradient).all() for gradient in gradients.values())


def test_reload(tmp_path):
    initializer = keras.initializers.RandomNormal(stddev=0.3)
    arguments = {"dropout": 0.25, "use_bias": False, "kernel_initializer": initializer, "seed": 3, "num_kv_heads": 1}
    model = functional(MultiHeadAttention(N, H, V, **arguments), D, D_VALUE, return_attention_scores=True)
    check_reload(model, [QUERY, VALUE], tmp_path)


@pytest.mark.parametrize("value_dim", [None, V])
@pytest.mark.parametrize("steps", [[1] * S, [3, 1, 1], [2, 3], [S]])
@pytest.mark.parametrize("index_type", [int, np.int64])
def test_step_by_step_equals_whole(steps, value_dim, index_type):
    inputs = normal(B, S, D, seed=4)
    layer = built(inputs.shape, inputs.shape, value_dim=value_dim)
    whole, whole_scores = layer(inputs, inputs, use_causal_mask=True, return_attention_scores=True)
    cache, start = layer.empty_cache(B, S + 2), 0  # room for more than is used
    for length in steps:
        x = inputs[:, start : start + length]
        output, scores, cache = layer(x, x, cache=cache, cache_index=index_type(start), return_attention_scores=True)
        rows = slice(start, start + length)
        np.testing.assert_allclose(numbers(output), numbers(whole)[:, rows], atol=1e-5)
        np.testing.assert_allclose(numbers(scores)[..., :S], numbers(whole_scores)[:, :, rows], atol=1e-6)
        assert not numbers(scores)[..., S:].any()
        start += length
    assert not numbers(cache["key"])[:, S:].any()


@pytest.mark.parametrize("kv_heads", [1, 2, 3])
def test_grouped_queries_share_keys_and_values(kv_heads):
    """It is attention over heads repeated 6 / K times each; the layer itself never repeats them."""
    layer = MultiHeadAttention(6, H, V, num_kv_heads=kv_heads)
    layer(QUERY, VALUE)
    shuffle_weights(layer)
    assert layer.key_dense.kernel.shape == (D_VALUE, kv_heads, H)
    weights = layer.get_weights()
    for i in range(2, 6):  # kernels and biases of key and value
        weights[i] = np.repeat(weights[i], 6 // kv_heads, axis=-2)
    output, scores = layer(QUERY, VALUE, value_mask=KEY_MASK, return_attention_scores=True)
    expected = oracle.multi_head_attention(QUERY, VALUE, weights, mask=KEY_MASK[:, None, None])
    np.testing.assert_allclose(numbers(output), expected[0], atol=2e-5)
    np.testing.assert_allclose(numbers(scores), expected[1], atol=1e-5)
    cache = layer.filled_cache(VALUE)
    assert tuple(cache["key"].shape) == (B, S, kv_heads, H)
    np.testing.assert_allclose(numbers(layer(QUERY, cache=cache, value_mask=KEY_MASK)), expected[0], atol=2e-5)


def test_rotary_positions_with_and_without_a_cache():
    layer = MultiHeadAttention(6, 4, num_kv_heads=2, position=RotaryPosition())
    inputs = normal(B, S, D, seed=4)
    whole = numbers(layer(inputs, inputs, use_causal_mask=True))
    plain = MultiHeadAttention(6, 4, num_kv_heads=2)
    plain(inputs, inputs)
    plain.set_weights(layer.get_weights())
    assert np.abs(numbers(plain(inputs, inputs, use_causal_mask=True)) - whole).max() > 1e-3
    cache, start = layer.empty_cache(B, S), 0
    for length in (2, 1, 2):
        x = inputs[:, start : start + length]
        output, cache = layer(x, x, cache=cache, cache_index=start)
        np.testing.assert_allclose(numbers(output), whole[:, start : start + length], atol=1e-5)
        start += length
    with pytest.raises(ValueError, match="is for self-attention"):
        layer.filled_cache(inputs)


@pytest.mark.parametrize("width", [1, 3])
@pytest.mark.parametrize("length", [1, T])
def test_beams_share_their_sources_keys(width, length):
    layer = cross(value_dim=V)
    query = normal(B * width, length, D, seed=6)
    output, scores = layer(query, cache=layer.filled_cache(VALUE), value_mask=KEY_MASK, return_attention_scores=True)
    repeated, mask = np.repeat(VALUE, width, 0), np.repeat(KEY_MASK, width, 0)
    expected = layer(query, repeated, value_mask=mask, return_attention_scores=True)
    assert tuple(scores.shape) == (B * width, N, length, S)
    np.testing.assert_allclose(numbers(output), numbers(expected[0]), atol=1e-5)
    np.testing.assert_allclose(numbers(scores), numbers(expected[1]), atol=1e-6)


def test_caches_have_the_compute_dtype():
    layer = cross(dtype="mixed_bfloat16")
    for cache in (layer.empty_cache(B, S), layer.filled_cache(VALUE)):
        assert {keras.backend.standardize_dtype(x.dtype) for x in cache.values()} == {"bfloat16"}
    cached = layer(QUERY, cache=layer.filled_cache(VALUE))
    np.testing.assert_allclose(numbers(cached), numbers(layer(QUERY, VALUE)), atol=0.05)  # maybe another implementation


def test_lora_reaches_the_joined_projections(tmp_path):
    layer = MultiHeadAttention(N, H)
    inputs = keras.Input((None, D))
    model = keras.Model(inputs, layer(inputs, inputs))
    before = numbers(model(QUERY))
    layer.query_dense.enable_lora(2)
    assert np.array_equal(numbers(model(QUERY)), before)  # its second factor starts at zero
    down, up = layer.query_dense.lora_kernel_a, layer.query_dense.lora_kernel_b
    up.assign(normal(*up.shape, seed=1))
    weights = [keras.ops.convert_to_numpy(w) for dense in sublayers(layer) for w in (dense._kernel, dense.bias)]
    update = np.tensordot(keras.ops.convert_to_numpy(down), keras.ops.convert_to_numpy(up), 1)
    weights[0] = weights[0] + layer.query_dense.lora_alpha / layer.query_dense.lora_rank * update
    expected, _ = oracle.multi_head_attention(QUERY, QUERY, weights)
    assert not np.allclose(expected, before, atol=1e-2)
    np.testing.assert_allclose(numbers(model(QUERY)), expected, atol=2e-5)
    check_reload(model, QUERY, tmp_path)


def sublayers(layer):
    return [layer.query_dense, layer.key_dense, layer.value_dense, layer.output_dense]


@pytest.mark.filterwarnings("ignore:Layer .* does not have a `quantize` method")
def test_int8_stays_near():
    layer = MultiHeadAttention(N, H, V)
    model = functional(layer, D, D_VALUE)
    before = numbers(model([QUERY, VALUE]))
    model.quantize("int8")
    assert [dense.quantization_mode for dense in sublayers(layer)] == ["int8"] * 4
    after = numbers(model([QUERY, VALUE]))
    assert not np.array_equal(after, before)
    np.testing.assert_allclose(after, before, atol=0.03 * np.abs(before).max())
    cached = numbers(layer(QUERY, cache=layer.filled_cache(VALUE)))
    np.testing.assert_allclose(cached, after, atol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"num_heads": 0}, r"^`num_heads` must be a positive integer\. Received: num_heads=0$"),
        ({"key_dim": 2.0}, r"^`key_dim` must be a positive integer\. Received: key_dim=2\.0$"),
        ({"value_dim": -1}, r"^`value_dim` must be a positive integer\. Received: value_dim=-1$"),
        ({"dropout": 1.0}, r"^`dropout` must be at least 0 and below 1\. Received: dropout=1\.0$"),
        ({"num_kv_heads": 0}, r"^`num_kv_heads` must be a positive integer\. Received: num_kv_heads=0$"),
        ({"num_kv_heads": 3}, r"^`num_kv_heads` must divide `num_heads`\. Received: num_kv_heads=3, num_heads=7$"),
    ],
)
def test_wrong_arguments_are_named(arguments, text):
    with pytest.raises(ValueError, match=text):
        MultiHeadAttention(**{"num_heads": N, "key_dim": H, **arguments})


def test_wrong_calls_are_named():
    layer = cross()
    with pytest.raises(ValueError, match=r"`value_mask`|`key_mask` has rank 3; expected .*\[B, S\]"):
        layer(QUERY, VALUE, value_mask=np.ones((B, T, S), bool))
    with pytest.raises(ValueError, match=r"`attention_mask` has rank 1; expected .*\[B, N, T, S\]"):
        layer(QUERY, VALUE, attention_mask=np.ones((S,), bool))
    with pytest.raises(ValueError, match=r"only with a filled `cache`\. Received: value=None"):
        layer(QUERY)
    with pytest.raises(ValueError, match=r"^The first call makes the weights.* Received: value=None$"):
        MultiHeadAttention(N, H)(QUERY)
