"""What attention and its neighbours compute, written as plain NumPy loops in float64.

Nothing here is fast or shares a line with the package: the tests compare the two. Weights come as Keras hands them out
(`layer.get_weights()`): kernels and biases in the order query, key, value, output.
"""

import math

import numpy as np


def softmax_attention(query, key, value, mask=None, scale=None, bias=0.0):
    """Attention for each row, head and query by itself.

    Args:
        query: [B, T, N, H].
        key: [B, S, K, H]; head n looks at key-value head n // (N/K).
        value: [B, S, K, V].
        mask: Boolean, broadcasts to [B, N, T, S]; True = may attend.
        scale: Factor on the scores; `1 / sqrt(H)` when None.
        bias: Added to the scores, broadcasts to [B, N, T, S].

    Returns:
        Outputs [B, T, N, V] and probabilities [B, N, T, S]; zeros where a query may attend to nothing.
    """
    query, key, value = (np.asarray(x, "float64") for x in (query, key, value))
    batch, length, heads, dim = query.shape
    keys, groups = key.shape[1], heads // key.shape[2]
    bias = np.broadcast_to(np.asarray(bias, "float64"), (batch, heads, length, keys))
    scale = 1 / math.sqrt(dim) if scale is None else scale
    mask = np.broadcast_to(True if mask is None else np.asarray(mask, bool), (batch, heads, length, keys))
    outputs = np.zeros((batch, length, heads, value.shape[-1]))
    probabilities = np.zeros((batch, heads, length, keys))
    for b in range(batch):
        for n in range(heads):
            for t in range(length):
                allowed = [s for s in range(keys) if mask[b, n, t, s]]
                if not allowed:
                    continue
                scores = [scale * float(query[b, t, n] @ key[b, s, n // groups]) + bias[b, n, t, s] for s in allowed]
                highest = max(scores)
                total = sum(math.exp(score - highest) for score in scores)
                for s, score in zip(allowed, scores, strict=True):
                    probabilities[b, n, t, s] = math.exp(score - highest) / total
                    outputs[b, t, n] += probabilities[b, n, t, s] * value[b, s, n // groups]
    return outputs, probabilities


def rotate_by_position(inputs, start=0, max_wavelength=10000.0):
    """Rotary positions: each pair (i, i + H/2) as a complex number, times e^(i angle); [B, T, N, H]."""
    inputs = np.asarray(inputs, "float64")
    half = inputs.shape[-1] // 2
    outputs = np.zeros_like(inputs)
    for t in range(inputs.shape[1]):
        for i in range(half):
            turn = np.exp(1j * (start + t) / max_wavelength ** (i / half))
            turned = (inputs[:, t, :, i] + 1j * inputs[:, t, :, i + half]) * turn
            outputs[:, t, :, i], outputs[:, t, :, i + half] = turned.real, turned.imag
    return outputs


def single_head_attention(query, value, score, key=None, mask=None):
    """Classic attention with any score of one query and one key.

    Args:
        query: [B, T, D].
        value: [B, S, D'].
        score: Function of two vectors that gives a number.
        key: [B, S, D'']; `value` when None.
        mask: Boolean, broadcasts to [B, T, S].

    Returns:
        Outputs [B, T, D'] and probabilities [B, T, S].
    """
    query, value = np.asarray(query, "float64"), np.asarray(value, "float64")
    key = value if key is None else np.asarray(key, "float64")
    batch, length, keys = len(query), query.shape[1], key.shape[1]
    mask = np.broadcast_to(True if mask is None else np.asarray(mask, bool), (batch, length, keys))
    outputs, probabilities = np.zeros((batch, length, value.shape[-1])), np.zeros((batch, length, keys))
    for b in range(batch):
        for t in range(length):
            powers = {s: math.exp(score(query[b, t], key[b, s])) for s in range(keys) if mask[b, t, s]}
            for s, power in powers.items():
                probabilities[b, t, s] = power / sum(powers.values())
                outputs[b, t] += probabilities[b, t, s] * value[b, s]
    return outputs, probabilities


def causal_mask(query_length, key_length, query_start):
    """[T, S]: query i stands at `query_start + i` and sees the keys up to there."""
    return np.array([[s <= query_start + t for s in range(key_length)] for t in range(query_length)])


def window_mask(query_length, key_length, window, query_start):
    """[T, S]: what a `SlidingWindow` shows, pair by pair."""
    mask = np.zeros((query_length, key_length), bool)
    for t in range(query_length):
        for s in range(key_length):
            steps, rest = divmod(query_start + t - s, window.dilation)
            mask[t, s] = rest == 0 and -window.after <= steps <= window.before
            mask[t, s] |= s < window.num_global or 0 <= query_start + t < window.num_global
    return mask


def multi_head_attention(query, value, weights, key=None, mask=None):
    """Projects each head by itself, attends, and sums the heads' outputs.

    Args:
        query: [B, T, D].
        value: [B, S, D'].
        weights: Four kernels [D, N, H], [D'', N, H], [D', N, V], [N, V, D], each followed by its bias if there are.
        key: [B, S, D'']; `value` when None.
        mask: Boolean, broadcasts to [B, N, T, S].

    Returns:
        Outputs [B, T, D] and probabilities [B, N, T, S].
    """
    weights = [np.asarray(weight, "float64") for weight in weights]
    kernels, biases = (weights[::2], weights[1::2]) if len(weights) == 8 else (weights, [0.0] * 4)
    inputs = (query, value if key is None else key, value)
    heads = [np.einsum("btd,dnh->btnh", x, k) + b for x, k, b in zip(inputs, kernels[:3], biases[:3], strict=True)]
    outputs, probabilities = softmax_attention(*heads, mask=mask)
    joined = sum(outputs[:, :, n] @ kernels[3][n] for n in range(outputs.shape[2]))
    return joined + biases[3], probabilities


def layer_norm(inputs, gamma, beta, epsilon):
    """Mean 0 and variance 1 along the last axis, then scaled and shifted."""
    outputs = np.zeros(inputs.shape)
    for place in np.ndindex(inputs.shape[:-1]):
        row = np.asarray(inputs[place], "float64")
        mean = row.sum() / len(row)
        variance = ((row - mean) ** 2).sum() / len(row)
        outputs[place] = (row - mean) / math.sqrt(variance + epsilon) * gamma + beta
    return outputs


def feed_forward(inputs, weights, activation=lambda x: np.maximum(x, 0.0)):
    """Two linear maps with an activation between; `weights` are W1, b1, W2, b2."""
    first, first_bias, second, second_bias = (np.asarray(weight, "float64") for weight in weights)
    return activation(inputs @ first + first_bias) @ second + second_bias


def sinusoidal_positions(length, dim, start=0):
    """[T, D]: sine and cosine of each position, pair by pair."""
    rows = np.zeros((length, dim))
    for t in range(length):
        for i in range(dim // 2):
            angle = (start + t) / 10000 ** (2 * i / dim)
            rows[t, 2 * i], rows[t, 2 * i + 1] = math.sin(angle), math.cos(angle)
    return rows


def residual(inputs, sublayer, norm, normalize_first, epsilon):
    """`norm(x + f(x))`, or with `normalize_first` `x + f(norm(x))`; `norm` is gamma and beta."""
    if normalize_first:
        return inputs + sublayer(layer_norm(inputs, *norm, epsilon))
    return layer_norm(inputs + sublayer(inputs), *norm, epsilon)


def encoder_block(inputs, weights, normalize_first=False, epsilon=1e-5, padding_mask=None):
    """An encoder block without dropout.

    Args:
        inputs: [B, T, D].
        weights: Dict of lists: `self_attention` (8), `feed_forward` (4), `self_attention_residual` (2: gamma, beta) and
            `feed_forward_residual` (2).
        normalize_first: Pre-norm.
        epsilon: Of the normalization.
        padding_mask: Boolean [B, T].

    Returns:
        [B, T, D].
    """
    mask = None if padding_mask is None else padding_mask[:, None, None, :]

    def attend(x):
        return multi_head_attention(x, x, weights["self_attention"], mask=mask)[0]

    rule = (normalize_first, epsilon)
    x = residual(inputs, attend, weights["self_attention_residual"], *rule)
    return residual(x, lambda y: feed_forward(y, weights["feed_forward"]), weights["feed_forward_residual"], *rule)


def decoder_block(
    inputs, encoder_output, weights, normalize_first=False, epsilon=1e-5, padding_mask=None, encoder_padding_mask=None
):
    """A decoder block without dropout; arguments as in `encoder_block`.

    Args:
        inputs: [B, T, D].
        encoder_output: [B, S, D'].
        weights: As in `encoder_block`, with `cross_attention` (8) and `cross_attention_residual` (2).
        normalize_first: Pre-norm.
        epsilon: Of the normalization.
        padding_mask: Boolean [B, T].
        encoder_padding_mask: Boolean [B, S].

    Returns:
        [B, T, D] and the cross-attention's probabilities [B, N, T, S].
    """
    length = inputs.shape[1]
    mask = causal_mask(length, length, 0)[None, None]
    if padding_mask is not None:
        mask = mask & padding_mask[:, None, None, :]
    cross_mask = None if encoder_padding_mask is None else encoder_padding_mask[:, None, None, :]
    probabilities = []

    def attend(x):
        return multi_head_attention(x, x, weights["self_attention"], mask=mask)[0]

    def cross_attend(x):
        y, seen = multi_head_attention(x, encoder_output, weights["cross_attention"], mask=cross_mask)
        probabilities.append(seen)
        return y

    rule = (normalize_first, epsilon)
    x = residual(inputs, attend, weights["self_attention_residual"], *rule)
    x = residual(x, cross_attend, weights["cross_attention_residual"], *rule)
    x = residual(x, lambda y: feed_forward(y, weights["feed_forward"]), weights["feed_forward_residual"], *rule)
    return x, probabilities[0]


def smoothed_target(label, size, label_smoothing):
    """The distribution that a label stands for: `1 - e` on it, and `e` spread evenly over all classes."""
    target = np.full(size, label_smoothing / size)
    target[label] += 1 - label_smoothing
    return target


def crossentropy(labels, logits, label_smoothing=0.0):
    """`-sum(target * log softmax(logits))` for each label."""
    labels, logits = np.asarray(labels), np.asarray(logits, "float64")
    losses = np.zeros(labels.shape)
    for place in np.ndindex(labels.shape):
        row = logits[place] - logits[place].max()
        log_probabilities = row - math.log(sum(math.exp(value) for value in row))
        losses[place] = -(smoothed_target(labels[place], len(row), label_smoothing) * log_probabilities).sum()
    return losses


def crossentropy_gradient(labels, logits, label_smoothing=0.0, upstream=None):
    """The gradient of `sum(upstream * crossentropy)` by the logits: `upstream * (softmax - target)`."""
    labels, logits = np.asarray(labels), np.asarray(logits, "float64")
    upstream = np.ones(labels.shape) if upstream is None else upstream
    slopes = np.zeros(logits.shape)
    for place in np.ndindex(labels.shape):
        row = np.exp(logits[place] - logits[place].max())
        target = smoothed_target(labels[place], len(row), label_smoothing)
        slopes[place] = upstream[place] * (row / row.sum() - target)
    return slopes
