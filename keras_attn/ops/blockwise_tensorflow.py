"""Exact attention in memory linear in the length, on TensorFlow: tiles of scores that are made, used and forgotten.

A tile is C queries by D keys of one head, or of all heads where a `ScoreBias` wants to see them together. Queries that
share a key-value head stand below one another: a tile's scores are [M, G*C, D], for M key-value heads with G queries
each. The gradient works on transposed tiles, [M, D, G*C], so that no large matrix product has a transposed operand.
"""

import keras
import tensorflow as tf

from keras_attn.ops.score_bias import ScoreBias
from keras_attn.ops.tiles_tensorflow import FORBIDDEN, TiledArray, TileGrid

# The least that a query's highest score can be: beside it everything forbidden comes to nothing, also where all is.
_LOWEST = -1e8
# Scores that can't be further from 0 than this are raised to powers as they are: e^40 and e^-40 leave float32 room for
# the sums over any length.
_HARMLESS = 40.0


def blockwise_attention(
    query,
    key,
    value,
    masks=(),
    biases=(),
    value_bias=None,
    before=None,
    after=None,
    dropout=0.0,
    seed=None,
    query_start=None,
    block=1024,
):
    """Attends tile by tile, with a gradient of its own; what is computed stands at `dot_product_attention`.

    The online softmax carries each query's highest score and sum of powers along; the gradient makes the scores anew.
    Tiles that `before` and `after` rule out are skipped.

    Args:
        query: Float tensor [B, T, N, H], multiplied by the scale already.
        key: Float tensor [B, S, K, H], N a multiple of K.
        value: Float tensor [B, S, K, V].
        masks: Boolean tensors of rank 4 that broadcast to [B, N, T, S]; all must allow.
        biases: Float tensors of rank 4 that broadcast to [B, N, T, S], and `ScoreBias`es; all are added.
        value_bias: `ScoreBias` of the output, or None.
        before: How many positions before its own a query sees, an integer; None for all.
        after: How many positions after its own a query sees, an integer; None for all.
        dropout: Share of the attention probabilities set to zero.
        seed: A `keras.random.SeedGenerator`, an integer or None for the dropout.
        query_start: Position of the first query among the keys; S - T when None.
        block: Most queries, and most keys, of a tile.

    Returns:
        Tensor [B, T, N, V].

    Reference:
        Milakov and Gimelshein 2018, "Online normalizer calculation for softmax", algorithm 3; Rabe and Staats 2021,
        "Self-attention Does Not Need O(n^2) Memory"; Dao et al. 2022, "FlashAttention", algorithms 1 and 4.
    """
    functions = [bias for bias in biases if isinstance(bias, ScoreBias)]
    functions = [*functions, value_bias] if value_bias else functions
    grid = TileGrid(query, key, bool(functions), before, after, query_start, block)
    arrays = [TiledArray(grid, bias) for bias in biases if not isinstance(bias, ScoreBias)]
    seed = _seed_pair(seed) if dropout else None
    masks = [TiledArray(grid, mask) for mask in masks]
    tiles = _Tiles(grid, masks, arrays, functions, bool(value_bias), dropout, seed, value.dtype)

    @tf.custom_gradient
    def attend(query, key, value, *extras):
        extras = tf.nest.pack_sequence_as(structure, extras)
        output, log_sums = _forward(tiles, query, key, value, extras)

        def gradient(upstream):
            return _backward(tiles, query, key, value, extras, output, log_sums, upstream)

        return output, gradient

    weights = [[tf.convert_to_tensor(weight) for weight in function.weights] for function in functions]
    structure = [[array.blocks for array in arrays], *weights]
    operands = grid.query_blocks(query), grid.key_blocks(key), grid.key_blocks(value)
    return tf.cast(grid.joined(attend(*operands, *tf.nest.flatten(structure))), value.dtype)


def _seed_pair(seed):
    """Two integers for stateless random numbers, drawn once a call."""
    if isinstance(seed, keras.random.SeedGenerator):
        return tf.cast(tf.convert_to_tensor(seed.next()), tf.int32)
    if seed is None:
        return tf.random.uniform((2,), maxval=tf.int32.max, dtype=tf.int32)
    return tf.constant([seed, 0], tf.int32)


class _Tiles:
    """What is added to the scores of a tile, and its dropout."""

    def __init__(self, grid, masks, arrays, functions, has_value_bias, dropout, seed, dtype):
        self.grid, self.masks, self.arrays = grid, masks, arrays
        self.functions = functions[:-1] if has_value_bias else functions
        self.value_function = functions[-1] if has_value_bias else None
        self.dropout, self.seed = dropout, seed
        self.has_plain_scores = not (functions or arrays) and dtype != tf.float16
        # Whether sums and subtractions are columns of the matrix products: a pass over a tile's scores less for each.
        self.rides_along = dtype == tf.float32 and not (dropout or has_value_bias)

    def is_harmless(self, query, key):
        """Whether no score can lie further from 0 than `_HARMLESS`; None where that is not known beforehand.

        By |q k| <= |q| |k|.
        """
        if not self.has_plain_scores:
            return None
        squares = [tf.reduce_max(tf.reduce_sum(tf.cast(x, tf.float32) ** 2, axis=-1)) for x in (query, key)]
        return squares[0] * squares[1] <= _HARMLESS**2

    def biases(self, query, arrays, weights, step, i, j):
        """The values of the functions, and their sum with arrays and masks: tiles [M or 1, G or 1, C or 1, D or 1]."""
        values = []
        if self.functions:
            heads = self.heads_apart(query)
            distance = self.grid.distance(i, j)
            for bias, own in zip(self.functions, weights, strict=False):
                values.append(self.heads_grouped(tf.cast(bias.function(heads, distance, *own), tf.float32)))
        total = list(values)
        for array, blocks in zip(self.arrays, arrays, strict=True):
            total.append(tf.cast(blocks[array.index(step, i, j)], tf.float32))
        for mask in self.masks:
            tile = mask.blocks[mask.index(step, i, j)]
            total.append(tf.cast(tf.logical_not(tile), tf.float32) * FORBIDDEN)
        return values, tf.add_n(total) if len({tuple(x.shape) for x in total}) == 1 else sum(total)

    def heads_apart(self, x):
        """[M, G*C, X] -> [1, M*G, C, X], as a `ScoreBias` wants it."""
        grid = self.grid
        return tf.reshape(x, (1, grid.kv_heads * grid.groups, grid.query_block, tf.shape(x)[-1]))

    def heads_grouped(self, x):
        """[1, M*G or 1, C, D] -> [M or 1, G or 1, C, D]."""
        heads = (1, 1) if x.shape[1] == 1 else (self.grid.kv_heads, self.grid.groups)
        return tf.reshape(x, (*heads, *tf.unstack(tf.shape(x)[2:])))

    def scores(self, query, key, extra, i, j, transposed):
        """Float32 scores of a tile, [M, G*C, D] or transposed [M, D, G*C]."""
        left, right = (key, query) if transposed else (query, key)
        scores = tf.cast(tf.matmul(left, right, transpose_b=True), tf.float32)
        if not isinstance(extra, int):
            scores = self.grid.combined(tf.add, scores, extra, transposed)
        return self.grid.restrict(scores, i, j, transposed)

    def kept(self, shape, step, i, j):
        """Dropout's factors of a transposed tile: 0, or what makes up for the zeros."""
        place = (step * self.grid.query_count + i) * self.grid.key_count + j
        draw = tf.random.stateless_uniform(shape, self.seed + tf.stack([0, place]))
        return tf.cast(draw >= self.dropout, tf.float32) / (1.0 - self.dropout)


def _forward(tiles, query, key, value, extras):
    """Gives outputs [steps * blocks, M, G*C, V] and logarithms of the sums of powers [steps * blocks, M, G*C, 1]."""
    grid = tiles.grid
    arrays, *weights = extras
    value_weights = weights[-1] if tiles.value_function else ()
    # Sums are scaled anew only where a score is so much higher: powers up to e^10 do no harm, but in float16.
    slack = 0.0 if value.dtype == tf.float16 else 10.0
    size = value.shape[-1]
    is_harmless = tiles.is_harmless(query, key)
    # The last column of an output is the sum of powers; a column of ones makes it come out of the product with values.
    value = _with_column(value, 1.0) if tiles.rides_along else value

    def attend(place, outputs, log_sums):
        step, i = place // grid.query_count, place % grid.query_count
        rows = query[place]  # [M, G*C, H]

        def visit(j, highest, output):
            keys = grid.key_index(step, j)
            _, extra = tiles.biases(rows, arrays, weights, step, i, j)
            scores = tiles.scores(rows, key[keys], extra, i, j, transposed=False)
            powers, new_highest, new_output = _powers(scores, highest, output, slack, is_harmless)
            dropped = powers
            if tiles.dropout:
                shape = tf.gather(tf.shape(powers), (0, 2, 1))
                dropped *= tf.transpose(tiles.kept(shape, step, i, j), (0, 2, 1))
            dropped = tf.cast(dropped, value.dtype)
            update = tf.matmul(dropped, value[keys])
            if tiles.value_function:
                function = tiles.value_function.function
                bias = function(tiles.heads_apart(dropped), grid.distance(i, j), *value_weights)
                update += tf.reshape(bias, tf.shape(update))
            update = tf.cast(update, tf.float32)
            if not tiles.rides_along:
                update = tf.concat([update, tf.reduce_sum(powers, axis=-1, keepdims=True)], axis=-1)
            return j + 1, new_highest, new_output + update

        start, stop = grid.key_range(i)
        lowest = tf.zeros_like(rows[..., :1], tf.float32) + _LOWEST
        nothing = tf.zeros(tf.concat([tf.shape(rows)[:-1], [size + 1]], 0))
        state = (tf.convert_to_tensor(start), lowest, nothing)
        _, highest, output = tf.while_loop(lambda j, *_: j < stop, visit, state, parallel_iterations=1)
        output, total = output[..., :-1], output[..., -1:]
        # A query without keys: no power is left of scores that lie so far below.
        log_sum = tf.where(total > 0, highest + tf.math.log(total), -FORBIDDEN)
        output = tf.math.divide_no_nan(output, total)
        return place + 1, outputs.write(place, output), log_sums.write(place, log_sum)

    count = grid.steps * grid.query_count
    arrays_ = [tf.TensorArray(tf.float32, count) for _ in range(2)]
    _, outputs, log_sums = tf.while_loop(lambda n, *_: n < count, attend, (0, *arrays_), parallel_iterations=1)
    rows = query.shape[1:-1]
    outputs, log_sums = outputs.stack(), log_sums.stack()
    outputs.set_shape((None, *rows, size))
    log_sums.set_shape((None, *rows, 1))
    return outputs, log_sums


def _powers(scores, highest, output, slack, is_harmless):
    """Gives the powers of a tile's scores, and of the queries the highest scores and the outputs so far, which fit."""

    def online():
        best = tf.reduce_max(scores, axis=-1, keepdims=True)
        is_higher = best > highest + slack
        new_highest = tf.where(is_higher, best, highest)
        decayed = tf.cond(tf.reduce_any(is_higher), lambda: output * tf.exp(highest - new_highest), lambda: output)
        return tf.exp(scores - new_highest), new_highest, decayed

    def plain():
        return tf.exp(scores), tf.zeros_like(highest), output

    return online() if is_harmless is None else tf.cond(is_harmless, plain, online)


def _backward(tiles, query, key, value, extras, output, log_sums, upstream):
    """Gives the gradients by queries, keys and values, and by each tensor of `extras`."""
    grid = tiles.grid
    arrays, *weights = extras
    # sum_s p dp of each query
    shares = tf.reduce_sum(upstream * output, axis=-1, keepdims=True)
    upstream = tf.cast(upstream, value.dtype)
    factors = query, key, value, upstream
    if tiles.rides_along:  # k q - log_sum = [k, 1] [q, -log_sum], v do - share = [v, 1] [do, -share]
        factors = _with_column(query, -log_sums), _with_column(key, 1.0)
        factors += _with_column(value, 1.0), _with_column(upstream, -shares)
    log_sums, shares = (tf.transpose(x, (0, 1, 3, 2)) for x in (log_sums, shares))  # [steps * blocks, M, 1, G*C]

    def visit_keys(place, gradients):
        step, j = place // grid.key_count, place % grid.key_count
        keys = grid.key_index(step, j)
        tile_key, tile_value = factors[1][keys], factors[2][keys]
        turned_key = tf.transpose(key[keys], (0, 2, 1))  # [M, H, D]

        def visit_queries(i, key_slope, value_slope, gradients):
            rows = step * grid.query_count + i
            tile = factors[0][rows], tile_key, tile_value, factors[3][rows], log_sums[rows], shares[rows]
            powers, slopes, gradients = _slopes(tiles, tile, query[rows], arrays, weights, gradients, step, i, j)
            slopes = tf.cast(slopes, query.dtype)
            value_slope += tf.cast(tf.matmul(powers, upstream[rows]), tf.float32)
            key_slope += tf.cast(tf.matmul(slopes, query[rows]), tf.float32)
            query_slope = tf.cast(tf.matmul(turned_key, slopes), tf.float32)  # [M, H, G*C]
            query_slopes = _added(gradients["query"], rows, query_slope)
            return i + 1, key_slope, value_slope, {**gradients, "query": query_slopes}

        start, stop = grid.query_range(j)
        zeros = (tf.zeros_like(key[keys], tf.float32), tf.zeros_like(value[keys], tf.float32))
        state = (tf.convert_to_tensor(start), *zeros, gradients)
        state = tf.while_loop(lambda i, *_: i < stop, visit_queries, state, parallel_iterations=1)
        _, key_slope, value_slope, gradients = state
        gradients["key"] = _added(gradients["key"], keys, key_slope)
        gradients["value"] = _added(gradients["value"], keys, value_slope)
        return place + 1, gradients

    gradients = {
        "query": _slots(tf.transpose(query, (0, 1, 3, 2))),
        "key": _slots(key),
        "value": _slots(value),
        "arrays": [_slots(blocks) for blocks in arrays],
        "weights": tf.nest.map_structure(lambda weight: tf.zeros_like(weight, tf.float32), weights),
    }
    count = grid.steps * grid.key_count
    _, gradients = tf.while_loop(lambda n, _: n < count, visit_keys, (0, gradients), parallel_iterations=1)
    slopes = [tf.transpose(gradients["query"].stack(), (0, 1, 3, 2)), gradients["key"].stack()]
    slopes += [gradients["value"].stack(), *(slots.stack() for slots in gradients["arrays"])]
    slopes += tf.nest.flatten(gradients["weights"])
    operands = [query, key, value, *tf.nest.flatten(extras)]
    return [tf.cast(slope, operand.dtype) for slope, operand in zip(slopes, operands, strict=True)]


def _slopes(tiles, tile, query, arrays, weights, gradients, step, i, j):
    """Gives the probabilities and the gradient by the scores of a tile, both [M, D, G*C].

    Also adds to `gradients` what the biases of the tile get.
    """
    grid = tiles.grid
    query_factor, key_factor, value, upstream, log_sum, share = tile
    own = weights[:-1] if tiles.value_function else weights
    with tf.GradientTape() as tape:
        tape.watch([query, *tf.nest.flatten(own)])
        functions, extra = tiles.biases(query, arrays, weights, step, i, j)
    scores = tiles.scores(query_factor, key_factor, extra, i, j, transposed=True)
    powers = tf.exp(scores if tiles.rides_along else scores - log_sum)
    slopes = tf.cast(tf.matmul(value, upstream, transpose_b=True), tf.float32)
    kept = tiles.kept(tf.shape(powers), step, i, j) if tiles.dropout else 1.0
    dropped = tf.cast(powers * kept, value.dtype) if tiles.dropout else tf.cast(powers, value.dtype)
    if tiles.value_function:
        by_value_function, value_weights = _value_slopes(tiles, dropped, upstream, weights[-1], i, j)
        slopes += by_value_function
        gradients = {
            **gradients,
            "weights": [*gradients["weights"][:-1], _sums(gradients["weights"][-1], value_weights)],
        }
    slopes = slopes * kept if tiles.dropout else slopes
    slopes = powers * (slopes if tiles.rides_along else slopes - share)
    if not (functions or arrays):
        return dropped, slopes, gradients

    turned = tf.reshape(slopes, (grid.kv_heads, grid.key_block, grid.groups, grid.query_block))
    turned = tf.transpose(turned, (0, 2, 3, 1))  # [M, G, C, D]
    gradients = dict(gradients)
    gradients["arrays"] = [
        _added(slots, array.index(step, i, j), array.reduced(turned))
        for slots, array in zip(gradients["arrays"], tiles.arrays, strict=True)
    ]
    if functions:
        upstreams = [
            turned
            if x.shape[0] * x.shape[1] > 1 or grid.kv_heads * grid.groups == 1
            else tf.reduce_sum(turned, (0, 1), keepdims=True)
            for x in functions
        ]
        zero = tf.UnconnectedGradients.ZERO
        by_query, by_weights = tape.gradient(functions, [query, own], upstreams, unconnected_gradients=zero)
        rest = gradients["weights"][len(own) :]
        gradients["weights"] = [*_sums(gradients["weights"][: len(own)], by_weights), *rest]
        by_query = tf.transpose(tf.cast(by_query, tf.float32), (0, 2, 1))
        gradients["query"] = _added(gradients["query"], step * grid.query_count + i, by_query)
    return dropped, slopes, gradients


def _value_slopes(tiles, powers, upstream, weights, i, j):
    """The gradients of the value bias, by the probabilities [M, D, G*C] and by its weights."""
    with tf.GradientTape() as tape:
        tape.watch([powers, *weights])
        apart = tiles.heads_apart(tf.transpose(powers, (0, 2, 1)))
        bias = tiles.value_function.function(apart, tiles.grid.distance(i, j), *weights)
    upstream = tf.cast(tf.reshape(upstream, tf.shape(bias)), bias.dtype)
    zero = tf.UnconnectedGradients.ZERO
    by_powers, by_weights = tape.gradient(bias, [powers, weights], upstream, unconnected_gradients=zero)
    return tf.cast(by_powers, tf.float32), by_weights


def _slots(blocks):
    """A place for the gradient of each block; adding to one leaves the others where they are."""
    zeros = tf.zeros_like(blocks, tf.float32)
    return tf.TensorArray(tf.float32, tf.shape(blocks)[0], clear_after_read=False).unstack(zeros)


def _added(slots, place, update):
    return slots.write(place, slots.read(place) + tf.reshape(update, tf.shape(slots.read(place))))


def _sums(totals, updates):
    return tf.nest.map_structure(lambda total, update: total + tf.cast(update, tf.float32), totals, list(updates))


def _with_column(x, column):
    """Appends a number or a tensor [..., 1] to the last axis."""
    return tf.concat([x, tf.zeros_like(x[..., :1]) + column], axis=-1)
