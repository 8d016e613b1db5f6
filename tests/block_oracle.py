"""The newer parts of blocks as plain NumPy loops in float64: RMS norm, gated networks, grouped and rotated heads."""

import math

import numpy as np

from tests import oracle


def rms_norm(inputs, scale, epsilon):
    """Root mean square 1 along the last axis, then scaled."""
    outputs = np.zeros(inputs.shape)
    for place in np.ndindex(inputs.shape[:-1]):
        row = np.asarray(inputs[place], "float64")
        mean_square = sum(x * x for x in row) / len(row)
        outputs[place] = [x / math.sqrt(mean_square + epsilon) * g for x, g in zip(row, scale, strict=True)]
    return outputs


def silu(inputs):
    """`x sigmoid(x)`, also called Swish."""
    return inputs / (1.0 + np.exp(-inputs))


def gelu(inputs):
    """`x` times the share of a normal distribution below it."""
    return inputs * (1.0 + np.vectorize(math.erf)(inputs / math.sqrt(2.0))) / 2.0


def gated_feed_forward(inputs, weights, activation):
    """`(activation(x Wg + bg) * (x W1 + b1)) W2 + b2`; `weights` are W1, b1, Wg, bg, W2, b2."""
    first, first_bias, gate, gate_bias, second, second_bias = (np.asarray(weight, "float64") for weight in weights)
    return (activation(inputs @ gate + gate_bias) * (inputs @ first + first_bias)) @ second + second_bias


def grouped_attention(query, value, kernels, mask=None, rotate=False):
    """Attention without biases whose query heads share key-value heads, rotated by position or not.

    Args:
        query: [B, T, D].
        value: [B, S, D'].
        kernels: [D, N, H], [D', K, H], [D', K, H], [N, H, D].
        mask: Boolean, broadcasts to [B, N, T, S].
        rotate: Whether queries and keys are rotated.

    Returns:
        [B, T, D].
    """
    kernels = [np.asarray(kernel, "float64") for kernel in kernels]
    group = kernels[0].shape[1] // kernels[1].shape[1]
    queries, keys, values = (
        np.einsum("btd,dnh->btnh", x, kernel) for x, kernel in zip((query, value, value), kernels[:3], strict=True)
    )
    shared = [n // group for n in range(kernels[0].shape[1])]
    keys, values = keys[:, :, shared], values[:, :, shared]
    if rotate:
        queries, keys = oracle.rotate_by_position(queries), oracle.rotate_by_position(keys)
    outputs, _ = oracle.softmax_attention(queries, keys, values, mask)
    return sum(outputs[:, :, n] @ kernels[3][n] for n in range(outputs.shape[2]))


def residual(inputs, sublayer, scale, normalize_first, epsilon):
    """`norm(x + f(x))`, or with `normalize_first` `x + f(norm(x))`, normalized by the root mean square."""
    if normalize_first:
        return inputs + sublayer(rms_norm(inputs, scale, epsilon))
    return rms_norm(inputs + sublayer(inputs), scale, epsilon)


def modern_block(inputs, weights, normalize_first, epsilon, mask=None, encoder_output=None, encoder_mask=None):
    """A block of RMS norms, rotated grouped attention and a SwiGLU network, without biases and dropout.

    Args:
        inputs: [B, T, D].
        weights: Dict of lists by sublayer, as `layer_checks.block_weights` gives them.
        normalize_first: Pre-norm.
        epsilon: Of the normalization.
        mask: Boolean, broadcasts to [B, N, T, T].
        encoder_output: [B, S, D'] for a decoder block, else None.
        encoder_mask: Boolean, broadcasts to [B, N, T, S].

    Returns:
        [B, T, D].
    """
    first, gate, second = weights["feed_forward"]
    network = [first, np.zeros(first.shape[1]), gate, np.zeros(gate.shape[1]), second, np.zeros(second.shape[1])]
    sublayers = {
        "self_attention": lambda x: grouped_attention(x, x, weights["self_attention"], mask, rotate=True),
        "cross_attention": lambda x: grouped_attention(x, encoder_output, weights["cross_attention"], encoder_mask),
        "feed_forward": lambda x: gated_feed_forward(x, network, silu),
    }
    x = np.asarray(inputs, "float64")
    for name, sublayer in sublayers.items():
        if name in weights:
            x = residual(x, sublayer, *weights[f"{name}_residual"], normalize_first, epsilon)
    return x
