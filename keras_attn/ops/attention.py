"""Scaled dot-product attention: one function, four ways to compute it."""

import dataclasses
import functools
import math
from typing import Any

import keras
from keras import ops

from keras_attn.ops.dense import dense_attention
from keras_attn.ops.masks import causal_mask, combine_masks
from keras_attn.ops.score_bias import ScoreBias
from keras_attn.ops.windowed import windowed_attention

IMPLEMENTATIONS = ("dense", "blockwise", "windowed", "fused")

# From this many scores a head on, all of them at once cost more time and memory than blocks of them.
_LONG = 512 * 512
# From this many scores in all on, splitting the batch costs less than it saves.
_MANY = 2**16


def dot_product_attention(
    query,
    key,
    value,
    mask=None,
    scale=None,
    dropout=0.0,
    seed=None,
    return_attention_scores=False,
    bias=None,
    value_bias=None,
    is_causal=False,
    window=None,
    query_start=None,
    implementation=None,
):
    """Attends from every query to the values of the keys that resemble it.

    `softmax(scale * Q K^T + bias) V + value_bias` for each head. The softmax is taken in float32 whatever the dtype of
    the inputs. A query that may attend to nothing gets zeros. All implementations give the same numbers:

    - "dense" holds all scores [B, N, T, S] and knows every option;
    - "blockwise" (TensorFlow) makes the scores tile by tile, forward and backward, in memory linear in T and S, and
      skips the tiles that causality or the window rules out;
    - "windowed" meets each block of queries with the keys in its window alone;
    - "fused" (JAX, PyTorch) is the backend's own kernel.

    Args:
        query: Float tensor [B, T, N, H].
        key: Float tensor [B, S, K, H]. N is a multiple of K: heads `n` with the same `n // (N/K)` share a key-value
            head (grouped queries), and it is never repeated in memory.
        value: Float tensor [B, S, K, V].
        mask: Boolean tensor that broadcasts to [B, N, T, S], True where the query may attend to the key; or several in
            a list, of which all must allow. Masks of keys and masks of queries stay small when given apart.
        scale: Factor on the scores; `1 / sqrt(H)` when None.
        dropout: Share of the attention probabilities set to zero; pass 0 outside training.
        seed: A `keras.random.SeedGenerator` or an integer for the dropout.
        return_attention_scores: Whether to return the probabilities, before dropout, too.
        bias: What is added to the scores: a float tensor that broadcasts to [B, N, T, S], a `ScoreBias` function of
            the distance, or several in a list.
        value_bias: `ScoreBias` whose function of the probabilities is added to the output, or None.
        is_causal: Whether a query sees no key after its own position.
        window: A `SlidingWindow`, or None.
        query_start: Position of the first query among the keys, an integer or an integer scalar tensor; `S - T` when
            None, so that queries and keys end together.
        implementation: One of the names above; None chooses by the inputs.

    Returns:
        Tensor [B, T, N, V]; with `return_attention_scores` also the probabilities [B, N, T, S].

    Raises:
        ValueError: If the implementation is unknown, or cannot do what is asked.

    Example:
        >>> import numpy as np
        >>> from keras_attn.ops import dot_product_attention
        >>> x = np.ones((1, 3, 2, 4), "float32")
        >>> tuple(dot_product_attention(x, x, x).shape)
        (1, 3, 2, 4)

    Reference:
        Vaswani et al. 2017, "Attention Is All You Need", equation 1; grouped queries: Ainslie et al. 2023, "GQA".
    """
    query, key, value = (ops.convert_to_tensor(x) for x in (query, key, value))
    call = _Call(
        masks=[ops.cast(mask, "bool") for mask in _listed(mask)],
        biases=[x if isinstance(x, ScoreBias) else ops.convert_to_tensor(x) for x in _listed(bias)],
        value_bias=value_bias,
        is_causal=is_causal,
        window=window,
        query_start=query_start,
        dropout=dropout,
        seed=seed,
        with_scores=return_attention_scores,
    )
    name = _choose(implementation, query, key, value, call)
    query = query * ops.cast(1.0 / math.sqrt(query.shape[-1]) if scale is None else scale, query.dtype)
    if name == "dense":
        output, scores = _dense(query, key, value, call)
        return (output, scores) if return_attention_scores else output
    paths = {"blockwise": _blockwise, "windowed": _windowed, "fused": _fused, "by length": _by_length}
    return paths[name](query, key, value, call)


@dataclasses.dataclass
class _Call:
    """What is asked for, beside queries, keys and values."""

    masks: list
    biases: list
    value_bias: Any
    is_causal: bool
    window: Any
    query_start: Any
    dropout: float
    seed: Any
    with_scores: bool

    @property
    def has_functions(self):
        return self.value_bias is not None or any(isinstance(bias, ScoreBias) for bias in self.biases)

    def whole_mask(self, length, key_length):
        """All that forbids, as one boolean tensor that broadcasts to [B, N, T, S], or None."""
        masks = list(self.masks)
        if self.is_causal:
            masks.append(causal_mask(length, key_length, self.query_start)[None, None])
        if self.window is not None:
            masks.append(self.window.mask(length, key_length, self.query_start)[None, None])
        return combine_masks(masks)


def _listed(x):
    if x is None:
        return []
    return list(x) if isinstance(x, (list, tuple)) and not isinstance(x, ScoreBias) else [x]


def _choose(implementation, query, key, value, call):
    """The implementation asked for, if it can do the call, or the best one that can; "by length" if that decides."""
    length, key_length = query.shape[1], key.shape[1]
    if keras.backend.backend() == "jax" and not (isinstance(length, int) and isinstance(key_length, int)):
        return "dense"  # JAX asks for the shape alone: it computes with known lengths only
    if implementation is not None:
        if implementation not in IMPLEMENTATIONS:
            names = ", ".join(map(repr, IMPLEMENTATIONS))
            raise ValueError(f"`implementation` must be None or {names}. Received: implementation={implementation!r}")
        obstacle = _obstacle(implementation, query, key, value, call)
        if obstacle:
            raise ValueError(
                f"The implementation {implementation!r} {obstacle}; leave `implementation` out to have one chosen that "
                f"can. Received: implementation={implementation!r}"
            )
        return implementation
    if 1 in (length, key_length):  # a step of decoding
        return "dense"
    if call.window is not None and not _obstacle("windowed", query, key, value, call):
        return "windowed"
    if not _obstacle("fused", query, key, value, call):
        return "fused"
    if not _obstacle("blockwise", query, key, value, call):
        if length is None or key_length is None:
            return "by length"
        if length * key_length >= _LONG:
            return "blockwise"
    return "dense"


def _obstacle(implementation, query, key, value, call):
    """Why an implementation cannot do the call, or None."""
    backend = keras.backend.backend()
    if implementation == "dense":
        return None
    if call.with_scores:
        return "never has all attention scores, so it cannot return them"
    window = call.window
    if implementation == "windowed":
        if window is None:
            return "needs a `window`"
        if call.query_start is not None:
            return "takes queries and keys that end together, without `query_start`"
        return (
            "knows no functions of the distance beside global positions"
            if (window.num_global and call.has_functions)
            else None
        )
    if implementation == "blockwise":
        if backend != "tensorflow":
            return f"is written for TensorFlow; the backend is {backend}"
        return (
            "knows neither dilated windows nor global positions"
            if (window is not None and (window.dilation > 1 or window.num_global))
            else None
        )
    if backend not in ("jax", "torch"):
        return f"is JAX's or PyTorch's own kernel; the backend is {backend}"
    if call.has_functions:
        return "knows no functions of the distance"
    if call.dropout > 0.0:
        return "has no dropout"
    if backend == "jax" and value.shape[-1] != query.shape[-1]:
        return "takes values of the queries' size only"
    return "repeats shared key-value heads" if backend == "torch" and query.shape[2] != key.shape[2] else None


def _dense(query, key, value, call):
    length, key_length = ops.shape(query)[1], ops.shape(key)[1]
    distance = None
    if call.has_functions:
        start = key_length - length if call.query_start is None else ops.cast(call.query_start, "int32")
        distance = ops.arange(key_length, dtype="int32")[None] - ops.arange(length, dtype="int32")[:, None] - start
    query, key, value = (ops.transpose(x, (0, 2, 1, 3)) for x in (query, key, value))
    mask = call.whole_mask(length, key_length)
    extras = [*call.biases, *([] if mask is None else [mask])]

    def attend(query, key, value, *extras):
        biases, mask = extras[: len(call.biases)], (extras[-1] if len(extras) > len(call.biases) else None)
        return dense_attention(query, key, value, mask, biases, call.value_bias, distance, call.dropout, call.seed)

    if _pays_side_by_side(query, key, call):
        from keras_attn.ops import tensorflow

        output, scores = tensorflow.side_by_side(lambda *x: attend(*x)[0], query, key, value, *extras), None
    else:
        output, scores = attend(query, key, value, *extras)
    return ops.transpose(output, (0, 2, 1, 3)), scores  # [B, T, N, V]


def _pays_side_by_side(query, key, call):
    """Whether to compute the parts of a batch at the same time: on TensorFlow, unless all is small."""
    if keras.backend.backend() != "tensorflow" or call.with_scores or call.has_functions:
        return False
    batch, length, num_heads, key_length = query.shape[0], query.shape[2], query.shape[1], key.shape[2]
    sizes = (batch, num_heads, length, key_length)
    return 1 not in (batch, length) and (None in sizes or math.prod(sizes) >= _MANY)


def _by_length(query, key, value, call):
    """Decides while it runs, for lengths that the graph does not know."""
    is_long = ops.shape(query)[1] * ops.shape(key)[1] >= _LONG
    operands = query, key, value, call
    return ops.cond(is_long, lambda: _blockwise(*operands), lambda: _dense(*operands)[0])


def _blockwise(query, key, value, call):
    from keras_attn.ops import blockwise_tensorflow

    before = after = None
    if call.window is not None:
        before, after = call.window.before, call.window.after
    # What hides whole queries is left to the end: it costs nothing there.
    of_queries, of_keys = [], []
    for mask in call.masks:
        (of_queries if mask.shape[-1] == 1 and key.shape[1] != 1 else of_keys).append(mask)
    output = blockwise_tensorflow.blockwise_attention(
        query,
        key,
        value,
        of_keys,
        call.biases,
        call.value_bias,
        before,
        0 if call.is_causal else after,
        call.dropout,
        call.seed,
        call.query_start,
    )
    for mask in of_queries:
        output = output * ops.cast(ops.transpose(mask, (0, 2, 1, 3)), output.dtype)
    return output


def _windowed(query, key, value, call):
    return windowed_attention(
        query,
        key,
        value,
        call.window,
        call.masks,
        call.biases,
        call.value_bias,
        call.is_causal,
        scale=1.0,
        dropout=call.dropout,
        seed=call.seed,
    )


def _fused(query, key, value, call):
    length, key_length = query.shape[1], key.shape[1]
    plainly_causal = (
        call.is_causal
        and length == key_length
        and call.query_start is None
        and not (call.masks or call.biases or call.window)
    )
    mask = None if plainly_causal else call.whole_mask(length, key_length)
    bias = functools.reduce(ops.add, call.biases) if call.biases else None
    has_key = None
    if mask is not None:
        # The kernels differ in what they give a query without keys: let it see all, and take it away at the end.
        has_key = ops.any(mask, axis=-1, keepdims=True)
        mask = ops.logical_or(mask, ops.logical_not(has_key))
        mask = ops.broadcast_to(mask, (*mask.shape[:-2], length, key_length))
    if bias is not None and mask is not None:
        lowest = -6e4 if keras.backend.standardize_dtype(query.dtype) == "float16" else -1e9
        bias, mask = ops.where(mask, ops.cast(bias, query.dtype), ops.cast(lowest, query.dtype)), None
    output = keras.ops.dot_product_attention(query, key, value, bias, mask, scale=1.0, is_causal=plainly_causal)
    if has_key is not None:
        output = output * ops.cast(ops.transpose(has_key, (0, 2, 1, 3)), output.dtype)
    return output
