"""Attention through a sliding window, with work and memory in proportion to the length.

Queries are cut into blocks, and the blocks go into the batch, where dense attention does the rest.
"""

import functools
import math

from keras import ops

from keras_attn.ops.dense import dense_attention
from keras_attn.ops.masks import causal_mask
from keras_attn.ops.score_bias import ScoreBias

# Smaller blocks make matrix products too small to be fast.
_LEAST_BLOCK = 128
# A block, if there are several, is at least a fourth as long as the window reaches over its own keys.
_MOST_NEIGHBOURS = 4
# Scores that are made at once, where lengths are known: they should fit into the cache, and into the memory that the C
# library keeps for the next ones instead of giving it back.
_MOST_SCORES, _MOST_GROUPS = 2**21, 32


def windowed_attention(
    query, key, value, window, masks=(), biases=(), value_bias=None, is_causal=False, scale=None, dropout=0.0, seed=None
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
        masks: Boolean tensors of rank 4 that broadcast to [B, N, T, S], True where the query may attend to the key. Of
            one that names single pairs (T * S below 2^31) only what is in the window is read.
        biases: What is added to the scores: `ScoreBias` objects, or float tensors of the form of `masks`. A `ScoreBias`
            is called with blocks as the batch.
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
        Beltagy et al. 2020, "Longformer: The Long-Document Transformer", section 3.1 and appendix A: chunks.
    """
    query, key, value = (ops.convert_to_tensor(x) for x in (query, key, value))
    scale = ops.cast(1.0 / math.sqrt(query.shape[-1]) if scale is None else scale, query.dtype)
    functions = [bias for bias in biases if isinstance(bias, ScoreBias)]
    if window.num_global and (functions or value_bias):
        raise ValueError(
            "A `ScoreBias` needs the same distances in every block, and global positions are at another one from each: "
            f"leave one of them out, or give the bias as an array. Received: num_global={window.num_global}"
        )
    arrays = [_pairs("biases", bias, query, key) for bias in biases if not isinstance(bias, ScoreBias)]
    masks = [_pairs("masks", ops.cast(mask, "bool"), query, key) for mask in masks]
    blocks = _Blocks(query, key, window, is_causal)
    queries, operands = blocks.queries(query), (blocks.keys(key), blocks.keys(value), blocks.mask(masks))
    array_blocks = [blocks.pairs(array) for array in arrays]
    outputs = [
        dense_attention(
            queries(group) * scale,
            *(operand(group) for operand in operands),
            biases=[*(array(group) for array in array_blocks), *functions],
            value_bias=value_bias,
            distance=blocks.distance,
            dropout=dropout,
            seed=seed + group if isinstance(seed, int) else seed,
        )[0]
        for group in range(blocks.groups)
    ]
    output = blocks.join(outputs, query.shape[2], value.shape[-1])
    if window.num_global:
        query = query * scale
        output = _with_global_queries(output, query, key, value, window, masks, arrays, is_causal, dropout, seed)
    return output


class _Blocks:
    """Where things are when the queries stand in blocks; lengths are integers, or tensors where they are unknown.

    Every `dilation`-th position belongs to one shorter sequence, and the lengths of blocks count its positions. Queries
    and keys are padded in front so that both end with the last block. A block of C queries meets W = lead + C + tail
    keys: the C at its own positions, some before and some after; with global positions W is longer by those, which
    come first. Blocks are computed in groups, whose scores are few; B' is the number of blocks in a group times the
    batch size times `dilation`. What lays tensors out in blocks returns a function of the group's number.
    """

    def __init__(self, query, key, window, is_causal):
        self.batch, self.length, num_heads, _ = ops.shape(query)
        self.key_length = ops.shape(key)[1]
        self.offset = self.key_length - self.length  # position of the first query
        self.window, self.is_causal, self.dilation = window, is_causal, window.dilation
        self.num_global = _least(window.num_global, self.key_length)
        before, after = window.before, 0 if is_causal else window.after
        length, key_length = -(-self.length // self.dilation), -(-self.key_length // self.dilation)
        longest = max(_LEAST_BLOCK, -(-(before + after) // 2))
        count, self.groups = _most(-(-length // longest), 1), 1
        if isinstance(count, int):
            rows = (self.batch if isinstance(self.batch, int) else 1) * num_heads * self.dilation
            scores = count * rows * longest * (longest + before + after)
            wanted = max(min(-(-scores // _MOST_SCORES), count // _MOST_NEIGHBOURS, _MOST_GROUPS), 1)
            # Groups of 2, 4, 8 ... blocks: lengths that are a power of two need no padding.
            self.groups = -(-count // 2 ** int(math.log2(count // wanted))) if wanted > 1 else 1
        self.count = -(-count // self.groups)  # of blocks in a group
        self.size = _most(-(-length // (self.groups * self.count)), 1)  # C
        if not isinstance(count, int):  # then a single block, too, has no more neighbours than that
            reach = _least(before, key_length) + _least(after, length)
            self.size = _most(self.size, -(-reach // _MOST_NEIGHBOURS))
        # No key stands before the first one, which is C before the end for the last block, and so on.
        self.lead = _least(before, _most(key_length - self.size, 0))
        self.tail = _least(after, (self.groups * self.count - 1) * self.size)
        self.width = self.lead + self.size + self.tail
        self.padding = self.groups * self.count * self.size * self.dilation - self.length
        self.key_padding = self.padding - self.offset + self.lead * self.dilation  # negative: so many nobody sees
        steps = ops.arange(self.width, dtype="int32") - ops.arange(self.size, dtype="int32")[:, None] - self.lead
        self.near = ops.logical_and(steps >= -before, steps <= after)
        self.distance = steps * self.dilation  # key position minus query position, the same in every block

    def queries(self, x):
        """[B or 1, T, N, X] -> [B', N, C, X]."""
        x = _fitted(x, self.padding, self.length + self.padding)
        groups = ops.split(x, self.groups, axis=1) if self.groups > 1 else [x]
        return lambda group: self._into_batch(self._pieces(groups[group], self.size))

    def keys(self, x):
        """[B or 1, S, K, X] -> [B', K, W, X]."""
        near = self.near_keys(x)
        if not self.window.num_global:
            return near
        first = self._in_every_block(ops.transpose(_part(x, 1, 0, self.num_global), (0, 2, 1, 3)))
        return lambda group: ops.concatenate([first, near(group)], axis=2)

    def near_keys(self, x):
        """[B or 1, S, K, X] -> [B', K, lead + C + tail, X].

        Block j meets the pieces j, j + 1 and so on of the keys, each of C, and of the last one only the start.
        """
        single = isinstance(self.count, int) and self.groups * self.count == 1
        size, rest = (self.width, 0) if single else (self.size, self.lead + self.tail)
        further = -(-rest // size)
        # One of several groups has integer lengths, and at least as many blocks as a block has neighbours.
        count = self.groups * self.count + (self.count if self.groups > 1 else further)
        x = _fitted(x, self.key_padding, count * size * self.dilation)
        groups = ops.split(x, self.groups + 1, axis=1) if self.groups > 1 else [x]
        groups = [self._pieces(group, size) for group in groups]

        def windows(group):
            pieces, missing, parts = groups[group], size + rest, []
            if self.groups > 1:
                pieces = ops.concatenate([pieces, _part(groups[group + 1], 0, 0, further)], axis=0)
            for i in range(1 + (further if isinstance(further, int) else _MOST_NEIGHBOURS)):
                length = _least(size, missing)
                parts.append(_part(_part(pieces, 0, _least(i, further), self.count), 4, 0, length))
                missing = missing - length
            return self._into_batch(ops.concatenate(parts, axis=4))

        return windows

    def pairs(self, x):
        """[B or 1, N or 1, T or 1, S or 1] -> [B', N or 1, C or 1, W or 1]."""
        if x.shape[2] == x.shape[3] == 1:
            x = self._in_every_block(x)
            return lambda group: x
        if x.shape[2] == 1:
            keys = self.keys(ops.transpose(x, (0, 3, 1, 2)))
            return lambda group: ops.transpose(keys(group), (0, 1, 3, 2))
        if x.shape[3] != 1:
            x = ops.reshape(x, (*ops.shape(x)[:2], self.length * self.key_length))
            x = ops.take(x, self._met_pairs(), axis=2)  # the gradient of `take_along_axis` is slow
        return self.queries(ops.transpose(x, (0, 2, 1, 3)))

    def mask(self, masks):
        """What the window and `masks` show, never the padding: [B', N or 1, C, W]."""
        masks = [self.pairs(mask) for mask in masks]
        exists = self.near_keys(ops.arange(self.key_length, dtype="int32")[None, :, None, None] >= self.num_global)
        if self.window.num_global:
            shape = self.length, self.num_global
            first = causal_mask(*shape, self.offset) if self.is_causal else ops.ones(shape, "bool")
            first = self.queries(first[None, :, None])

        def seen(group):
            seen = ops.logical_and(ops.transpose(exists(group), (0, 1, 3, 2)), self.near)
            if self.window.num_global:
                seen = ops.concatenate([first(group), seen], axis=3)
            for mask in masks:
                seen = ops.logical_and(seen, mask(group))
            return seen

        return seen

    def join(self, outputs, heads, dim):
        """Each group's [B', N, C, V] -> [B, T, N, V]."""
        shape = self.count, self.batch, self.dilation, heads, self.size, dim
        outputs = [ops.transpose(ops.reshape(x, shape), (1, 0, 4, 2, 3, 5)) for x in outputs]
        x = ops.concatenate(outputs, axis=1) if len(outputs) > 1 else outputs[0]
        x = ops.reshape(x, (self.batch, self.padding + self.length, heads, dim))
        return _part(x, 1, self.padding, self.length)

    def _pieces(self, x, size):
        """[B or 1, blocks * size * dilation, n, X] -> [blocks, B or 1, dilation, n, size, X]."""
        batch, length, heads, dim = ops.shape(x)
        x = ops.reshape(x, (batch, length // (size * self.dilation), size, self.dilation, heads, dim))
        return ops.transpose(x, (1, 0, 3, 4, 2, 5))  # with blocks first, what is copied is copied in long runs

    def _into_batch(self, x):
        """[blocks, B or 1, dilation, n, size, X] -> [B', n, size, X]."""
        blocks, _, dilation, *shape = ops.shape(x)
        if x.shape[1] == 1:
            x = ops.broadcast_to(x, (blocks, self.batch, dilation, *shape))
        return ops.reshape(x, (blocks * self.batch * dilation, *shape))

    def _in_every_block(self, x):
        """[B or 1, n, x, X] -> [B', n, x, X]."""
        shape = self.count, self.batch, self.dilation, *ops.shape(x)[1:]
        return self._into_batch(ops.broadcast_to(ops.expand_dims(x, (0, 2)), shape))

    def _met_pairs(self):
        """The pairs of each query with the keys its block meets, or any where it meets none, as `i * S + j`, [T, W]."""
        query, block = ops.arange(self.length, dtype="int32")[:, None], self.size * self.dilation
        place = query + self.padding
        first = place // block * block + place % self.dilation - self.key_padding
        keys = ops.clip(first + ops.arange(self.width, dtype="int32") * self.dilation, 0, self.key_length - 1)
        everywhere = ops.broadcast_to(ops.arange(self.num_global, dtype="int32"), (self.length, self.num_global))
        return query * self.key_length + ops.concatenate([everywhere, keys], axis=1)


def _with_global_queries(output, query, key, value, window, masks, arrays, is_causal, dropout, seed):
    """Puts in the rows of the queries at global positions, which see everything."""
    length, key_length = ops.shape(query)[1], ops.shape(key)[1]
    start = _most(length - key_length, 0)
    end = _most(_least(window.num_global, key_length) + length - key_length, start)
    count = _least(_most(end - start, 1), length - start)  # of no rows dense attention couldn't tell the shape
    masks, arrays = ([x if x.shape[2] == 1 else _part(x, 2, start, count) for x in pairs] for pairs in (masks, arrays))
    if is_causal:
        masks.append(causal_mask(count, key_length, start + key_length - length)[None, None])
    mask = functools.reduce(ops.logical_and, masks) if masks else None
    query, key, value = (ops.transpose(x, (0, 2, 1, 3)) for x in (_part(query, 1, start, count), key, value))
    rows, _ = dense_attention(query, key, value, mask, arrays, dropout=dropout, seed=seed)
    rows = ops.transpose(_part(rows, 2, 0, end - start), (0, 2, 1, 3))
    return ops.concatenate([_part(output, 1, 0, start), rows, _part(output, 1, end, length - end)], axis=1)


def _pairs(name, x, query, key):
    """Checks a mask or bias, and makes an axis that is not known to be 1 as long as that of the scores."""
    x = ops.convert_to_tensor(x)
    (batch, length, heads, _), key_length = ops.shape(query), ops.shape(key)[1]
    shape = tuple(zip(x.shape, (batch, heads, length, key_length), strict=False))
    if len(x.shape) != 4 or any(isinstance(other, int) and one not in (None, 1, other) for one, other in shape):
        raise ValueError(
            f"Each of `{name}` must have four axes and broadcast to [B, N, T, S], of the query's shape "
            f"{tuple(query.shape)} and the key's {tuple(key.shape)}. Received: {name} with shape={tuple(x.shape)}"
        )
    return ops.broadcast_to(x, tuple(1 if one == 1 else other for one, other in shape)) if None in x.shape else x


def _fitted(x, front, length):
    """Zeros in front and behind, up to a length: [B, S, N, X]; a negative `front` takes positions away."""
    surplus, old_length = _most(-front, 0), ops.shape(x)[1]
    x = _part(x, 1, surplus, old_length - surplus)
    return ops.pad(x, ((0, 0), (_most(front, 0), length - old_length - front), (0, 0), (0, 0)))


def _part(x, axis, start, length):
    """A part of one axis; the gradient is cheaper than that of brackets."""
    shape = list(ops.shape(x))
    starts = [0] * len(shape)
    starts[axis], shape[axis] = start, length
    return ops.slice(x, starts, shape)


def _least(first, second):
    """The smaller of two integers, each a Python integer or a scalar tensor."""
    return min(first, second) if isinstance(first, int) and isinstance(second, int) else ops.minimum(first, second)


def _most(first, second):
    return max(first, second) if isinstance(first, int) and isinstance(second, int) else ops.maximum(first, second)
