"""Blockwise attention against loops and, for gradients, against the plain path; tiles are small, so there are many.

Tolerances: 2e-5 absolute in float32, for numbers of the order of 1.
"""

import keras
import numpy as np
import pytest

from keras_attn import ops
from tests import attention_cases as cases
from tests.layer_checks import numbers

if keras.backend.backend() != "tensorflow":
    pytest.skip("blockwise attention is written for TensorFlow", allow_module_level=True)

import tensorflow as tf

from keras_attn.ops.blockwise_tensorflow import blockwise_attention

T, S = 23, 37
MASKS, ARRAYS = cases.masks(T, S), cases.arrays(T, S)
CALLS = {
    "plain": {},
    "causal": {"is_causal": True},
    "window": {"window": ops.SlidingWindow(11, 3)},
    "causal window": {"window": ops.SlidingWindow(9), "is_causal": True},
    **{f"mask of {name}": {"mask": [mask]} for name, mask in MASKS.items()},
    **{f"bias of {name}": {"bias": [array]} for name, array in ARRAYS.items()},
    **{scheme: {"scheme": scheme} for scheme in cases.FUNCTIONS},
    "shaw, causal, masked": {"scheme": "shaw", "is_causal": True, "mask": [MASKS["keys"]]},
    "transformer_xl, window": {"scheme": "transformer_xl", "window": ops.SlidingWindow(11, 3)},
    "all": {
        "scheme": "t5",
        "mask": [MASKS["keys"], MASKS["pairs"]],
        "bias": [ARRAYS["heads"], ARRAYS["all"]],
        "is_causal": True,
        "window": ops.SlidingWindow(30),
    },
    "begun before": {"is_causal": True, "query_start": 5},
}
TENSORS = {"grouped": cases.tensors(T, S, kv_heads=2), "multi-query": cases.tensors(T, S, kv_heads=1)}


def blockwise(query, key, value, block=16, dropout=0.0, seed=None, **call):
    """A call in small tiles."""
    options = cases.options(**call)
    window = options.pop("window", None)
    after = 0 if options.pop("is_causal", False) else window and window.after
    query = tf.convert_to_tensor(query)
    return blockwise_attention(
        query / query.shape[-1] ** 0.5,
        *map(tf.convert_to_tensor, (key, value)),
        masks=options["mask"],
        biases=[x if isinstance(x, ops.ScoreBias) else tf.convert_to_tensor(x) for x in options["bias"]],
        value_bias=options["value_bias"],
        before=window and window.before,
        after=after,
        query_start=options.get("query_start"),
        dropout=dropout,
        seed=seed,
        block=block,
    )


@pytest.mark.parametrize("call", CALLS)
def test_it_equals_the_loops(call):
    inputs = cases.tensors(T, S)
    np.testing.assert_allclose(blockwise(*inputs, **CALLS[call]), cases.expected(*inputs, **CALLS[call])[0], atol=2e-5)


@pytest.mark.parametrize("call", ["causal", "mask of heads", "bias of all", "alibi", "shaw", "all"])
@pytest.mark.parametrize("kind", TENSORS)
def test_query_heads_that_share_keys(kind, call):
    inputs = TENSORS[kind]
    np.testing.assert_allclose(blockwise(*inputs, **CALLS[call]), cases.expected(*inputs, **CALLS[call])[0], atol=2e-5)


@pytest.mark.parametrize(("length", "key_length"), [(37, 23), (1, 29), (29, 1), (16, 16), (17, 32)])
@pytest.mark.parametrize("call", ["plain", "causal", "window", "alibi", "shaw"])
def test_lengths_that_fill_tiles_or_do_not(length, key_length, call):
    inputs = cases.tensors(length, key_length)
    np.testing.assert_allclose(blockwise(*inputs, **CALLS[call]), cases.expected(*inputs, **CALLS[call])[0], atol=2e-5)


def gradients(attend, inputs, call):
    """Gradients by queries, keys, values, array biases and the weights of functions."""
    inputs = [tf.constant(x) for x in inputs]
    arrays = [tf.constant(x) for x in call.get("bias", ())]
    scheme = call.get("scheme")
    weights = [tf.constant(x) for x in cases.WEIGHTS.get(scheme, [])]
    watched = [*inputs, *arrays, *weights]
    with tf.GradientTape() as tape:
        tape.watch(watched)
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(cases.WEIGHTS, scheme, weights)
            output = attend(*inputs, **{**call, "bias": arrays})
        loss = tf.reduce_sum(output * np.random.default_rng(9).normal(size=output.shape).astype("float32"))
    return [tf.convert_to_tensor(gradient) for gradient in tape.gradient(loss, watched)]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("kv_heads", [cases.N, 2])
def test_gradients_equal_those_of_the_plain_path(call, kv_heads):
    def dense(*inputs, **call):
        return ops.dot_product_attention(*inputs, implementation="dense", **cases.options(**call))

    inputs = cases.tensors(T, S, kv_heads)
    found, wanted = (gradients(attend, inputs, CALLS[call]) for attend in (blockwise, dense))
    for ours, plain in zip(found, wanted, strict=True):
        # What adds the same to all scores of a query changes nothing.
        assert np.abs(plain).max() > 1e-3 or plain.shape[-1] == 1
        np.testing.assert_allclose(ours, plain, atol=2e-5 * max(1, np.abs(plain).max()))


def test_what_the_structure_rules_out_is_not_computed():
    query, key, value = cases.tensors(64, 64)
    key[:, 48:], value[:, 48:] = np.nan, np.nan  # a tile of its own, which the first 48 queries never meet
    output = blockwise(query, key, value, is_causal=True)
    assert np.isfinite(output[:, :48]).all() and np.isnan(output[:, 48:]).all()
    query, key, value = cases.tensors(64, 64)
    key[:, :16] = np.nan
    output = blockwise(query, key, value, window=ops.SlidingWindow(8, 8))
    assert np.isfinite(output[:, 32:]).all() and np.isnan(output[:, :16]).all()


def test_dropout_is_the_same_forward_and_backward():
    query, key, _ = cases.tensors(T, S)
    ones = np.broadcast_to(np.eye(S, dtype="float32")[None, :, None], (cases.B, S, cases.N, S))
    weights = blockwise(query, key, ones, dropout=0.25, seed=3, is_causal=True)  # [B, T, N, S], what is left of them
    _, full = cases.expected(query, key, ones, is_causal=True)
    full = full.transpose(0, 2, 1, 3)
    left = numbers(weights) != 0
    np.testing.assert_allclose(numbers(weights)[left], full[left] / 0.75, rtol=1e-4)
    assert 0.7 < left[full > 1e-6].mean() < 0.8
    per_tile = [left[:, :, n, :16][full[:, :, n, :16] > 0].mean() for n in range(cases.N)]
    assert len(set(per_tile)) == cases.N  # heads draw their own numbers
    value, upstream = (np.random.default_rng(i).normal(size=(cases.B, n, cases.N, 7)) for i, n in enumerate((S, T)))
    value, upstream = value.astype("float32"), upstream.astype("float32")
    inputs = [tf.constant(x) for x in (query, key, value)]
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        output = blockwise(*inputs, dropout=0.25, seed=3, is_causal=True)
        loss = tf.reduce_sum(output * upstream)
    by_query, _, by_value = tape.gradient(loss, inputs)
    np.testing.assert_allclose(by_value, np.einsum("btns,btnv->bsnv", weights, upstream), atol=2e-5)
    step = np.zeros_like(query)
    step[0, 20, 2, 1] = 0.02
    ends = [blockwise(query + sign * step, key, value, dropout=0.25, seed=3, is_causal=True) for sign in (1, -1)]
    slope = float(tf.reduce_sum((ends[0] - ends[1]) * upstream)) / 0.04
    np.testing.assert_allclose(by_query[0, 20, 2, 1], slope, rtol=0.02, atol=1e-3)


def test_a_seed_generator_draws_anew_at_each_call():
    inputs, seed = cases.tensors(T, S), keras.random.SeedGenerator(7)
    first, second = (blockwise(*inputs, dropout=0.5, seed=seed) for _ in range(2))
    assert not np.allclose(first, second)
    np.testing.assert_array_equal(first, blockwise(*inputs, dropout=0.5, seed=keras.random.SeedGenerator(7)))
    assert not np.allclose(blockwise(*inputs, dropout=0.5), blockwise(*inputs, dropout=0.5))


@pytest.mark.parametrize(("dtype", "tolerance"), [("bfloat16", 0.03), ("float16", 0.004)])
def test_half_precision(dtype, tolerance):
    inputs = [tf.cast(x, dtype) for x in cases.tensors(T, S)]
    output = blockwise(*inputs, is_causal=True, mask=[MASKS["keys"]])
    assert output.dtype == dtype
    rounded = [numbers(x) for x in inputs]
    wanted, _ = cases.expected(*rounded, is_causal=True, mask=[MASKS["keys"]])
    np.testing.assert_allclose(numbers(output), wanted, atol=tolerance)
    found = gradients(blockwise, inputs, {"is_causal": True})
    assert all(x.dtype == dtype and np.isfinite(numbers(x)).all() for x in found)


@pytest.mark.parametrize("farthest", [-600.0, -41.0, -39.0, 39.0, 41.0, 600.0])
def test_scores_far_from_zero_keep_their_precision(farthest):
    _, key, value = cases.tensors(T, S)
    query = np.sign(farthest) * np.repeat(key[:, :1].mean(2, keepdims=True), T, axis=1).repeat(cases.N, axis=2)
    lengths = [np.linalg.norm(x, axis=-1).max() for x in (query, key)]
    query = (query * abs(farthest) * np.sqrt(cases.H) / np.prod(lengths)).astype("float32")
    call = {"is_causal": True, "query_start": -3}
    wanted = cases.expected(query, key, value, **call)[0]
    np.testing.assert_allclose(blockwise(query, key, value, **call), wanted, atol=abs(farthest) * 1e-6)
    assert all(np.isfinite(x).all() for x in gradients(blockwise, (query, key, value), call))


def test_a_graph_of_unknown_sizes_holds_no_tensor_of_all_scores():
    length = 4096
    specs = [tf.TensorSpec((None, None, cases.N, dim)) for dim in (cases.H, cases.H, cases.V)]

    @tf.function(input_signature=specs, autograph=False)
    def train(query, key, value):
        with tf.GradientTape() as tape:
            tape.watch([query, key, value])
            output = ops.dot_product_attention(query, key, value, is_causal=True, implementation="blockwise")
        return output, tape.gradient(output, [query, key, value])

    inputs = cases.tensors(T, S)
    output, found = train(*inputs)
    np.testing.assert_allclose(output, cases.expected(*inputs, is_causal=True)[0], atol=2e-5)
    assert [x.shape for x in found] == [x.shape for x in inputs]

    known = [tf.TensorSpec((1, length, cases.N, spec.shape[-1])) for spec in specs]
    graph = train.python_function
    graph = tf.function(graph, input_signature=known, autograph=False).get_concrete_function().graph
    graphs = [graph, *(function.graph for function in graph._functions.values() if hasattr(function, "graph"))]
    sizes = [
        output.shape.num_elements() or 0
        for one in graphs
        for operation in one.get_operations()
        for output in operation.outputs
        if output.shape.rank is not None
    ]
    assert len(sizes) > 100 and max(sizes) < length * length / 2
