"""What relative positions add to attention, written from the papers as plain NumPy loops in float64.

Every function takes the positions of queries and keys as lists, so that tests can space and shift them as they like.
"""

import math

import numpy as np


def alibi(num_heads, query_positions, key_positions):
    """Press et al. 2022: -slope * distance, [N, T, S]; slopes as their published code computes them."""

    def slopes(count):
        if math.log2(count).is_integer():
            ratio = 2 ** (-(2 ** -(math.log2(count) - 3)))
            return [ratio ** (i + 1) for i in range(count)]
        lower = 2 ** math.floor(math.log2(count))
        return slopes(lower) + slopes(2 * lower)[0::2][: count - lower]

    bias = np.zeros((num_heads, len(query_positions), len(key_positions)))
    for n, slope in enumerate(slopes(num_heads)):
        for t, i in enumerate(query_positions):
            for s, j in enumerate(key_positions):
                bias[n, t, s] = -slope * abs(i - j)
    return bias


def shaw_row(i, j, most):
    """Shaw et al. 2018: clip(j - i, k), counted from the row of -k."""
    return max(-most, min(most, j - i)) + most


def shaw_scores(query, table, query_positions, key_positions):
    """Equation 4, the part with a^K, for queries [B, T, N, H] that are not scaled: [B, N, T, S]."""
    query, table = np.asarray(query, "float64"), np.asarray(table, "float64")
    batch, _, heads, dim = query.shape
    scores = np.zeros((batch, heads, len(query_positions), len(key_positions)))
    for b, n, t, s in np.ndindex(scores.shape):
        row = table[shaw_row(query_positions[t], key_positions[s], len(table) // 2)]
        scores[b, n, t, s] = query[b, t, n] @ row / math.sqrt(dim)
    return scores


def shaw_outputs(probabilities, table, query_positions, key_positions):
    """Equation 3, the part with a^V: [B, N, T, V]."""
    outputs = np.zeros((*probabilities.shape[:3], table.shape[1]))
    for b, n, t, s in np.ndindex(probabilities.shape):
        row = table[shaw_row(query_positions[t], key_positions[s], len(table) // 2)]
        outputs[b, n, t] += float(probabilities[b, n, t, s]) * row
    return outputs


def t5_bucket(distance, num_buckets, max_distance, bidirectional):
    """Raffel et al. 2020: the bucket of key position minus query position."""
    bucket, behind = 0, -distance
    if bidirectional:
        num_buckets //= 2
        if behind < 0:
            bucket, behind = num_buckets, -behind
    else:
        behind = max(behind, 0)
    exact = num_buckets // 2
    if behind < exact:
        return bucket + behind
    share = math.log(behind / exact) / math.log(max_distance / exact)
    return bucket + min(exact + math.floor(share * (num_buckets - exact) + 1e-9), num_buckets - 1)


def t5(table, query_positions, key_positions, max_distance, bidirectional):
    """The numbers of a table [buckets, N], [N, T, S]."""
    bias = np.zeros((table.shape[1], len(query_positions), len(key_positions)))
    for n, t, s in np.ndindex(bias.shape):
        distance = key_positions[s] - query_positions[t]
        bias[n, t, s] = table[t5_bucket(distance, len(table), max_distance, bidirectional), n]
    return bias


def transformer_xl_scores(query, key, weights, query_positions, key_positions):
    """Dai et al. 2019, section 3.3: terms (a) to (d) over sqrt(H), [B, N, T, S].

    Args:
        query: [B, T, N, H], projected.
        key: [B, S, N, H], projected.
        weights: W [N*H, N, H], u [N, H] and v [N, H].
        query_positions: T integers.
        key_positions: S integers.

    Returns:
        Scores [B, N, T, S].
    """
    query, key, kernel, u, v = (np.asarray(x, "float64") for x in (query, key, *weights))
    batch, _, heads, dim = query.shape
    scores = np.zeros((batch, heads, len(query_positions), len(key_positions)))
    for b, n, t, s in np.ndindex(scores.shape):
        distance = query_positions[t] - key_positions[s]
        far = np.zeros(dim)
        for d in range(len(kernel)):
            angle = distance / 10000 ** (d // 2 * 2 / len(kernel))
            far += (math.cos(angle) if d % 2 else math.sin(angle)) * kernel[d, n]
        content, place = query[b, t, n], key[b, s, n]
        terms = content @ place, content @ far, u[n] @ place, v[n] @ far
        scores[b, n, t, s] = sum(terms) / math.sqrt(dim)
    return scores
