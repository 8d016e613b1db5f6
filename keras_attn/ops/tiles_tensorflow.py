"""How long attention is cut into tiles: which queries meet which keys in one, and where its masks and biases lie."""

import functools
import math

import tensorflow as tf

FORBIDDEN = -1e9  # added to the scores of forbidden pairs
_TILE = 2**21  # most scores of a tile, 8 MB: it stays in the cache


class TileGrid:
    """How queries and keys are cut into blocks, and which blocks meet.

    A step is one head of one row, or all heads of one row (`together`).
    """

    def __init__(self, query, key, together, before, after, query_start, block):
        self.batch, self.length, self.num_heads = _shape(query)[:3]
        self.key_length, num_kv_heads = _shape(key)[1:3]
        self.kv_heads = num_kv_heads if together else 1  # of a step
        self.groups = self.num_heads // num_kv_heads if together else 1  # query heads a key-value head, of a step
        self.head_steps = self.num_heads // (self.kv_heads * self.groups)  # steps a row
        self.kv_steps = num_kv_heads // self.kv_heads
        self.steps = self.batch * self.head_steps
        block = min(block, math.isqrt(_TILE // (self.kv_heads * self.groups)))
        if before is not None and after is not None:
            block = min(block, max(128, before + after + 1))
        self.query_count = -(-self.length // block)
        self.query_block = -(-self.length // self.query_count)
        self.key_count = -(-self.key_length // block)
        self.key_block = -(-self.key_length // self.key_count)
        self.offset = self.key_length - self.length if query_start is None else tf.cast(query_start, tf.int32)
        self.before, self.after = before, after
        # Half a step of 1e9 above 0 on the diagonal, a step higher for each key earlier and each query later: moved by
        # whole steps it bounds the scores, far above what is allowed and far below 0 elsewhere.
        steps = tf.range(self.query_block)[:, None] - tf.range(self.key_block)[None]
        self.slope = (tf.cast(steps, tf.float32) + 0.5) * -FORBIDDEN  # [C, D]
        self.turned_slope = tf.transpose(self.slope)

    def query_blocks(self, x):
        """[B, T, N, X] -> [steps * blocks, M, G*C, X]."""
        x = _padded(x, 1, self.query_count * self.query_block)
        heads = (self.head_steps, self.kv_heads, self.groups)
        x = tf.reshape(x, (self.batch, self.query_count, self.query_block, *heads, x.shape[-1]))
        x = tf.transpose(x, (0, 3, 1, 4, 5, 2, 6))
        return tf.reshape(x, (-1, self.kv_heads, self.groups * self.query_block, x.shape[-1]))

    def key_blocks(self, x):
        """[B, S, K, X] -> [key-value steps * blocks, M, D, X]."""
        x = _padded(x, 1, self.key_count * self.key_block)
        heads = (self.kv_steps, self.kv_heads)
        x = tf.transpose(
            tf.reshape(x, (self.batch, self.key_count, self.key_block, *heads, x.shape[-1])), (0, 3, 1, 4, 2, 5)
        )
        return tf.reshape(x, (-1, self.kv_heads, self.key_block, x.shape[-1]))

    def joined(self, x):
        """[steps * blocks, M, G*C, X] -> [B, T, N, X]."""
        heads = (self.kv_heads, self.groups)
        x = tf.reshape(x, (self.batch, self.head_steps, self.query_count, *heads, self.query_block, x.shape[-1]))
        x = tf.reshape(tf.transpose(x, (0, 2, 5, 1, 3, 4, 6)), (self.batch, -1, self.num_heads, x.shape[-1]))
        return x[:, : self.length]

    def key_index(self, step, j):
        """Where block j of the keys that a step's queries see stands among the blocks of keys."""
        return step // (self.head_steps // self.kv_steps) * self.key_count + j

    def key_range(self, i):
        """First and last + 1 of the key blocks that queries of block i see."""
        first, last = self.offset + i * self.query_block, self.offset + (i + 1) * self.query_block - 1
        start = 0 if self.before is None else tf.maximum(first - self.before, 0) // self.key_block
        if self.after is None:
            return start, self.key_count
        return start, tf.minimum(tf.maximum(last + self.after, -1) // self.key_block + 1, self.key_count)

    def query_range(self, j):
        """First and last + 1 of the query blocks that see keys of block j."""
        first, last = j * self.key_block - self.offset, (j + 1) * self.key_block - 1 - self.offset
        start = 0 if self.after is None else tf.maximum(first - self.after, 0) // self.query_block
        if self.before is None:
            return start, self.query_count
        return start, tf.minimum(tf.maximum(last + self.before, -1) // self.query_block + 1, self.query_count)

    def distance(self, i, j):
        """Key position minus query position, int32 [C, D]."""
        query = tf.range(self.query_block) + self.offset + i * self.query_block
        return (tf.range(self.key_block) + j * self.key_block)[None] - query[:, None]

    def restrict(self, scores, i, j, transposed):
        """Forbids what the structure rules out in a tile's scores; most tiles it leaves alone."""
        first_query, first_key = self.offset + i * self.query_block, j * self.key_block
        last_query, last_key = first_query + self.query_block - 1, first_key + self.key_block - 1
        padded = self.key_count * self.key_block
        is_padded = not isinstance(padded, int) or padded != self.key_length
        crossed = [last_key >= self.key_length] if is_padded else []
        if self.after is not None:
            crossed.append(last_key - first_query > self.after)
        if self.before is not None:
            crossed.append(last_query - first_key > self.before)
        if not crossed:
            return scores

        def restricted():
            between = first_key - first_query
            slope = self.turned_slope if transposed else self.slope
            bounds = []
            if self.after is not None:
                steps = self.after - between
                raised = tf.cast(steps, tf.float32) * -FORBIDDEN
                bounds.append(tf.cond(steps == 0, lambda: slope, lambda: slope + raised))
            if self.before is not None:
                bounds.append(tf.cast(self.before + 1 + between, tf.float32) * -FORBIDDEN - slope)
            if is_padded:
                is_key = first_key + tf.range(self.key_block) < self.key_length
                bound = tf.where(is_key, -FORBIDDEN, FORBIDDEN)
                bounds.append(bound[:, None] if transposed else bound[None])
            bound = functools.reduce(tf.minimum, bounds)
            bound = bound[None, :, None] if transposed else bound[None, None]
            return self.combined(tf.minimum, scores, bound, transposed, True)

        return tf.cond(tf.reduce_any(crossed), restricted, lambda: scores)

    def combined(self, operation, scores, extra, transposed, is_turned=False):
        """Puts [M or 1, G or 1, C or 1, D or 1], or turned [M or 1, D or 1, G or 1, C or 1], to a tile's scores."""
        if transposed:
            shape = self.kv_heads, self.key_block, self.groups, self.query_block
            extra = extra if is_turned else tf.transpose(extra, (0, 3, 1, 2))
        else:
            shape = self.kv_heads, self.groups, self.query_block, self.key_block
        return tf.reshape(operation(tf.reshape(scores, shape), extra), tf.shape(scores))


class TiledArray:
    """A mask or bias [B or 1, N or 1, T or 1, S or 1] as tiles [M or 1, G or 1, C or 1, D or 1]."""

    def __init__(self, grid, array):
        self.of_row, self.of_head, self.of_query, self.of_key = full = [size != 1 for size in array.shape]
        array = _padded(array, 2, grid.query_count * grid.query_block) if full[2] else array
        array = _padded(array, 3, grid.key_count * grid.key_block) if full[3] else array
        heads = (grid.head_steps, grid.kv_heads, grid.groups) if full[1] else (1, 1, 1)
        queries = (grid.query_count, grid.query_block) if full[2] else (1, 1)
        keys = (grid.key_count, grid.key_block) if full[3] else (1, 1)
        array = tf.reshape(array, (_shape(array)[0], *heads, *queries, *keys))
        array = tf.transpose(array, (0, 1, 4, 6, 2, 3, 5, 7))
        self.grid = grid
        self.blocks = tf.reshape(array, (-1, *heads[1:], queries[1], keys[1]))

    def index(self, step, i, j):
        """Where the tile of query block i and key block j stands among the blocks."""
        grid, place = self.grid, 0
        if self.of_row:
            place = step // grid.head_steps
        if self.of_head:
            place = place * grid.head_steps + step % grid.head_steps
        if self.of_query:
            place = place * grid.query_count + i
        return place * grid.key_count + j if self.of_key else place

    def reduced(self, tile):
        """Sums a gradient [M, G, C, D] over what the tile was broadcast along."""
        axes = [k for k, kept in enumerate((self.of_head, self.of_head, self.of_query, self.of_key)) if not kept]
        return tf.reduce_sum(tile, axes, keepdims=True)


def _shape(x):
    """The shape with integers where they are known and scalar tensors elsewhere."""
    dynamic = tf.shape(x)
    return [dynamic[axis] if size is None else size for axis, size in enumerate(x.shape)]


def _padded(x, axis, length):
    paddings = [[0, 0]] * len(x.shape)
    paddings[axis] = [0, length - _shape(x)[axis]]
    return x if isinstance(paddings[axis][1], int) and paddings[axis][1] == 0 else tf.pad(x, paddings)
