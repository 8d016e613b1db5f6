"""What attention adds for the distance between a query and a key.

The biases here take `distance`, an int32 tensor [T, S]: key position minus query position. It must be the same along
each diagonal (`distance[i + 1, j + 1] == distance[i, j]`), as it is for two runs of positions with the same step. So
there are T + S - 1 distances only: each is worked out once, and `_spread` lays the results out as [T, S] by moving
memory, which is faster than a gather, forward and backward. ALiBi alone takes any distances.
"""

import math

from keras import ops

from keras_attn.ops.positions import sinusoids


def alibi_slopes(num_heads):
    """How fast each head forgets what is far.

    `m_n = 2^(-8 n / N)`, n = 1 to N, for N a power of two. Otherwise the slopes of the next lower power of two,
    followed by every other slope of the next higher one.

    Args:
        num_heads: Number of heads N.

    Returns:
        List of N floats.

    Example:
        >>> from keras_attn.ops import alibi_slopes
        >>> alibi_slopes(2), alibi_slopes(3)
        ([0.0625, 0.00390625], [0.0625, 0.00390625, 0.25])

    Reference:
        Press et al. 2022, "Train Short, Test Long: Attention with Linear Biases Enables Input Length Extrapolation",
        section 3; other numbers of heads as in their published code.
    """
    power = 2 ** (num_heads.bit_length() - 1)
    slopes = [2 ** (-8 * n / power) for n in range(1, power + 1)]
    return slopes + [2 ** (-4 * n / power) for n in range(1, 2 * (num_heads - power), 2)]


def alibi_bias(query, distance):
    """A penalty that grows with the distance, before or behind: `-m_n |distance|`.

    Args:
        query: Float tensor [B, N, T, H]; tells the number of heads and the dtype.
        distance: Int32 tensor [T, S], key position minus query position.

    Returns:
        Tensor [1, N, T, S].

    Reference:
        Press et al. 2022, section 3.
    """
    slopes = ops.convert_to_tensor(alibi_slopes(query.shape[1]), "float32")[None, :, None, None]
    return ops.cast(-slopes * ops.cast(ops.abs(distance), "float32"), query.dtype)


def shaw_bias(query, distance, table):
    """The query's product with a vector for each clipped distance: `q_i . a[clip(j - i, -k, k) + k]`.

    Args:
        query: Float tensor [B, N, T, H], scaled already.
        distance: Int32 tensor [T, S], key position minus query position; see the top of the file.
        table: Float tensor [2k + 1, H], the vectors of the distances -k to k, shared by the heads.

    Returns:
        Tensor [B, N, T, S].

    Reference:
        Shaw et al. 2018, "Self-Attention with Relative Position Representations", equations 4 and 5.
    """
    return _spread(ops.matmul(query, ops.transpose(_clipped_rows(table, distance, query.dtype))))


def shaw_values(probabilities, distance, table):
    """Sums a vector for each clipped distance by the probabilities: `sum_j p_ij a[clip(j - i, -k, k) + k]`.

    Args:
        probabilities: Float tensor [B, N, T, S].
        distance: Int32 tensor [T, S], key position minus query position; see the top of the file.
        table: Float tensor [2k + 1, V], the vectors of the distances -k to k, shared by the heads.

    Returns:
        Tensor [B, N, T, V].

    Reference:
        Shaw et al. 2018, equation 3.
    """
    return ops.matmul(_collect(probabilities), _clipped_rows(table, distance, probabilities.dtype))


def t5_buckets(distance, num_buckets=32, max_distance=128, bidirectional=True):
    """Numbers distances: near ones by themselves, far ones in groups that grow geometrically.

    With n buckets for a direction and `e = n // 2`, the distance d from 0 to e - 1 gets bucket d; from there on
    `e + floor(log(d / e) / log(max_distance / e) * (n - e))`, at most n - 1.

    Args:
        distance: Integer tensor of any shape, key position minus query position.
        num_buckets: Number of buckets of both directions together.
        max_distance: From this distance on all share the last bucket.
        bidirectional: Whether keys after the query have buckets of their own, the upper half; otherwise they count as
            distance 0.

    Returns:
        Int32 tensor of the same shape.

    Raises:
        ValueError: If there are too few buckets, or `max_distance` is among the distances with a bucket each.

    Example:
        >>> import numpy as np
        >>> from keras_attn.ops import t5_buckets
        >>> t5_buckets(np.array([-200, -8, -7, 0, 1, 16])).numpy().tolist()
        [15, 8, 7, 0, 17, 26]

    Reference:
        Raffel et al. 2020, "Exploring the Limits of Transfer Learning with a Unified Text-to-Text Transformer",
        section 2.1; the formula as in their published code.
    """
    directions = 2 if bidirectional else 1
    buckets, rest = divmod(num_buckets, directions)
    if buckets < 2 or rest:
        expected = "even and at least 4, one half for each side" if bidirectional else "at least 2"
        raise ValueError(f"`num_buckets` must be {expected}. Received: num_buckets={num_buckets}")
    exact = buckets // 2
    if max_distance <= exact:
        raise ValueError(
            f"Distances below {exact} have a bucket each with num_buckets={num_buckets}: `max_distance` must be above "
            f"{exact}. Received: max_distance={max_distance}"
        )
    growth = max_distance / exact
    # The first distance of each bucket but the first; 1e-9 so that a whole number that is rounded up stays itself.
    starts = [*range(1, exact + 1)]
    starts += [math.ceil(exact * growth ** (i / (buckets - exact)) - 1e-9) for i in range(1, buckets - exact)]
    distance = ops.cast(distance, "int32")
    far = ops.abs(distance) if bidirectional else ops.maximum(-distance, 0)
    starts = ops.convert_to_tensor(starts, "int32")
    bucket = ops.cast(ops.searchsorted(starts, ops.reshape(far, (-1,)), side="right"), "int32")
    bucket = ops.reshape(bucket, ops.shape(distance))
    return bucket + ops.cast(distance > 0, "int32") * buckets if bidirectional else bucket


def t5_bias(query, distance, table, max_distance=128, bidirectional=True):
    """A learned number for each head and bucket of distances.

    Args:
        query: Float tensor [B, N, T, H]; tells the dtype.
        distance: Int32 tensor [T, S], key position minus query position; see the top of the file.
        table: Float tensor [num_buckets, N].
        max_distance: See `t5_buckets`.
        bidirectional: See `t5_buckets`.

    Returns:
        Tensor [1, N, T, S].

    Reference:
        Raffel et al. 2020, section 2.1.
    """
    buckets = t5_buckets(_diagonals(distance), table.shape[0], max_distance, bidirectional)
    rows = ops.transpose(ops.take(ops.cast(table, query.dtype), buckets, axis=0))  # [N, T + S]
    num_heads, columns = ops.shape(rows)
    return _spread(ops.broadcast_to(rows[None, :, None], (1, num_heads, ops.shape(distance)[0], columns)))


def transformer_xl_bias(query, distance, shift, kernel):
    """The query's product with the projected sinusoids of the distance, and each head's own taste for distances.

    `(q_i + v) . (R[i - j] W)`, where R is `sinusoids`. The query comes with u added and divided by `sqrt(H)` already.

    Args:
        query: Float tensor [B, N, T, H], `(q + u) / sqrt(H)`.
        distance: Int32 tensor [T, S], key position minus query position; see the top of the file.
        shift: Float tensor [N, H], v - u.
        kernel: Float tensor [R, N, H], the projection W of the R sines and cosines, R even.

    Returns:
        Tensor [B, N, T, S].

    Reference:
        Dai et al. 2019, "Transformer-XL: Attentive Language Models beyond a Fixed-Length Context", section 3.3, terms
        (b) and (d).
    """
    size, num_heads, dim = kernel.shape
    query = query + ops.cast(shift, query.dtype)[:, None] * ops.cast(1 / math.sqrt(dim), query.dtype)
    waves = ops.cast(sinusoids(-_diagonals(distance), size), query.dtype)  # [T + S, R]
    keys = ops.matmul(waves, ops.reshape(ops.cast(kernel, query.dtype), (size, num_heads * dim)))
    keys = ops.transpose(ops.reshape(keys, (-1, num_heads, dim)), (1, 2, 0))  # [N, H, T + S]
    return _spread(ops.matmul(query, keys))


def _diagonals(distance):
    """The T + S - 1 distances from the last query's first key to the first query's last key, and one for padding."""
    return ops.concatenate([ops.flip(distance[:, 0], axis=0), distance[0, 1:], distance[0, -1:]], axis=0)


def _clipped_rows(table, distance, dtype):
    """The table's row for each of the diagonals, [T + S, H]."""
    most = (table.shape[0] - 1) // 2
    return ops.take(ops.cast(table, dtype), ops.clip(_diagonals(distance), -most, most) + most, axis=0)


def _spread(rows):
    """Results by diagonal to results by key, [B, N, T, T + S] -> [B, N, T, S]: `y[i, j] = x[i, T - 1 - i + j]`.

    In a row that is one shorter the same place is one further on, so reading shorter rows moves each by its number.
    `ops.slice` has a cheap gradient, unlike slicing with brackets.
    """
    batch, heads, length, columns = ops.shape(rows)
    flat = ops.reshape(rows, (batch, heads, -1))
    flat = ops.slice(flat, (0, 0, length - 1), (batch, heads, length * (columns - 1)))
    rows = ops.reshape(flat, (batch, heads, length, columns - 1))
    return ops.slice(rows, (0, 0, 0, 0), (batch, heads, length, columns - length))


def _collect(x):
    """What `_spread` does, undone: [B, N, T, S] -> [B, N, T, T + S], zeros where no key is."""
    batch, heads, length, keys = ops.shape(x)
    x = ops.concatenate([x, ops.zeros((batch, heads, length, length - 1), x.dtype)], axis=-1)
    flat = ops.reshape(x, (batch, heads, -1))
    before, after = ops.zeros((batch, heads, length - 1), x.dtype), ops.zeros((batch, heads, 1), x.dtype)
    return ops.reshape(ops.concatenate([before, flat, after], axis=-1), (batch, heads, length, length + keys))
