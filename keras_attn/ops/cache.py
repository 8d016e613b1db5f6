"""The key-value cache of one attention layer: explicit state, given in and handed back.

A cache is a dict of two tensors, `key` [B, S, K, H] and `value` [B, S, K, V], where S is the capacity. A decoder
writes the keys and values of new tokens at `index` and attends to all positions up to its own. A rolling cache, for
sliding windows, holds the last S positions in their order.

A past is a cache that grows: `past_key` [B, K, S, H] and `past_value` [B, K, S, V], heads in front, hold what came
before and nothing else. That is the form for decoding fast: there is nothing to mask and nothing to transpose.
"""

import math

import keras
from keras import ops

from keras_attn.ops.softmax import any_allowed, forbidding_bias


def empty_cache(batch_size, length, num_heads, key_dim, value_dim, dtype):
    """Makes a cache for `length` positions.

    Args:
        batch_size: B, an integer or an integer scalar tensor.
        length: Capacity S, likewise.
        num_heads: Number of key-value heads K.
        key_dim: Size of a key.
        value_dim: Size of a value.
        dtype: Dtype of the stored tensors.

    Returns:
        Dict with `key` [B, S, K, key_dim] and `value` [B, S, K, value_dim], zeros.
    """
    return {
        "key": ops.zeros((batch_size, length, num_heads, key_dim), dtype),
        "value": ops.zeros((batch_size, length, num_heads, value_dim), dtype),
    }


def update_cache(cache, key, value, index):
    """Writes the keys and values of T new positions.

    Selection by comparison keeps the exported graph free of backend-specific update ops.

    Args:
        cache: Dict of `key` [B, S, K, H] and `value` [B, S, K, V].
        key: New keys [B, T, K, H].
        value: New values [B, T, K, V].
        index: Position of the first new one, an integer or an integer scalar tensor. Positions that would fall
            past the capacity are not stored.

    Returns:
        The cache with positions `index` to `index + T - 1` replaced.
    """
    offset = ops.arange(ops.shape(cache["key"])[1], dtype="int32") - ops.cast(index, "int32")  # [S]
    new_length = ops.shape(key)[1]
    is_new = ops.logical_and(offset >= 0, offset < new_length)[None, :, None, None]

    def write(old, new):
        if new.shape[1] != 1:  # one new position broadcasts over the whole cache
            new = ops.take(new, ops.clip(offset, 0, new_length - 1), axis=1)
        return ops.where(is_new, ops.cast(new, old.dtype), old)

    return {"key": write(cache["key"], key), "value": write(cache["value"], value)}


def roll_cache(cache, key, value, index):
    """Puts the keys and values of T new positions behind the last S, and keeps the last S of all.

    Args:
        cache: Dict of `key` [B, S, K, H] and `value` [B, S, K, V]: the positions `index - S` to `index - 1`; those
            below 0 mean nothing.
        key: New keys [B, T, K, H].
        value: New values [B, T, K, V].
        index: Position of the first new one, an integer or an integer scalar tensor.

    Returns:
        Keys [B, S + T, K, H] and values [B, S + T, K, V] to attend to, the new cache, and which of the S + T positions
        exist, boolean [S + T].
    """
    capacity, new_length = ops.shape(cache["key"])[1], ops.shape(key)[1]

    def joined(old, new):
        return ops.concatenate([old, ops.cast(new, old.dtype)], axis=1)

    def last(x):
        batch, length, heads, dim = ops.shape(x)
        return ops.slice(x, (0, length - capacity, 0, 0), (batch, capacity, heads, dim))

    key, value = joined(cache["key"], key), joined(cache["value"], value)
    place = ops.arange(capacity + new_length, dtype="int32")
    return key, value, {"key": last(key), "value": last(value)}, place >= capacity - ops.cast(index, "int32")


def empty_past(batch_size, num_heads, key_dim, value_dim, dtype):
    """Makes a past without positions.

    Args:
        batch_size: B, an integer or an integer scalar tensor.
        num_heads: Number of key-value heads K.
        key_dim: Size of a key.
        value_dim: Size of a value.
        dtype: Dtype of the stored tensors.

    Returns:
        Dict with `past_key` [B, K, 0, key_dim] and `past_value` [B, K, 0, value_dim].
    """
    return {
        "past_key": ops.zeros((batch_size, num_heads, 0, key_dim), dtype),
        "past_value": ops.zeros((batch_size, num_heads, 0, value_dim), dtype),
    }


def new_past(key, value):
    """Turns keys and values, as projections make them, into a past.

    Args:
        key: Keys [B, S, K, H].
        value: Values [B, S, K, V].

    Returns:
        Dict with `past_key` [B, K, S, H] and `past_value` [B, K, S, V].
    """
    return {"past_key": ops.transpose(key, (0, 2, 1, 3)), "past_value": ops.transpose(value, (0, 2, 1, 3))}


def extend_past(past, key, value):
    """Puts the keys and values of T new positions behind a past.

    Args:
        past: Dict of `past_key` [B, K, S, H] and `past_value` [B, K, S, V].
        key: New keys [B, T, K, H].
        value: New values [B, T, K, V].

    Returns:
        The past with S + T positions.
    """
    new = new_past(key, value)
    return {name: ops.concatenate([past[name], ops.cast(new[name], past[name].dtype)], axis=2) for name in past}


def attend_to_past(query, past, mask=None):
    """Attends from single queries, which know no order among them, to all of a past.

    `softmax(Q K^T / sqrt(H)) V` for each head, as a product of one row with a matrix for each query and head: on CPUs
    batched products of a few rows are ten times slower than of one.

    Args:
        query: Float tensor [B, W, N, H], N a multiple of K: the W hypotheses of a beam search, or one position.
        past: Dict of `past_key` [B, K, S, H] and `past_value` [B, K, S, V]; it is neither repeated for the W queries
            nor for the N/K heads that share a key-value head.
        mask: Boolean tensor [B, S], True where the position may be attended to, or None.

    Returns:
        Tensor [B, W, N, V]; zeros where there is nothing to attend to.
    """
    num_heads, dim, kv_heads = *query.shape[2:], past["past_key"].shape[1]
    lead = (-1, 1) if query.shape[1] == 1 else (ops.shape(past["past_key"])[0], -1)
    query = query * ops.cast(1.0 / math.sqrt(dim), query.dtype)
    query = ops.reshape(query, (*lead, kv_heads, num_heads // kv_heads, dim))  # [B, W, K, G, H]
    mask = None if mask is None else ops.cast(mask, "bool")[:, None, None, None]
    heads = attend_scaled(query, past, None if mask is None else forbidding_bias(mask))
    if mask is not None:
        heads = heads * ops.cast(any_allowed(mask), heads.dtype)
    return ops.reshape(heads, (*lead, num_heads, heads.shape[-1]))


def attend_scaled(query, past, bias=None):
    """Attends as `attend_to_past` does, in as few operations as there can be, which is what a step's time goes to.

    Args:
        query: Float tensor [B, W, K, G, H], divided by `sqrt(H)`: G heads share a key-value head.
        past: Dict of `past_key` [B, K, S, H] and `past_value` [B, K, S, V].
        bias: Float32 tensor [B, 1, 1, 1, S] to be added to the scores, or None.

    Returns:
        Tensor [B, W, K, G, V].
    """
    key, value = (ops.expand_dims(past[name], 1) for name in ("past_key", "past_value"))  # [B, 1, K, S, H]
    scores = ops.cast(_product(query, key, transpose=True), "float32")  # [B, W, K, G, S]
    scores = scores if bias is None else scores + bias
    # A softmax in four operations: on CPUs TensorFlow's own takes up to three times as long for a few numbers.
    weights = ops.exp(scores - ops.max(scores, axis=-1, keepdims=True))
    weights = weights / ops.sum(weights, axis=-1, keepdims=True)
    return _product(ops.cast(weights, value.dtype), value)


def _product(x, y, transpose=False):
    if keras.backend.backend() == "tensorflow" and x.dtype == "float32":
        from keras_attn.ops import tensorflow

        return tensorflow.small_products(x, y, transpose)
    return ops.matmul(x, ops.swapaxes(y, -1, -2) if transpose else y)
