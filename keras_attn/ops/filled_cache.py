"""Attention to a cache that stays as it is: while an answer is decoded, to what it is an answer to."""

from keras import ops

from keras_attn.ops.attention import dot_product_attention
from keras_attn.ops.cache import attend_to_past
from keras_attn.ops.masks import expand_masks


def attend_to_filled(query, cache, value_mask=None, return_attention_scores=False):
    """Attends from the W hypotheses of each source to that source's keys and values, which are never copied.

    Args:
        query: Float tensor [B*W, T, N, H], the hypotheses of a source one after another.
        cache: Dict of `key` [B, S, K, H] and `value` [B, S, K, V]; or of `past_key` [B, K, S, H] and `past_value`
            [B, K, S, V], which is the fastest for T = 1.
        value_mask: Boolean tensor [B, S], True where the position may be attended to, or None.
        return_attention_scores: Whether the probabilities are wanted.

    Returns:
        Heads [B*W, T, N, V], and probabilities [B*W, N, T, S], or None where they are not wanted and not at hand.

    Example:
        >>> import numpy as np
        >>> from keras_attn.ops import attend_to_filled
        >>> cache = {"key": np.ones((2, 5, 1, 4), "float32"), "value": np.ones((2, 5, 1, 3), "float32")}
        >>> heads, scores = attend_to_filled(np.ones((6, 1, 8, 4), "float32"), cache)
        >>> tuple(heads.shape), tuple(scores.shape)
        ((6, 1, 8, 3), (6, 8, 1, 5))
    """
    is_past = "past_key" in cache
    if is_past and query.shape[1] == 1 and not return_attention_scores:
        batch = ops.shape(cache["past_key"])[0]
        apart = ops.reshape(query, (batch, -1, *query.shape[2:]))  # [B, W, N, H]
        heads = attend_to_past(apart, cache, value_mask)
        return ops.reshape(heads, (-1, 1, *heads.shape[2:])), None
    if is_past:
        key, value = (ops.transpose(cache[name], (0, 2, 1, 3)) for name in ("past_key", "past_value"))
    else:
        key, value = cache["key"], cache["value"]  # [B, S, K, H], [B, S, K, V]
    rows, length = ops.shape(query)[:2]
    batch = ops.shape(key)[0]
    queries = ops.reshape(query, (batch, -1, *query.shape[2:]))  # [B, W*T, N, H]
    mask = expand_masks(value_mask=value_mask)
    heads, scores = dot_product_attention(queries, key, value, mask=mask, return_attention_scores=True)
    heads = ops.reshape(heads, (rows, length, *heads.shape[2:]))
    _, num_heads, _, num_keys = ops.shape(scores)  # [B, N, W*T, S]
    scores = ops.reshape(scores, (batch, num_heads, -1, length, num_keys))
    scores = ops.transpose(scores, (0, 2, 1, 3, 4))  # [B, W, N, T, S]
    return heads, ops.reshape(scores, (rows, num_heads, length, num_keys))
