"""Attention through a sliding window, with work and memory in proportion to the length.

Queries are cut into blocks, and the blocks go into the batch: there, dense attention does the rest. A dilated window is
one without gaps on every `dilation`-th position, so the positions are dealt out to as many shorter sequences first.
"""

import math
from typing import Any, NamedTuple

from keras import ops

from keras_attn.ops.dense import dense_attention
from keras_attn.ops.masks import both_masks, causal_mask
from keras_attn.ops.score_bias import ScoreBias

# Smaller blocks make matrix products too small to be fast.
_LEAST_BLOCK = 128


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
        masks: Boolean tensors of rank 4 that broadcast to [B, N, T, S], True where the query may attend to the key; all
            must allow a pair. Of one that names single pairs only the part in the window is read.
        biases: What is added to the scores: `ScoreBias` objects, or float tensors of the form of `masks`. A `ScoreBias`
            is called once, with the blocks as the batch.
        value_bias: A `ScoreBias` that adds to the output, or None.
        is_causal: Whether queries see no key after their own position; `window.after` then counts as 0, and global
            positions are seen from later ones only.
        scale: Factor on the scores; `1 / sqrt(H)` when None.
        dropout: Share of the attention probabilities set to zero; pass 0 outside training.
        seed: A `keras.random.SeedGenerator` or an integer for the dropout.

    Returns:
        Tensor [B, T, N, V].

    Raises:
        ValueError: If a mask or bias does not broadcast to [B, N, T, S], or a `ScoreBias` meets global positions.

    Example:
        >>> import numpy as np
        >>> from keras_attn.ops.sliding_window import SlidingWindow
        >>> from keras_attn.ops.windowed import windowed_attention
        >>> x = np.ones((1, 1000, 2, 4), "float32")
        >>> tuple(windowed_attention(x, x, x, SlidingWindow(before=15), is_causal=True).shape)
        (1, 1000, 2, 4)

    Reference:
        Beltagy et al. 2020, "Longformer: The Long-Document Transformer", section 3.1 and appendix A (chunks); their
        chunks overlap by half a window, ours only in the keys.
    """
    query, key, value = (ops.convert_to_tensor(x) for x in (query, key, value))
    if scale is None:
        scale = 1.0 / math.sqrt(query.shape[-1])
    query = query * ops.cast(scale, query.dtype)
    functions = [bias for bias in biases if isinstance(bias, ScoreBias)]
    if window.num_global and (functions or value_bias is not None):
        raise ValueError(
            "A `ScoreBias` needs the same distances in every block, and global positions are at another one from each: "
            f"leave one of them out, or give the bias as an array. Received: num_global={window.num_global}"
        )
    arrays = [_pairs(bias, "biases", query, key) for bias in biases if not isinstance(bias, ScoreBias)]
    masks = [_pairs(ops.cast(mask, "bool"), "masks", query, key) for mask in masks]
    blocks = _Blocks.of(query, key, window, is_causal)
    output, _ = dense_attention(
        blocks.queries(query),
        blocks.keys(key),
        blocks.keys(value),
        mask=blocks.mask(masks, is_causal),
        biases=[*(blocks.pairs(array) for array in arrays), *functions],
        value_bias=value_bias,
        distance=blocks.distance(),
        dropout=dropout,
        seed=seed,
    )
    output = blocks.join(output)
    if window.num_global:
        output = _with_global_queries(output, query, key, value, window, masks, arrays, is_causal, dropout, seed)
    return output


class _Blocks(NamedTuple):
    """Where things are when the queries stand in blocks; lengths are integers, or tensors where they are unknown.

    Every `dilation`-th position belongs to one shorter sequence, and the lengths of blocks count its positions. Queries
    and keys are padded in front so that both end with the last block. A block of C queries meets W = lead + C + tail
    keys: the C at its own positions, some before and some after; with global positions W is longer by those, which
    come first. B' is the number of blocks times the batch size times `dilation`.
    """

    window: Any
    batch: Any
    length: Any
    key_length: Any
    num_global: Any
    after: int
    size: Any  # C
    count: Any
    lead: Any
    tail: Any

    @classmethod
    def of(cls, query, key, window, is_causal):
        batch, length = ops.shape(query)[:2]
        key_length = ops.shape(key)[1]
        before, after = window.before, 0 if is_causal else window.after
        folded, folded_keys = (-(-x // window.dilation) for x in (length, key_length))
        count = _most(-(-folded // _longest_block(before + after)), 1)
        size = -(-folded // count)  # at least half of the longest where there are several blocks
        if not isinstance(count, int):
            reach = _least(before, folded_keys) + _least(after, folded)
            size = _most(size, -(-reach // _most_neighbours(before + after)))
        # The last block starts C positions before the end, the first one ends C * (count - 1) before it.
        lead = _least(before, _most(folded_keys - size, 0))
        tail = _least(after, (count - 1) * size)
        num_global = _least(window.num_global, key_length)
        return cls(window, batch, length, key_length, num_global, after, size, count, lead, tail)

    def queries(self, x):
        """[B or 1, T, N, X] -> [B', N, C, X]."""
        x = _fitted(x, self._query_padding(), self.count * self.size * self.window.dilation)
        return self._into_batch(self._split(x, self.count, self.size))

    def keys(self, x):
        """[B or 1, S, K, X] -> [B', K, W, X]."""
        windows = self._windows(x)
        if not self.window.num_global:
            return windows
        batch, _, heads, dim = ops.shape(x)
        x = ops.slice(x, (0, 0, 0, 0), (batch, self.num_global, heads, dim))
        return ops.concatenate([self._in_every_block(ops.transpose(x, (0, 2, 1, 3))), windows], axis=2)

    def pairs(self, x):
        """[B or 1, N or 1, T or 1, S or 1] -> [B', N or 1, C or 1, W or 1]."""
        if x.shape[2] == x.shape[3] == 1:
            return self._in_every_block(x)
        if x.shape[2] == 1:
            return ops.transpose(self.keys(ops.transpose(x, (0, 3, 1, 2))), (0, 1, 3, 2))
        if x.shape[3] != 1:
            x = ops.take_along_axis(x, self._columns()[None, None], axis=3)  # [B, N, T, W]
        return self.queries(ops.transpose(x, (0, 2, 1, 3)))

    def distance(self):
        """Key position minus query position, the same in every block, [C, lead + C + tail]."""
        query = ops.arange(self.size, dtype="int32")[:, None]
        key = ops.arange(self.size + self.lead + self.tail, dtype="int32")
        return (key - query - self.lead) * self.window.dilation

    def mask(self, masks, is_causal):
        """What the window shows, and all `masks` too: [B', N or 1, C, W]."""
        distance, dilation = self.distance(), self.window.dilation
        seen = ops.logical_and(distance >= -self.window.before * dilation, distance <= self.after * dilation)
        position = ops.arange(self.key_length, dtype="int32")[None, :, None, None]
        exists = self._windows(position >= self.num_global)  # [B', 1, lead + C + tail, 1], False where padded
        seen = ops.logical_and(ops.transpose(exists, (0, 1, 3, 2)), seen)
        if self.window.num_global:
            position = ops.arange(self.length, dtype="int32") + (self.key_length - self.length)
            position = self.queries(position[None, :, None, None])  # [B', 1, C, 1]
            first = ops.arange(self.num_global, dtype="int32")
            always = position >= (first if is_causal else first * 0 - self.length)
            seen = ops.concatenate([always, seen], axis=3)
        for mask in masks:
            seen = ops.logical_and(seen, self.pairs(mask))
        return seen

    def join(self, x):
        """[B', N, C, V] -> [B, T, N, V]."""
        _, heads, _, dim = ops.shape(x)
        x = ops.reshape(x, (self.count, self.batch, self.window.dilation, heads, self.size, dim))
        x = ops.transpose(x, (1, 0, 4, 2, 3, 5))
        x = ops.reshape(x, (self.batch, self.count * self.size * self.window.dilation, heads, dim))
        return ops.slice(x, (0, self._query_padding(), 0, 0), (self.batch, self.length, heads, dim))

    def _query_padding(self):
        return self.count * self.size * self.window.dilation - self.length

    def _key_padding(self):
        """Where it is negative, so many keys are seen by nobody."""
        return (self.lead + self.count * self.size) * self.window.dilation - self.key_length

    def _windows(self, x):
        """The keys that each block meets, but for global ones: [B or 1, S, K, X] -> [B', K, lead + C + tail, X].

        Block j meets the pieces j, j + 1 and so on of the keys, each of C, and of the last one only the start.
        """
        size, rest = self.size, self.lead + self.tail
        if isinstance(self.count, int) and self.count == 1:
            size, rest = size + rest, 0
        further = -(-rest // size)
        pieces = self.count + further
        x = self._split(_fitted(x, self._key_padding(), pieces * size * self.window.dilation), pieces, size)
        _, *shape, _, dim = ops.shape(x)
        parts = [ops.slice(x, (0,) * 6, (self.count, *shape, size, dim))]
        for i in range(1, 1 + _least(further, _most_neighbours(self.window.before + self.after))):
            part = _least(size, rest)
            parts.append(ops.slice(x, (_least(i, further), 0, 0, 0, 0, 0), (self.count, *shape, part, dim)))
            rest = rest - part
        return self._into_batch(ops.concatenate(parts, axis=4))

    def _split(self, x, count, size):
        """[B or 1, count * size * dilation, n, X] -> [count, B or 1, dilation, n, size, X]."""
        batch, _, heads, dim = ops.shape(x)
        # Blocks come first: `ops.slice` need not copy then, and what is copied is copied in long runs.
        return ops.transpose(ops.reshape(x, (batch, count, size, self.window.dilation, heads, dim)), (1, 0, 3, 4, 2, 5))

    def _into_batch(self, x):
        """[count, B or 1, dilation, n, size, X] -> [B', n, size, X]."""
        _, _, dilation, *shape = ops.shape(x)
        if x.shape[1] == 1 != self.batch:
            x = ops.broadcast_to(x, (self.count, self.batch, dilation, *shape))
        return ops.reshape(x, (self.count * self.batch * dilation, *shape))

    def _in_every_block(self, x):
        """[B or 1, n, x, X] -> [B', n, x, X]."""
        _, *shape = ops.shape(x)
        x = ops.broadcast_to(x[None, :, None], (self.count, self.batch, self.window.dilation, *shape))
        return self._into_batch(x)

    def _columns(self):
        """The keys that each query's block meets, [T, W]; anything within the sequence where there is none."""
        dilation = self.window.dilation
        query = ops.arange(self.length, dtype="int32")[:, None] + self._query_padding()
        block = self.size * dilation
        first = query // block * block + query % dilation - self._key_padding()
        key = ops.arange(self.lead + self.size + self.tail, dtype="int32") * dilation
        columns = ops.clip(first + key, 0, self.key_length - 1)
        if not self.window.num_global:
            return columns
        everywhere = ops.arange(self.num_global, dtype="int32")
        return ops.concatenate([ops.broadcast_to(everywhere, (self.length, self.num_global)), columns], axis=1)


def _with_global_queries(output, query, key, value, window, masks, arrays, is_causal, dropout, seed):
    """Puts in the rows of the queries at global positions, which see everything."""
    batch, length, heads, dim = ops.shape(query)
    key_length = ops.shape(key)[1]
    surplus = length - key_length
    start = _most(surplus, 0)
    count = _most(_least(window.num_global, key_length) + surplus - start, 0)
    if isinstance(count, int) and count == 0:
        return output
    some = _most(count, 1)  # a product without rows cannot be told its shape
    mask = causal_mask(some, key_length, start - surplus)[None, None] if is_causal else None
    for other in masks:
        mask = both_masks(mask, _rows(other, start, some))
    query = ops.slice(query, (0, start, 0, 0), (batch, some, heads, dim))
    query, key, value = (ops.transpose(x, (0, 2, 1, 3)) for x in (query, key, value))
    arrays = [_rows(array, start, some) for array in arrays]
    rows, _ = dense_attention(query, key, value, mask, arrays, dropout=dropout, seed=seed)
    dim, end = ops.shape(output)[3], start + count
    rows = ops.transpose(ops.slice(rows, (0, 0, 0, 0), (batch, heads, count, dim)), (0, 2, 1, 3))
    before = ops.slice(output, (0, 0, 0, 0), (batch, start, heads, dim))
    after = ops.slice(output, (0, end, 0, 0), (batch, length - end, heads, dim))
    return ops.concatenate([before, rows, after], axis=1)


def _rows(x, start, count):
    """The rows of some queries, [B or 1, N or 1, T or 1, S or 1]."""
    batch, heads, _, keys = ops.shape(x)
    return x if x.shape[2] == 1 else ops.slice(x, (0, 0, start, 0), (batch, heads, count, keys))


def _pairs(x, name, query, key):
    """Checks what is said of pairs, and makes an axis that is not known to be 1 as long as that of the scores."""
    x = ops.convert_to_tensor(x)
    batch, length, num_heads, _ = query.shape
    wanted = (batch, num_heads, length, key.shape[1])
    given = tuple(x.shape)
    pairs = zip(given, wanted, strict=False)
    if len(given) != 4 or any(one != 1 and None not in (one, other) and one != other for one, other in pairs):
        raise ValueError(
            f"Each of `{name}` must broadcast to [B, N, T, S], here {wanted}, and have four axes. "
            f"Received: {name} with shape={given}"
        )
    if None not in given:
        return x
    batch, length, num_heads, _ = ops.shape(query)
    whole = (batch, num_heads, length, ops.shape(key)[1])
    return ops.broadcast_to(x, tuple(1 if one == 1 else other for one, other in zip(given, whole, strict=True)))


def _fitted(x, front, length):
    """Zeros in front and behind, up to a length: [B, S, N, X]; a negative `front` takes positions away."""
    batch, old_length, heads, dim = ops.shape(x)
    surplus = _most(-front, 0)
    x = ops.slice(x, (0, surplus, 0, 0), (batch, old_length - surplus, heads, dim))
    return ops.pad(x, ((0, 0), (_most(front, 0), length - old_length - front), (0, 0), (0, 0)))


def _longest_block(reach):
    """Of the block lengths that were measured, half of what the window reaches over is the fastest."""
    return max(_LEAST_BLOCK, -(-reach // 2))


def _most_neighbours(reach):
    return -(-reach // -(-_longest_block(reach) // 2))


def _least(first, second):
    """The smaller of two integers, each a Python integer or a scalar tensor."""
    return min(first, second) if isinstance(first, int) and isinstance(second, int) else ops.minimum(first, second)


def _most(first, second):
    return max(first, second) if isinstance(first, int) and isinstance(second, int) else ops.maximum(first, second)
