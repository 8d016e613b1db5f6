"""Recurrent cells, attention over a memory and the encoder-decoder, in plain NumPy float64 loops: one row at a time,
without padding, without batches.

Weights come by name or as Keras hands them out: the gates of a GRU in the order update, reset, candidate; those of an
LSTM in the order input, forget, candidate, output.
"""

import math

import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def simple_step(x, states, weights):
    """`h = tanh(W x + U h + b)`."""
    (h,), (kernel, recurrent, bias) = states, weights
    h = np.tanh(x @ kernel + h @ recurrent + bias)
    return h, [h]


def gru_step(x, states, weights):
    """Cho et al. 2014, equations 5 to 8, but as in cuDNN the reset gate comes after the product with the matrix."""
    (h,), (kernel, recurrent, bias) = states, weights
    (w_z, w_r, w_c), (u_z, u_r, u_c) = np.split(kernel, 3, axis=1), np.split(recurrent, 3, axis=1)
    (b_z, b_r, b_c), (d_z, d_r, d_c) = np.split(bias[0], 3), np.split(bias[1], 3)
    z = sigmoid(x @ w_z + h @ u_z + b_z + d_z)
    r = sigmoid(x @ w_r + h @ u_r + b_r + d_r)
    candidate = np.tanh(x @ w_c + b_c + r * (h @ u_c + d_c))
    h = z * h + (1 - z) * candidate
    return h, [h]


def lstm_step(x, states, weights):
    """Gers et al. 2000: input, forget and output gate around a cell."""
    (h, c), (kernel, recurrent, bias) = states, weights
    i, f, candidate, o = np.split(x @ kernel + h @ recurrent + bias, 4)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(candidate)
    h = sigmoid(o) * np.tanh(c)
    return h, [h, c]


STEPS = {"simple": simple_step, "gru": gru_step, "lstm": lstm_step}
NUM_STATES = {"simple": 1, "gru": 1, "lstm": 2}


def stacked_step(kind, x, states, weights):
    """Cells upon one another: `states` and `weights` hold a list for each."""
    new_states = []
    for own_states, own_weights in zip(states, weights, strict=True):
        x, own_states = STEPS[kind](x, own_states, own_weights)
        new_states.append(own_states)
    return x, new_states


def score(kind, q, k, weights):
    """One query against one key: Luong et al. 2015, equation 8; Bahdanau et al. 2015, appendix A.1.2; cosine."""
    if kind == "dot":
        return q @ k
    if kind == "general":
        return q @ (k @ weights["key"])
    if kind == "cosine":
        return weights["sharpness"] * (q @ k) / (math.sqrt(q @ q) * math.sqrt(k @ k))
    return weights["score"] @ np.tanh(q @ weights["query"] + k @ weights["key"] + weights.get("bias", 0.0))


def context_of(kind, q, memory, mask, weights):
    """The context and the probabilities of one query; zeros where nothing may be attended to."""
    probabilities, context = np.zeros(len(memory)), np.zeros(memory.shape[1])
    powers = {s: math.exp(score(kind, q, memory[s], weights)) for s in range(len(memory)) if mask[s]}
    for s, power in powers.items():
        probabilities[s] = power / sum(powers.values())
        context += probabilities[s] * memory[s]
    return context, probabilities


def attending_steps(
    inputs, vector, states, memory, mask, weights, cell, attention, use_previous_state, activation=np.tanh
):
    """Runs an attention cell over the inputs of one row.

    Args:
        inputs: [T, D].
        vector: The first attentional vector [A].
        states: For each stacked cell a list of its states [H].
        memory: [S, D'].
        mask: Boolean [S].
        weights: Dict with `cells` (three arrays each), `attention` (a dict) and `vector` [D' + H, A].
        cell: Kind of the cells.
        attention: Kind of the score.
        use_previous_state: Bahdanau's order rather than Luong's.
        activation: That of the vectors.

    Returns:
        Vectors [T, A], probabilities [T, S], the last states.
    """
    vectors, all_probabilities = [], []
    for x in np.asarray(inputs, "float64"):
        if use_previous_state:  # c_i from s_(i-1), then s_i from s_(i-1), y_(i-1) and c_i
            context, probabilities = context_of(attention, states[-1][0], memory, mask, weights["attention"])
            h, states = stacked_step(cell, np.concatenate([x, context]), states, weights["cells"])
        else:  # h_t from h_(t-1), y_(t-1) and the previous attentional vector, then c_t from h_t
            h, states = stacked_step(cell, np.concatenate([x, vector]), states, weights["cells"])
            context, probabilities = context_of(attention, h, memory, mask, weights["attention"])
        vector = activation(np.concatenate([context, h]) @ weights["vector"])  # Luong et al., equation 5
        vectors.append(vector)
        all_probabilities.append(probabilities)
    return np.array(vectors), np.array(all_probabilities), states


def bidirectional(inputs, forward, backward, cell):
    """One row [S, D] read in both directions; outputs [S, 2 H] and the last states, both ways joined."""

    def read(sequence, weights):
        units = weights[1].shape[0]
        states, outputs = [np.zeros(units)] * NUM_STATES[cell], []
        for x in sequence:
            h, states = STEPS[cell](x, states, weights)
            outputs.append(h)
        return outputs, states

    (ahead, last), (back, first) = read(inputs, forward), read(inputs[::-1], backward)
    outputs = [np.concatenate(pair) for pair in zip(ahead, back[::-1], strict=True)]
    return np.array(outputs), [np.concatenate(pair) for pair in zip(last, first, strict=True)]


def rnn_seq2seq(source, target, weights, cell, attention, use_previous_state):
    """The encoder-decoder on one pair of unpadded id sequences.

    Args:
        source: Ids [S].
        target: Ids [T].
        weights: Dict with `embedding` [V, D]; `encoder`, for each layer (forward, backward); `bridges`, for each
            state (kernel, bias); and what `attending_steps` wants.
        cell: Kind of the cells.
        attention: Kind of the score.
        use_previous_state: Bahdanau's order rather than Luong's.

    Returns:
        Logits [T, V] and probabilities [T, S].
    """
    embedding = weights["embedding"]
    scale = math.sqrt(embedding.shape[1])
    memory, states = embedding[source] * scale, []
    bridges = iter(weights["bridges"])
    for forward, backward in weights["encoder"]:
        memory, last = bidirectional(memory, forward, backward, cell)
        bridged = [(state, *next(bridges)) for state in last]
        states.append([np.tanh(state @ kernel + bias) for state, kernel, bias in bridged])
    mask, zeros = np.ones(len(source), bool), np.zeros(weights["vector"].shape[1])
    inputs = embedding[target] * scale
    kinds = {"cell": cell, "attention": attention, "use_previous_state": use_previous_state, "activation": np.asarray}
    vectors, probabilities, _ = attending_steps(inputs, zeros, states, memory, mask, weights, **kinds)
    return vectors @ embedding.T, probabilities


def attention_weights(layer):
    """The weights of a BahdanauAttention or LuongAttention by the names that `score` wants."""
    weights = {}
    for name in ("query", "key"):
        if hasattr(layer, f"{name}_dense"):
            weights[name], *bias = (np.asarray(w, "float64") for w in getattr(layer, f"{name}_dense").get_weights())
            weights |= {"bias": bias[0]} if bias else {}
    for name in ("score_weights", "sharpness"):
        if hasattr(layer, name):
            weights[name.removesuffix("_weights")] = np.asarray(getattr(layer, name), "float64")
    return weights


def cell_weights(cell):
    """The weights of an `AttentionCell` by the names that `attending_steps` wants."""
    cells = getattr(cell.cell, "cells", [cell.cell])
    return {
        "cells": [[np.asarray(weight, "float64") for weight in one.get_weights()] for one in cells],
        "attention": attention_weights(cell.attention),
        "vector": np.asarray(cell.vector_dense.get_weights()[0], "float64"),
    }


def model_weights(model, num_layers):
    """The weights of a `models.rnn_seq2seq` by the names that `rnn_seq2seq` wants."""

    def arrays(layer):
        return [np.asarray(weight, "float64") for weight in layer.get_weights()]

    encoders = [model.get_layer(f"encoder_{i}") for i in range(num_layers)]
    cell = model.get_layer("decoder").cell
    return {
        "embedding": arrays(model.get_layer("embedding"))[0],
        "encoder": [(arrays(e.forward_layer.cell), arrays(e.backward_layer.cell)) for e in encoders],
        "bridges": [arrays(model.get_layer(f"bridge_{i}")) for i in range(len(cell.state_size) - 1)],
        **cell_weights(cell),
    }
