"""`MultiHeadAttention.from_keras`: Keras's numbers wherever they are right, and better ones where they are not."""

import inspect

import keras
import numpy as np
import pytest

from keras_attn.layers import MultiHeadAttention
from keras_attn.ops import SlidingWindow
from tests import oracle
from tests.layer_checks import check_reload, normal, numbers, shuffle_weights

B, T, S, N, H, V, D = 2, 5, 7, 3, 4, 6, 11
QUERY, VALUE, KEY = normal(B, T, D, seed=1), normal(B, S, 13, seed=2), normal(B, S, 17, seed=3)
MASK = np.random.default_rng(1).random((B, T, S)) < 0.6
MASK[..., 0] = True  # everybody sees something


def theirs(*shapes, **arguments):
    layer = keras.layers.MultiHeadAttention(N, H, **arguments)
    layer.build(*shapes)
    shuffle_weights(layer)
    return layer


CASES = {
    "self": ([QUERY, QUERY], {}, {}),
    "cross": ([QUERY, VALUE], {"value_dim": V}, {}),
    "key apart": ([QUERY, VALUE, KEY], {"use_bias": False}, {}),
    "causal": ([QUERY, QUERY], {"seed": 3}, {"use_causal_mask": True}),
    "mask": ([QUERY, VALUE], {}, {"attention_mask": MASK}),
    "mask of heads": ([QUERY, VALUE], {}, {"attention_mask": np.repeat(MASK[:, None], N, axis=1)}),
    "window": ([QUERY, QUERY], {"sliding_window": 2}, {}),
    "causal window": ([QUERY, QUERY], {"sliding_window": 3}, {"use_causal_mask": True}),
    "gate": ([QUERY, VALUE], {"use_gate": True, "value_dim": V}, {}),
    "output shape": ([QUERY, VALUE], {"output_shape": 19}, {}),
    "output shapes": ([QUERY, VALUE], {"output_shape": (2, 5)}, {}),
}


@pytest.mark.parametrize("with_scores", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_it_gives_keras_numbers(name, with_scores):
    inputs, arguments, call = CASES[name]
    if keras.backend.backend() == "jax" and "value_dim" in arguments and not with_scores:
        pytest.skip("Keras's layer fails on JAX where values have a size of their own")
    layer = theirs(*(x.shape for x in inputs), **arguments)
    ours = MultiHeadAttention.from_keras(layer)
    assert ours.name == layer.name and [w.path for w in ours.weights] == [w.path for w in layer.weights]
    found, wanted = (x(*inputs, **call, return_attention_scores=with_scores) for x in (ours, layer))
    for one, other in zip(keras.tree.flatten(found), keras.tree.flatten(wanted), strict=True):
        assert one.shape == other.shape
        np.testing.assert_allclose(numbers(one), numbers(other), atol=2e-5)


GRID, OTHER = normal(B, 3, 4, 5, D, seed=4), normal(B, 3, 2, 7, 13, seed=5)


@pytest.mark.parametrize("axes", [None, (2, 3), (-3,), 2])
@pytest.mark.parametrize("masked", [False, True])
def test_attention_over_several_axes(axes, masked):
    other = GRID if axes not in ((2, 3),) else OTHER
    layer = theirs(GRID.shape, other.shape, attention_axes=axes, value_dim=V)
    ours = MultiHeadAttention.from_keras(layer)
    try:
        _, wanted = layer(GRID, other, return_attention_scores=True)
    except Exception as error:
        if "Input dims must be <= 5" in str(error):  # of oneDNN's softmax, with AVX-512
            pytest.skip("Keras's own layer cannot do it on this machine")
        raise
    mask = np.random.default_rng(2).random(wanted.shape) < 0.7 if masked else None
    found, wanted = (x(GRID, other, attention_mask=mask, return_attention_scores=True) for x in (ours, layer))
    for one, other_one in zip(found, wanted, strict=True):
        assert one.shape == other_one.shape
        np.testing.assert_allclose(numbers(one), numbers(other_one), atol=2e-5)
    if masked:
        headless = mask[:, 0] if axes is None else mask[:, :, 0] if axes in ((2, 3),) else mask[:, :, :, 0]
        assert numbers(ours(GRID, other, attention_mask=headless)).shape == GRID.shape


def test_the_arguments_of_keras_are_all_here():
    wanted = inspect.signature(keras.layers.MultiHeadAttention.__init__).parameters
    ours = inspect.signature(MultiHeadAttention.__init__).parameters
    assert [x for x in wanted if x not in ours] == ["activity_regularizer"]  # Keras's base class takes it
    wanted = inspect.signature(keras.layers.MultiHeadAttention.call).parameters
    assert list(wanted) == list(inspect.signature(MultiHeadAttention.call).parameters)[: len(wanted)]


def test_where_keras_is_wrong_ours_is_not():
    layer = theirs(QUERY.shape, VALUE.shape)
    ours = MultiHeadAttention.from_keras(layer)
    output, scores = ours(keras.Input((T, D)), keras.Input((S, 13)), return_attention_scores=True)
    assert output.shape == (None, T, D) and scores.shape == (None, N, T, S)
    causal = numbers(ours(QUERY, VALUE, use_causal_mask=True))  # right-aligned: the queries are the last of S
    mask = oracle.causal_mask(T, S, S - T)[None, None]
    np.testing.assert_allclose(
        causal, oracle.multi_head_attention(QUERY, VALUE, ours.get_weights(), mask=mask)[0], atol=2e-5
    )
    nothing = np.zeros((B, T, S), bool)
    np.testing.assert_allclose(numbers(ours(QUERY, VALUE, attention_mask=nothing)), [[ours.get_weights()[-1]] * T] * B)


def test_masks_of_the_inputs_are_heeded_and_handed_on():
    ids = np.array([[3, 4, 0, 5, 0], [1, 2, 3, 4, 5]])
    embedding = keras.layers.Embedding(7, D, mask_zero=True)
    x = embedding(ids)
    layer = theirs((B, T, D), (B, T, D))
    ours = MultiHeadAttention.from_keras(layer)
    output = ours(x, x)
    wanted, _ = oracle.multi_head_attention(numbers(x), numbers(x), ours.get_weights(), mask=(ids > 0)[:, None, None])
    np.testing.assert_allclose(numbers(output)[ids > 0], wanted[ids > 0], atol=2e-5)
    assert np.array_equal(numbers(output._keras_mask), ids > 0)


def test_a_summary_and_a_reload(tmp_path, capsys):
    query, value = keras.Input((None, D)), keras.Input((None, 13))
    arguments = {"output_shape": (2, 5), "sliding_window": SlidingWindow(2, 1), "kernel_regularizer": "l2"}
    layer = MultiHeadAttention(N, H, **arguments)
    model = keras.Model([query, value], layer(query, value))
    model.summary(line_length=150)
    assert "(MultiHeadAttention)" in capsys.readouterr().out
    assert model.output_shape == (None, None, 2, 5) and len(model.losses) == 4
    check_reload(model, [QUERY, VALUE], tmp_path)


def test_what_cannot_be_taken_over_is_refused():
    for wrong in (keras.layers.Dense(3), keras.layers.MultiHeadAttention(N, H)):
        with pytest.raises(ValueError, match=r"called or built, so that it has weights\. Received: layer="):
            MultiHeadAttention.from_keras(wrong)
    with pytest.raises(ValueError, match=r"leave the regularizer out\. Received: layer="):
        MultiHeadAttention.from_keras(theirs(QUERY.shape, VALUE.shape, activity_regularizer="l2"))
    ours = MultiHeadAttention(N, H, attention_axes=(0, 1))
    with pytest.raises(ValueError, match=r"so from 1 to 3\. Received: attention_axes=\(0, 1\)"):
        ours(GRID, GRID)
    with pytest.raises(ValueError, match=r"go with `attention_mask` alone\. Received: query\.shape="):
        MultiHeadAttention(N, H)(GRID, GRID, value_mask=np.ones((B, 3), bool))
    with pytest.raises(ValueError, match=r"equally many axes.* Received: query\.shape="):
        MultiHeadAttention(N, H)(GRID, QUERY)
    with pytest.raises(ValueError, match=r"`attention_mask` must have 3 to 6 axes.* Received: attention_mask\.shape="):
        MultiHeadAttention(N, H, attention_axes=2)(GRID, GRID, attention_mask=np.ones((3, 3), bool))


def test_flash_attention_is_the_fused_kernel():
    layer = MultiHeadAttention(N, H, flash_attention=True)
    if keras.backend.backend() == "tensorflow":
        with pytest.raises(ValueError, match="'fused' is JAX's or PyTorch's own kernel; the backend is tensorflow"):
            layer(QUERY, QUERY)
        return
    layer.build(QUERY.shape, QUERY.shape)
    wanted, _ = oracle.multi_head_attention(QUERY, QUERY, layer.get_weights())
    np.testing.assert_allclose(numbers(layer(QUERY, QUERY)), wanted, atol=2e-5)
