"""The attending loop against Keras's own, which carries the memory along, and against the oracle's steps."""

import re

import keras
import numpy as np
import pytest

from keras_attn.layers import AttentionCell, AttentionRNN, BahdanauAttention, LuongAttention
from tests import recurrent_oracle
from tests.layer_checks import check_gradients, check_reload, normal, numbers, shuffle_weights, weight_gradients

B, T, S, D, H, D_MEMORY, A = 2, 3, 5, 4, 7, 11, 6
INPUTS, MEMORY = normal(B, T, D, seed=1), normal(B, S, D_MEMORY, seed=2)
MASK = np.array([[True, False, True, True, False], [True] * S])
INPUT_MASK = np.array([[True, True, False], [False, True, True]])


def new_cell(use_previous_state=False):
    """A cell of two stacked LSTMs."""
    cell = keras.layers.StackedRNNCells([keras.layers.LSTMCell(H), keras.layers.LSTMCell(H)])
    return AttentionCell(cell, LuongAttention("general"), D_MEMORY, A, use_previous_state)


def states_of(cell):
    return [normal(B, size, seed=10 + i) for i, size in enumerate(cell.state_size)]


def built(layer_class, cell=None, **arguments):
    cell = cell or new_cell()
    layer = layer_class(cell, **{"return_sequences": True, **arguments})
    layer(INPUTS, initial_state=[*states_of(cell), MEMORY, MASK])
    return layer


def output_of(layer, inputs=INPUTS, memory=MEMORY, mask=None):
    return layer(inputs, initial_state=[*states_of(layer.cell), memory, MASK], mask=mask)


@pytest.mark.parametrize("use_previous_state", [False, True])
def test_it_equals_the_loops(use_previous_state):
    layer = built(AttentionRNN, new_cell(use_previous_state))
    shuffle_weights(layer)
    output = numbers(output_of(layer))
    for b in range(B):
        vector, *flat = (state[b].astype("float64") for state in states_of(layer.cell))
        fixed = MEMORY[b].astype("float64"), MASK[b], recurrent_oracle.cell_weights(layer.cell)
        expected, _, _ = recurrent_oracle.attending_steps(
            INPUTS[b], vector, [flat[:2], flat[2:]], *fixed, "lstm", "general", use_previous_state
        )
        np.testing.assert_allclose(output[b], expected, atol=1e-5)


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"return_sequences": False},
        {"go_backwards": True},
        {"unroll": True},
        {"return_state": True},
        {"zero_output_for_mask": True},
    ],
)
def test_it_equals_kerass_own_loop(arguments):
    layer, plain = built(AttentionRNN, **arguments), built(keras.layers.RNN, **arguments)
    plain.set_weights(layer.get_weights())
    received, expected = (keras.tree.flatten(output_of(x)) for x in (layer, plain))
    # Keras's also hands back the memory and its mask.
    assert len(received) == (1 + len(layer.cell.state_size) if layer.return_state else 1)
    for first, second in zip(received, expected, strict=False):
        np.testing.assert_allclose(numbers(first), numbers(second), atol=1e-6)


@pytest.mark.parametrize("arguments", [{}, {"zero_output_for_mask": True}, {"return_sequences": False}])
def test_masked_inputs_change_no_state(arguments):
    layer = built(AttentionRNN, **arguments)
    output = numbers(output_of(layer, mask=INPUT_MASK))
    for b in range(B):  # each row by itself, with the steps that are masked left out
        states = [state[b : b + 1] for state in states_of(layer.cell)]
        row = layer(INPUTS[b : b + 1, INPUT_MASK[b]], initial_state=[*states, MEMORY[b : b + 1], MASK[b : b + 1]])
        seen = output[b][INPUT_MASK[b]] if layer.return_sequences else output[b]
        np.testing.assert_allclose(seen, numbers(row)[0], atol=1e-6)
        if layer.zero_output_for_mask:
            assert not output[b][~INPUT_MASK[b]].any()


def test_what_the_memorys_mask_hides_has_no_influence():
    layer = built(AttentionRNN)
    altered = np.where(MASK[..., None], MEMORY, 77.0).astype("float32")
    assert np.array_equal(numbers(output_of(layer)), numbers(output_of(layer, memory=altered)))


def functional(layer_class, attention=None):
    """A model of a GRU cell with the memory among its inputs."""
    cell = AttentionCell(keras.layers.GRUCell(H), attention or LuongAttention("general"), D_MEMORY, A)
    inputs, memory = keras.Input((None, D)), keras.Input((None, D_MEMORY))
    mask, vector, state = keras.Input((None,), dtype="bool"), keras.Input((A,)), keras.Input((H,))
    layer = layer_class(cell, return_sequences=True)
    outputs = layer(inputs, initial_state=[vector, state, memory, mask])
    return keras.Model([inputs, memory, mask, vector, state], outputs), layer


DATA = [INPUTS, MEMORY, MASK, normal(B, A, seed=3), normal(B, H, seed=4)]
UPSTREAM = normal(B, T, A, seed=5)


def test_shapes_saving_and_gradients(tmp_path):
    model, _ = functional(AttentionRNN)
    assert model.output_shape == (None, None, A)
    check_reload(model, DATA, tmp_path)
    check_gradients(model, DATA, UPSTREAM)


def test_gradients_equal_those_of_kerass_own_loop():
    (model, _), (plain, _) = functional(AttentionRNN), functional(keras.layers.RNN)
    plain.set_weights(model.get_weights())
    received, expected = (list(weight_gradients(x, DATA, UPSTREAM).values()) for x in (model, plain))
    for first, second in zip(received, expected, strict=True):
        np.testing.assert_allclose(first, second, atol=1e-5)


def loss_of(weights):
    """What `weight_gradients` differentiates, by the oracle."""
    total = 0.0
    for b in range(B):
        inputs, memory, mask, vector, state = (x[b] for x in DATA)
        fixed = memory.astype("float64"), mask, weights
        states = [[state.astype("float64")]]
        vectors, _, _ = recurrent_oracle.attending_steps(inputs, vector, states, *fixed, "gru", "additive", False)
        total += float((UPSTREAM[b] * vectors).sum())
    return total


def test_gradients_equal_finite_differences():
    model, layer = functional(AttentionRNN, BahdanauAttention(units=13))
    shuffle_weights(model)
    weights, step = recurrent_oracle.cell_weights(layer.cell), 1e-5
    gradients = weight_gradients(model, DATA, UPSTREAM)
    arrays = {
        "gru_cell/kernel": weights["cells"][0][0],
        "gru_cell/recurrent_kernel": weights["cells"][0][1],
        "query/kernel": weights["attention"]["query"],
        "key/kernel": weights["attention"]["key"],
        "score_weights": weights["attention"]["score"],
        "attentional_vector/kernel": weights["vector"],
    }
    for name, array in arrays.items():
        (gradient,) = (gradients[path] for path in gradients if re.sub(r"_\d+/", "/", path).endswith(name))
        direction = np.random.default_rng(0).normal(size=array.shape)
        array += step * direction
        above = loss_of(weights)
        array -= 2 * step * direction
        slope = (above - loss_of(weights)) / (2 * step)
        array += step * direction
        assert float((gradient * direction).sum()) == pytest.approx(slope, rel=1e-3, abs=1e-3), name


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_half_precision(policy):
    def cell(dtype):
        arguments = {"cell": keras.layers.GRUCell(H, dtype=dtype), "attention": LuongAttention("concat", dtype=dtype)}
        return AttentionCell(**arguments, memory_dim=D_MEMORY, dtype=dtype)

    exact, half = built(AttentionRNN, cell("float32")), built(AttentionRNN, cell(policy), dtype=policy)
    half.set_weights(exact.get_weights())
    assert {weight.dtype for weight in half.weights} == {"float32"}
    output = output_of(half)
    assert keras.backend.standardize_dtype(output.dtype) == policy.removeprefix("mixed_")
    np.testing.assert_allclose(numbers(output), numbers(output_of(exact)), atol=0.05)


def test_another_cell_is_refused():
    with pytest.raises(ValueError, match=r"`cell` must be an AttentionCell.*keras\.layers\.RNN\. Received: cell=<GRU"):
        AttentionRNN(keras.layers.GRUCell(H))


def test_a_memory_is_needed():
    with pytest.raises(ValueError, match=r"initial_state=\[vector, \*cell_states, memory, memory_mask\].*Received"):
        AttentionRNN(new_cell())(INPUTS)
