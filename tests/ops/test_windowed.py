"""Windowed attention against loops and, for gradients, against the plain path; blocks are small, so there are many.

Tolerances: 2e-5 absolute in float32, for numbers of the order of 1.
"""

import functools

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_attn import ops
from keras_attn.ops import SlidingWindow, windowed
from keras_attn.ops.windowed import windowed_attention
from tests import attention_cases as cases
from tests.layer_checks import normal, numbers

T, S = 23, 37
BACKEND = keras.backend.backend()
tensorflow_alone = pytest.mark.skipif(BACKEND != "tensorflow", reason="uses TensorFlow's graphs or gradients")
MASKS, ARRAYS = cases.masks(T, S), cases.arrays(T, S)
NEAR = SlidingWindow(5, 2)
CALLS = {
    "own position": {"window": SlidingWindow(0)},
    "before": {"window": SlidingWindow(7)},
    "after": {"window": SlidingWindow(0, 5)},
    "both sides": {"window": NEAR},
    "causal": {"window": NEAR, "is_causal": True},
    "longer than all": {"window": SlidingWindow(1000, 10**9)},
    "dilated": {"window": SlidingWindow(3, 2, dilation=3)},
    "dilated, causal": {"window": SlidingWindow(3, 2, dilation=7), "is_causal": True},
    "global": {"window": SlidingWindow(3, 1, num_global=17)},
    "global, causal": {"window": SlidingWindow(3, 1, num_global=17), "is_causal": True},
    "global, dilated, masked": {
        "window": SlidingWindow(2, 1, dilation=2, num_global=16),
        "mask": [MASKS["keys"], MASKS["heads"]],
        "bias": [ARRAYS["keys"], ARRAYS["all"]],
    },
    **{f"mask of {name}": {"window": NEAR, "mask": [mask]} for name, mask in MASKS.items()},
    **{f"bias of {name}": {"window": NEAR, "bias": [array]} for name, array in ARRAYS.items()},
    **{scheme: {"window": NEAR, "scheme": scheme} for scheme in cases.FUNCTIONS},
    **{
        f"{scheme}, dilated": {"window": SlidingWindow(3, 2, 3), "scheme": scheme} for scheme in ("alibi", "shaw", "t5")
    },
    "all": {
        "window": SlidingWindow(6, 3, dilation=2),
        "mask": list(MASKS.values()),
        "bias": list(ARRAYS.values()),
        "scheme": "shaw",
        "is_causal": True,
    },
}


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(windowed, "_LEAST_BLOCK", 4)


@pytest.fixture(params=["groups"] if BACKEND == "jax" else ["one group", "groups"])  # JAX spends a second on each
def groups(request, monkeypatch):
    """Computes the blocks together, or as few at a time as may be."""
    monkeypatch.setattr(windowed, "_MOST_SCORES", {"one group": 2**22, "groups": 1}[request.param])


def attend(query, key, value, window, scheme=None, mask=(), bias=(), **others):
    options = cases.options(scheme, mask, bias)
    return windowed_attention(
        query, key, value, window, options["mask"], options["bias"], options["value_bias"], **others
    )


def dense(*inputs, **call):
    return ops.dot_product_attention(*inputs, implementation="dense", **cases.options(**call))


def computed(inputs, call):
    """The outputs; JAX compiles the whole, which is faster than operation by operation."""
    if BACKEND != "jax":
        return numbers(attend(*inputs, **call))
    import jax

    return numbers(jax.jit(functools.partial(attend, **call))(*inputs))


def check(inputs, call):
    wanted = cases.expected(*inputs, **call)[0]
    found = computed(inputs, call)
    np.testing.assert_allclose(found, wanted, atol=2e-5)
    assert not found[~wanted.any(axis=-1)].any()  # nothing to attend to: exactly zero


@pytest.mark.parametrize("call", CALLS)
def test_it_equals_the_loops(call, groups):
    check(cases.tensors(T, S), CALLS[call])


@pytest.mark.parametrize("call", ["causal", "mask of heads", "shaw", "global", "all"])
@pytest.mark.parametrize("kv_heads", [2, 1])
def test_query_heads_that_share_keys(kv_heads, call):
    check(cases.tensors(T, S, kv_heads), CALLS[call])


@pytest.mark.parametrize(("length", "key_length"), [(37, 23), (1, 29), (29, 1), (16, 16), (17, 64)])
@pytest.mark.parametrize("call", ["causal", "dilated", "global, causal", "shaw"])
def test_lengths_that_fill_blocks_or_do_not(length, key_length, call):
    check(cases.tensors(length, key_length), CALLS[call])


@pytest.mark.parametrize(("length", "key_length"), [(0, 7), (7, 0)])
@pytest.mark.parametrize("num_global", [0, 2])
def test_nothing_to_look_at_or_nobody_who_looks(length, key_length, num_global):
    output = attend(*cases.tensors(length, key_length), SlidingWindow(3, 2, num_global=num_global))
    assert tuple(output.shape) == (cases.B, length, cases.N, cases.V) and not numbers(output).any()


@pytest.mark.parametrize("scale", [0.3, None])
def test_the_scale(scale):
    inputs = cases.tensors(T, S)
    rescaled = inputs[0] * (1.0 if scale is None else scale * cases.H**0.5)
    wanted = cases.expected(rescaled, *inputs[1:], window=NEAR)[0]
    np.testing.assert_allclose(computed(inputs, {"window": NEAR, "scale": scale}), wanted, atol=2e-5)


@pytest.mark.parametrize("is_causal", [True, False])
def test_a_window_over_everything_changes_nothing(is_causal):
    inputs = cases.tensors(29, 29)
    wanted = cases.expected(*inputs, is_causal=is_causal)[0]
    found = computed(inputs, {"window": SlidingWindow(28, 28), "is_causal": is_causal})
    np.testing.assert_allclose(found, wanted, atol=2e-5)


LENGTHS = st.integers(1, 41)
WINDOWS = st.builds(SlidingWindow, st.integers(0, 13), st.integers(0, 9), st.integers(1, 5), st.integers(0, 7))
FORMS = st.lists(st.tuples(*[st.booleans()] * 4), max_size=2)


@settings(max_examples=8 if BACKEND == "jax" else 30, deadline=None, derandomize=True)
@given(LENGTHS, LENGTHS, WINDOWS, st.booleans(), st.sampled_from([1, 2, 4]), FORMS, FORMS, st.sampled_from([1, 2**22]))
def test_any_setting_equals_the_loops(length, key_length, window, is_causal, kv_heads, masks, biases, most):
    generator, whole = np.random.default_rng(length), (cases.B, cases.N, length, key_length)
    shapes = [[tuple(np.where(form, whole, 1)) for form in forms] for forms in (masks, biases)]
    call = {
        "window": window,
        "is_causal": is_causal,
        "mask": [generator.random(shape) < 0.8 for shape in shapes[0]],
        "bias": [generator.normal(size=shape).astype("float32") for shape in shapes[1]],
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(windowed, "_MOST_SCORES", most)
        check(cases.tensors(length, key_length, kv_heads), call)


def gradients(function, inputs, call):
    """Gradients by queries, keys, values, array biases and the weights of functions."""
    import tensorflow as tf

    inputs = [tf.constant(x) for x in inputs]
    arrays = [tf.constant(x) for x in call.get("bias", ())]
    scheme = call.get("scheme")
    weights = [tf.constant(x) for x in cases.WEIGHTS.get(scheme, [])]
    watched = [*inputs, *arrays, *weights]
    with tf.GradientTape() as tape:
        tape.watch(watched)
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(cases.WEIGHTS, scheme, weights)
            output = function(*inputs, **{**call, "bias": arrays})
        loss = tf.reduce_sum(output * np.random.default_rng(9).normal(size=output.shape).astype("float32"))
    return [tf.convert_to_tensor(gradient) for gradient in tape.gradient(loss, watched)]


@tensorflow_alone
@pytest.mark.parametrize("call", CALLS)
def test_gradients_equal_those_of_the_plain_path(call, monkeypatch):
    monkeypatch.setattr(windowed, "_MOST_SCORES", 1 if len(call) % 2 else 2**22)  # in groups or together
    inputs = cases.tensors(T, S, kv_heads=2)
    found, wanted = (gradients(function, inputs, CALLS[call]) for function in (attend, dense))
    for ours, plain in zip(found, wanted, strict=True):
        assert np.abs(plain).max() > 1e-3 or plain.shape[-1] == 1 or call == "own position"
        np.testing.assert_allclose(ours, plain, atol=2e-5 * max(1, np.abs(plain).max()))


@tensorflow_alone
@pytest.mark.parametrize(
    ("call", "known"),
    [
        ("causal", "nothing"),
        ("global", "nothing"),
        ("dilated", "nothing"),
        ("longer than all", "nothing"),
        ("shaw", "batch"),
        ("global", "lengths"),
    ],
)
def test_graphs_of_unknown_sizes(call, known, monkeypatch):
    import tensorflow as tf

    monkeypatch.setattr(windowed, "_MOST_SCORES", 1)
    call = dict(CALLS[call])
    batch, length, key_length = {"nothing": (None,) * 3, "batch": (2, None, None), "lengths": (None, T, S)}[known]
    heads = (batch, length, cases.N, cases.H), (batch, key_length, 2, cases.H), (batch, key_length, 2, cases.V)
    specs = [tf.TensorSpec(shape) for shape in heads]
    pairs = tf.TensorSpec((batch, 1, length, key_length), "bool"), tf.TensorSpec((batch, 1, 1, key_length))

    @tf.function(input_signature=[*specs, *pairs], autograph=False)
    def graph(query, key, value, mask, bias):
        output = attend(query, key, value, mask=[mask], bias=[bias], **call)
        assert output.shape.as_list() == [batch, length, cases.N, cases.V]
        return output

    for sizes in [(T, S)] if length else [(T, S), (1, 1), (2, 31), (31, 2)]:
        inputs = cases.tensors(*sizes, kv_heads=2)
        mask, bias = cases.masks(*sizes)["heads"][:, :1], cases.arrays(*sizes)["keys"]
        wanted = dense(*inputs, mask=[mask], bias=[bias], **call)
        np.testing.assert_allclose(graph(*inputs, mask, bias), wanted, atol=2e-5)


@tensorflow_alone
@pytest.mark.parametrize("call", [{}, {"num_global": 3}])
def test_work_and_memory_grow_with_the_length_alone(call, monkeypatch):
    import tensorflow as tf

    monkeypatch.undo()  # blocks as they are
    length, before, after = 4096, 64, 31
    window = SlidingWindow(before, after, **call)
    specs = [tf.TensorSpec((1, length, cases.N, dim)) for dim in (cases.H, cases.H, cases.V)]
    specs.append(tf.TensorSpec((1, 1, 1, length), "bool"))

    @tf.function(input_signature=specs, autograph=False)
    def train(query, key, value, mask):
        with tf.GradientTape() as tape:
            tape.watch([query, key, value])
            output = attend(query, key, value, window, mask=[mask])
        return output, tape.gradient(output, [query, key, value])

    outputs = [x for operation in train.get_concrete_function().graph.get_operations() for x in operation.outputs]
    sizes = [x.shape.num_elements() or 0 for x in outputs if x.shape.rank is not None]
    assert len(sizes) > 100 and max(sizes) <= length * cases.N * (before + after + 128 + window.num_global)
    slow = {x.op.type for x in outputs if x.op.type.startswith("Xla") or x.op.type == "StridedSliceGrad"}
    assert not slow


def left_weights(dropout, seed, **call):
    """The weights [B, N, T, S] after dropout: values are the unit vectors of their positions."""
    query, key, _ = cases.tensors(T, S)
    units = np.broadcast_to(np.eye(S, dtype="float32")[None, :, None], (cases.B, S, cases.N, S))
    weights = numbers(attend(query, key, units, dropout=dropout, seed=seed, **call)).transpose(0, 2, 1, 3)
    return weights, cases.expected(query, key, units, **call)[1]


@pytest.mark.parametrize("window", [SlidingWindow(20, 20), SlidingWindow(3, 3, num_global=29)])
def test_dropout_takes_a_share_of_the_weights(window, groups):
    weights, whole = left_weights(0.25, 3, window=window)
    left = weights != 0
    np.testing.assert_allclose(weights[left], whole[left] / 0.75, rtol=1e-4)
    assert 0.72 < left[whole > 1e-6].mean() < 0.78
    assert np.array_equal(weights, left_weights(0.25, 3, window=window)[0])
    assert not np.array_equal(weights, left_weights(0.25, 4, window=window)[0])
    blocks = {left[b, n, t : t + 3, 10:20].tobytes() for b, n, t in np.ndindex(cases.B, cases.N, T - 2)}
    assert len(blocks) > 0.9 * cases.B * cases.N * (T - 2)  # each draws its own


def test_a_seed_generator_draws_anew_at_each_call(groups):
    seed = keras.random.SeedGenerator(7)
    first, second, again = (left_weights(0.5, x, window=NEAR)[0] for x in (seed, seed, keras.random.SeedGenerator(7)))
    assert not np.array_equal(first, second) and np.array_equal(first, again)


@pytest.mark.parametrize(("dtype", "tolerance"), [("bfloat16", 0.03), ("float16", 0.004)])
@pytest.mark.parametrize("call", ["causal", "global", "mask of pairs", "shaw"])
def test_half_precision(dtype, tolerance, call):
    inputs = [keras.ops.cast(x, dtype) for x in cases.tensors(T, S)]
    output = attend(*inputs, **CALLS[call])
    assert keras.backend.standardize_dtype(output.dtype) == dtype
    wanted, _ = cases.expected(*map(numbers, inputs), **CALLS[call])
    np.testing.assert_allclose(numbers(output), wanted, atol=tolerance * max(1, np.abs(wanted).max()))


def test_keys_outside_the_window_have_no_influence():
    query, key, value = cases.tensors(T, S)
    before = numbers(attend(query, key, value, NEAR))
    far = S - T + 10 - NEAR.before  # what query 10 sees first
    after = numbers(attend(query, *(np.where(np.arange(S)[:, None, None] < far, 999.0, x) for x in (key, value)), NEAR))
    assert np.array_equal(before[:, 10:], after[:, 10:]) and not np.array_equal(before[:, 9], after[:, 9])


@pytest.mark.parametrize("call", [{"scheme": "alibi"}, {"scheme": "shaw"}])
def test_functions_of_the_distance_beside_global_positions(call):
    with pytest.raises(
        ValueError, match=r"leave one of them out, or give the bias as an array\. Received: num_global=2$"
    ):
        attend(*cases.tensors(T, S), SlidingWindow(3, num_global=2), **call)


@pytest.mark.parametrize("shape", [(T, S), (1, 1, S, T), (cases.B, 3, 1, S), (1, 1, 1, S - 1)])
@pytest.mark.parametrize("name", ["mask", "bias"])
def test_what_names_no_pairs(name, shape):
    with pytest.raises(ValueError, match=rf"must have four axes and broadcast .* Received: {name}\w+ with shape="):
        attend(*cases.tensors(T, S), NEAR, **{name: [normal(*shape) > 0 if name == "mask" else normal(*shape)]})
