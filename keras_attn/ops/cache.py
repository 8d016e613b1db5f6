"""The key-value cache of one attention layer: explicit state, given in and handed back.

A cache is a dict of two tensors, `key` [B, S, K, H] and `value` [B, S, K, V], where S is the capacity. A decoder
writes the keys and values of new tokens at `index` and attends to all positions up to its own. A rolling cache, for
sliding windows, holds the last S positions in their order.
"""

from keras import ops


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
