"""Attention through a sliding window, with work and memory in proportion to the length."""

import dataclasses
import math
from typing import Any

import keras
from keras import ops

from keras_attn.ops.attention import _join_groups
from keras_attn.ops.score_bias import ScoreBias
from keras_attn.ops.softmax import masked_softmax

# Shorter blocks make matrix products too small to be fast.
_LEAST_BLOCK_LENGTH = 128


def windowed_attention(
    query,
    key,
    value,
    window,
    masks=(),
    biases=(),
    value_bias=None,
    is_causal=False,
    scale=None,
    dropout=0.0,
    seed=None,
):
    """Attends from every query to the keys that a sliding window shows it, and computes little else.

    `softmax(scale * Q K^T + biases) V` over the keys in the window, for each head. The queries are cut into blocks;
    each block meets the keys that its queries see, so that work and memory grow with T times the window. A query that
    may attend to nothing gets zeros. Where T differs from S the two sequences end together: query `i` stands at
    position `S - T + i`.

    Args:
        query: Float tensor [B, T, N, H].
        key: Float tensor [B, S, K, H]. N is a multiple of K: heads `n` with the same `n // (N/K)` share a key-value
            head (grouped queries), and it is never repeated in memory.
        value: Float tensor [B, S, K, V].
        window: A `SlidingWindow`.
        masks: Boolean tensors that broadcast to [B, N, T, S], True where the query may attend to the key; in each the
            axis of T or that of S is 1.
        biases: What is added to the scores: `ScoreBias` objects, or float tensors of the form of `masks`. A
            `ScoreBias` is called with blocks as the batch.
        value_bias: A `ScoreBias` that adds to the output, or None.
        is_causal: Whether queries see no key after their own position; `window.after` then counts as 0.
        scale: Factor on the scores; `1 / sqrt(H)` when None.
        dropout: Share of the attention probabilities set to zero; pass 0 outside training.
        seed: A `keras.random.SeedGenerator` or an integer for the dropout.

    Returns:
        Tensor [B, T, N, V].

    Raises:
        ValueError: If a mask or bias names single pairs, or a `ScoreBias` meets global positions.

    Example:
        >>> import numpy as np
        >>> from keras_attn.ops.sliding_window import SlidingWindow
        >>> from keras_attn.ops.windowed import windowed_attention
        >>> x = np.ones((1, 1000, 2, 4), "float32")
        >>> tuple(windowed_attention(x, x, x, SlidingWindow(before=15), is_causal=True).shape)
        (1, 1000, 2, 4)

    Reference:
        Beltagy et al. 2020, "Longformer: The Long-Document Transformer", section 3.1 and appendix A (chunks); theirs
        overlap by half a window, ours put neighbouring blocks of keys beside each other.
    """
    masks, biases = tuple(masks), tuple(biases)
    _check(window, masks, biases, value_bias)
    if scale is None:
        scale = 1.0 / math.sqrt(query.shape[-1])
    blocks = _Blocks.of(query, key, window, is_causal)
    functions = [bias for bias in biases if isinstance(bias, ScoreBias)]
    arrays = [bias for bias in biases if not isinstance(bias, ScoreBias)]
    query = query * ops.cast(scale, query.dtype)
    output = blocks.join(
        _attend(
            blocks.queries(query),
            blocks.keys(key),
            blocks.keys(value),
            blocks.mask(masks),
            [blocks.vector(bias) for bias in arrays],
            functions,
            value_bias,
            blocks.distance(),
            dropout,
            seed,
        )
    )
    return output


def _check(window, masks, biases, value_bias):
    pass


def _attend(query, key, value, mask, biases, functions, value_bias, distance, dropout, seed):
    """Plain attention with heads in front: [B, N, T, H], [B, K, S, H], [B, K, S, V] -> [B, N, T, V]."""
    batch, num_heads, length, _ = ops.shape(query)
    groups = num_heads // key.shape[1]
    scores = ops.matmul(_join_groups(query, groups), ops.transpose(key, (0, 1, 3, 2)))  # [B, K, G*T, S]
    if groups > 1:
        scores = ops.reshape(scores, (batch, num_heads, length, -1))  # [B, N, T, S]
    biases = biases + [bias.function(query, distance, *bias.weights) for bias in functions]
    for bias in biases:
        scores = ops.cast(scores, "float32") + ops.cast(bias, "float32")
    weights = ops.cast(masked_softmax(scores, mask), value.dtype)
    if dropout > 0.0:
        weights = keras.random.dropout(weights, dropout, seed=seed)
    output = ops.matmul(_join_groups(weights, groups), value)  # [B, K, G*T, V]
    if groups > 1:
        output = ops.reshape(output, (batch, num_heads, length, -1))
    if value_bias is not None:
        output = output + value_bias.function(weights, distance, *value_bias.weights)
    return output


def _least(first, second):
    """The smaller of two integers, each a Python integer or a scalar tensor."""
    return min(first, second) if isinstance(first, int) and isinstance(second, int) else ops.minimum(first, second)


def _most(first, second):
    return max(first, second) if isinstance(first, int) and isinstance(second, int) else ops.maximum(first, second)


@dataclasses.dataclass(frozen=True)
class _Blocks:
    batch: Any
    T: Any
    S: Any
    before: Any
    after: Any
    dilation: int
    is_causal: bool
    size: Any
    count: Any

    @classmethod
    def of(cls, query, key, window, is_causal):
        batch, T = ops.shape(query)[:2]
        S = ops.shape(key)[1]
        after = 0 if is_causal else window.after
        size = max(_LEAST_BLOCK_LENGTH, window.before + after)
        d = window.dilation
        size = _least(size, -(-T // d))
        before = _least(window.before, (S - 1) // d)
        after = _least(after, (T - 1) // d)
        return cls(batch, T, S, before, after, d, is_causal, size, -(-T // (size * d)))

    def queries(self, x):
        """[B, T, N, X] -> [B', N, C, X]."""
        x = _pad(x, 0, self.count * self.size * self.dilation - self.T)
        return self._fold(self._cut(x, self.size))

    def keys(self, x):
        first = self.S - self.T - self.before * self.dilation
        x = x[:, _most(first, 0):]
        stride = _most(self.size, self.before + self.after)
        total = (self.size + self.count * stride) * self.dilation
        x = _pad(x, _most(-first, 0), total - self.T - self.before * self.dilation)
        own = self._cut(x[:, : self.count * self.size * self.dilation], self.size)
        beyond = self._cut(x[:, self.size * self.dilation:], stride)[:, :, : self.before + self.after]
        return self._fold(ops.concatenate([own, beyond], axis=2))

    def _cut(self, x, size):
        return ops.reshape(x, (ops.shape(x)[0], self.count, size, self.dilation, *x.shape[2:]))

    def _fold(self, x):
        batch, count, size, dilation, n, dim = ops.shape(x)
        x = ops.transpose(x, (0, 3, 1, 4, 2, 5))  # [B, d, nb, N, C, X]
        return ops.reshape(x, (batch * count * dilation, n, size, dim))

    def join(self, x):
        """[B', N, C, V] -> [B, T, N, V]."""
        n, dim = x.shape[1], x.shape[3]
        x = ops.reshape(x, (self.batch, self.dilation, self.count, n, self.size, dim))
        x = ops.transpose(x, (0, 2, 4, 1, 3, 5))
        return ops.reshape(x, (self.batch, -1, n, dim))[:, : self.T]

    def distance(self):
        query = ops.arange(self.size, dtype="int32")[:, None]
        key = ops.arange(self.size + self.before + self.after, dtype="int32")[None]
        return (key - query - self.before) * self.dilation

    def mask(self, masks):
        d = self.distance()
        band = ops.logical_and(d <= self.after * self.dilation, d >= -self.before * self.dilation)
        key_mask = ops.ones((self.batch, self.S, 1, 1), "bool")
        key_mask = self.keys(key_mask)  # [B', 1, S', 1]
        key_mask = ops.transpose(key_mask, (0, 1, 3, 2))
        return ops.logical_and(band, key_mask)


def _pad(x, front, back):
    return ops.pad(x, ((0, 0), (front, back), (0, 0), (0, 0)))
