"""Calls of dot-product attention and what loops say of them, for the tests of every implementation."""

import functools

import numpy as np

from keras_attn import ops
from tests import oracle, position_oracle
from tests.layer_checks import normal

B, N, H, V = 2, 4, 6, 5


def tensors(length, key_length, kv_heads=N, value_dim=V):
    """Queries, keys and values."""
    shapes = (B, length, N, H), (B, key_length, kv_heads, H), (B, key_length, kv_heads, value_dim)
    return [normal(*shape, seed=i) for i, shape in enumerate(shapes, 1)]


def masks(length, key_length):
    """Masks of every form; some rows are left with nothing."""
    generator = np.random.default_rng(length)
    keys = generator.random((B, 1, 1, key_length)) < 0.7
    keys[1, ..., : key_length // 2] = False
    return {
        "keys": keys,
        "queries": generator.random((B, 1, length, 1)) < 0.7,
        "pairs": generator.random((1, 1, length, key_length)) < 0.4,
        "heads": generator.random((B, N, length, key_length)) < 0.3,
    }


def arrays(length, key_length):
    """Biases of every form."""
    forms = {
        "heads": (1, N, 1, 1),
        "keys": (B, 1, 1, key_length),
        "queries": (1, N, length, 1),
        "pairs": (1, 1, length, key_length),
        "all": (B, N, length, key_length),
    }
    return {name: normal(*shape, seed=i) for i, (name, shape) in enumerate(forms.items(), 20)}


WEIGHTS = {
    "t5": [normal(8, N, seed=31)],
    "t5_causal": [normal(4, N, seed=31)],
    "shaw": [normal(7, H, seed=32)],
    "transformer_xl": [normal(N, H, seed=33), normal(N * H, N, H, seed=34) / 5],
}
VALUE_WEIGHTS = {"shaw": normal(7, V, seed=35)}
FUNCTIONS = {
    "alibi": ops.alibi_bias,
    "t5": functools.partial(ops.t5_bias, max_distance=9),
    "t5_causal": functools.partial(ops.t5_bias, max_distance=9, bidirectional=False),
    "shaw": ops.shaw_bias,
    "transformer_xl": ops.transformer_xl_bias,
}


def position_bias(scheme, weights=None):
    """The `ScoreBias` of a scheme."""
    return ops.ScoreBias(FUNCTIONS[scheme], tuple(WEIGHTS.get(scheme, []) if weights is None else weights))


def expected_bias(scheme, query, key_length, start):
    """The same by loops, [B or 1, N, T, S]."""
    places = [start + t for t in range(query.shape[1])], list(range(key_length))
    if scheme == "alibi":
        return position_oracle.alibi(N, *places)[None]
    if scheme in ("t5", "t5_causal"):
        return position_oracle.t5(WEIGHTS[scheme][0], *places, max_distance=9, bidirectional=scheme == "t5")[None]
    if scheme == "shaw":
        return position_oracle.shaw_scores(query, WEIGHTS["shaw"][0], *places)
    shift, kernel = WEIGHTS["transformer_xl"]
    nothing = np.zeros((query.shape[0], key_length, N, H))
    return position_oracle.transformer_xl_scores(query, nothing, (kernel, 0 * shift, shift), *places)


def expected(query, key, value, mask=(), bias=(), scheme=None, is_causal=False, window=None, query_start=None):
    """Outputs [B, T, N, V] and probabilities [B, N, T, S] of a call, by loops."""
    length, key_length = query.shape[1], key.shape[1]
    start = key_length - length if query_start is None else query_start
    allowed = np.ones((1, 1, length, key_length), bool)
    for one in mask:
        allowed = allowed & one
    if is_causal:
        allowed = allowed & oracle.causal_mask(length, key_length, start)
    if window is not None:
        allowed = allowed & oracle.window_mask(length, key_length, window, start)
    total = sum(bias, np.zeros((1, 1, 1, 1)))
    if scheme is not None:
        total = total + expected_bias(scheme, query, key_length, start)
    outputs, probabilities = oracle.softmax_attention(query, key, value, mask=allowed, bias=total)
    if scheme in VALUE_WEIGHTS:
        places = [start + t for t in range(length)], list(range(key_length))
        outputs += position_oracle.shaw_outputs(probabilities, VALUE_WEIGHTS[scheme], *places).transpose(0, 2, 1, 3)
    return outputs, probabilities


def options(scheme=None, mask=(), bias=(), **others):
    """The same call in the words of `ops.dot_product_attention`."""
    biases = list(bias) + ([] if scheme is None else [position_bias(scheme)])
    value_weights = VALUE_WEIGHTS.get(scheme)
    value_bias = None if value_weights is None else ops.ScoreBias(ops.shaw_values, (value_weights,))
    return {"mask": list(mask), "bias": biases, "value_bias": value_bias, **others}
