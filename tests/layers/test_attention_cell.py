"""The attending cell against the papers' equations, one row and one step at a time."""

import itertools

import keras
import numpy as np
import pytest

from keras_attn.layers import AttentionCell, BahdanauAttention, LuongAttention
from keras_attn.layers.attention_cell import beams_apart
from tests import recurrent_oracle
from tests.layer_checks import check_config, normal, numbers, shuffle_weights

B, S, D, H, D_MEMORY, A = 3, 5, 4, 7, 11, 6
CELLS = {"simple": keras.layers.SimpleRNNCell, "gru": keras.layers.GRUCell, "lstm": keras.layers.LSTMCell}
ATTENTION = ("dot", "general", "concat", "cosine", "additive")
INPUTS = normal(B, D, seed=1)
MASK = np.array([[True, False, True, True, False], [False] * S, [True] * S])  # the second row has nothing to see


def unbuilt_cell(kind="gru", attention="general", num_layers=1, **arguments):
    """A cell; the scores that need it get a memory as wide as the cell."""
    memory_dim = H if attention in ("dot", "cosine") else D_MEMORY
    score = BahdanauAttention(units=13) if attention == "additive" else LuongAttention(attention)
    cells = [CELLS[kind](H) for _ in range(num_layers)]
    cell = cells[0] if num_layers == 1 else keras.layers.StackedRNNCells(cells)
    return AttentionCell(cell, score, memory_dim, **{"attention_dim": A, **arguments})


def new_cell(*kind, **arguments):
    """A cell with random weights."""
    layer = unbuilt_cell(*kind, **arguments)
    layer.build((None, D))
    shuffle_weights(layer)
    return layer


def states_of(cell, rows=B):
    return [normal(rows, size, seed=10 + i) for i, size in enumerate(cell.state_size)]


def loops(cell, kind, attention, inputs, states, memory, mask):
    """Vectors, probabilities and last states of each row, from the oracle."""
    per_cell = recurrent_oracle.NUM_STATES[kind]
    results = []
    for b, row in enumerate(inputs):
        vector, *flat = (state[b].astype("float64") for state in states)
        nested = [flat[i : i + per_cell] for i in range(0, len(flat), per_cell)]
        fixed = memory[b].astype("float64"), mask[b], recurrent_oracle.cell_weights(cell)
        kinds = {"cell": kind, "attention": attention, "use_previous_state": cell.use_previous_state}
        results.append(recurrent_oracle.attending_steps([row], vector, nested, *fixed, **kinds))
    return results


@pytest.mark.parametrize(
    ("kind", "attention", "use_previous_state", "num_layers"),
    [
        *itertools.product(CELLS, ATTENTION, [False, True], [1]),
        *itertools.product(CELLS, ["general"], [False, True], [2]),
    ],
)
def test_the_equations(kind, attention, use_previous_state, num_layers):
    cell = new_cell(kind, attention, num_layers, use_previous_state=use_previous_state)
    states, memory = states_of(cell), normal(B, S, cell.memory_dim, seed=2)
    vector, after, scores = cell(INPUTS, [*states, memory, MASK], return_attention_scores=True)
    for b, (vectors, probabilities, last) in enumerate(loops(cell, kind, attention, INPUTS, states, memory, MASK)):
        np.testing.assert_allclose(numbers(vector)[b], vectors[0], atol=1e-5)
        np.testing.assert_allclose(numbers(scores)[b], probabilities[0], atol=1e-5)
        for state, expected in zip(after[1:], itertools.chain(*last), strict=False):
            np.testing.assert_allclose(numbers(state)[b], expected, atol=1e-5)
    assert np.array_equal(numbers(after[0]), numbers(vector))  # it is fed back
    assert len(after) == len(states) + 2 and not numbers(scores)[1].any()


def test_what_the_output_feeds():
    """Input feeding: the previous vector enters Luong's step; in Bahdanau's order the context does in its place."""
    for use_previous_state in (False, True):
        cell = new_cell(use_previous_state=use_previous_state)
        (vector, hidden), memory = states_of(cell), normal(B, S, D_MEMORY, seed=2)
        first, second = (numbers(cell(INPUTS, [x, hidden, memory, MASK])[0]) for x in (vector, vector + 1))
        assert np.array_equal(first, second) == use_previous_state


@pytest.mark.parametrize("attention", ATTENTION)
def test_keys_made_beforehand_change_nothing(attention):
    cell = new_cell(attention=attention)
    states, memory = states_of(cell), normal(B, S, cell.memory_dim, seed=2)
    plain = cell(INPUTS, [*states, memory, MASK])[0]
    prepared = cell(INPUTS, [*states, memory, MASK, cell.project_memory(memory)])[0]
    assert np.array_equal(numbers(plain), numbers(prepared))


def test_what_the_mask_hides_has_no_influence():
    cell = new_cell()
    states, memory = states_of(cell), normal(B, S, D_MEMORY, seed=2)
    altered = np.where(MASK[..., None], memory, 77.0).astype("float32")
    first, second = (numbers(cell(INPUTS, [*states, x, MASK])[0]) for x in (memory, altered))
    assert np.array_equal(first, second)
    as_numbers = cell(INPUTS, [*states, memory, MASK.astype("float32")])[0]  # as Keras's RNN casts its states
    assert np.array_equal(numbers(as_numbers), first)


@pytest.mark.parametrize("use_previous_state", [False, True])
def test_beams_share_their_memory(use_previous_state):
    width, cell = 3, new_cell("lstm", use_previous_state=use_previous_state)
    states, memory = states_of(cell, width * B), normal(B, S, D_MEMORY, seed=2)
    inputs = normal(width * B, D, seed=3)
    together = cell(inputs, [*states, memory, MASK], return_attention_scores=True)
    copied = [np.repeat(x, width, axis=0) for x in (memory, MASK)]
    apart = cell(inputs, [*states, *copied], return_attention_scores=True)
    np.testing.assert_allclose(numbers(together[0]), numbers(apart[0]), atol=1e-6)
    np.testing.assert_allclose(numbers(together[2]), numbers(apart[2]), atol=1e-6)
    for state, expected in zip(together[1][:3], apart[1][:3], strict=True):
        np.testing.assert_allclose(numbers(state), numbers(expected), atol=1e-6)


def test_beams_apart():
    rows = np.arange(12, dtype="float32").reshape(6, 2)
    assert np.array_equal(numbers(beams_apart(rows, 2)), rows.reshape(2, 3, 2))
    assert tuple(beams_apart(np.zeros((0, 2), "float32"), 0).shape) == (0, 0, 2)


def test_the_output_is_as_wide_as_the_cell_by_default():
    cell = new_cell("lstm", num_layers=2, attention_dim=None)
    assert cell.output_size == H and cell.state_size == [H] * 5
    assert cell.attention_dim is None and cell.vector_dense.units == H
    assert new_cell().state_size == [A, H]


@pytest.mark.parametrize("num_layers", [1, 2])
def test_config(num_layers):
    cell = unbuilt_cell(
        "lstm", "concat", num_layers, use_previous_state=True, activation="relu", dtype="mixed_bfloat16"
    )
    again = check_config(cell)
    assert type(again.cell) is type(cell.cell) and again.attention.score == "concat"
    again.build((None, D))
    cell.build((None, D))
    assert [weight.shape for weight in again.weights] == [weight.shape for weight in cell.weights]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"memory_dim": 0}, r"`memory_dim` must be a positive integer\. Received: memory_dim=0$"),
        ({"attention_dim": -1}, r"`attention_dim` must be a positive integer\. Received: attention_dim=-1$"),
        ({"attention": keras.layers.Attention()}, r"must be a BahdanauAttention or a LuongAttention.*Received: attent"),
        ({"attention": LuongAttention(dropout=0.1)}, r"leave it off in `cell` and `attention`.*Received: cell="),
        ({"cell": keras.layers.GRUCell(H, dropout=0.1)}, r"leave it off in `cell` and `attention`.*Received: cell="),
        ({"cell": keras.layers.LSTMCell(H, recurrent_dropout=0.1)}, r"Dropout layers around the RNN"),
    ],
)
def test_wrong_arguments_are_named(arguments, text):
    valid = {"cell": keras.layers.GRUCell(H), "attention": LuongAttention(), "memory_dim": D_MEMORY}
    with pytest.raises(ValueError, match=text):
        AttentionCell(**{**valid, **arguments})


def test_a_memory_is_needed():
    with pytest.raises(ValueError, match=r"initial_state=\[vector, \*cell_states, memory, memory_mask\].*Received"):
        keras.layers.RNN(new_cell())(normal(B, 2, D))
