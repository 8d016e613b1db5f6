"""Scaled dot-product attention."""

import math

import keras
from keras import ops

from keras_attn.ops.softmax import masked_softmax


def dot_product_attention(
    query, key, value, mask=None, scale=None, dropout=0.0, seed=None, return_attention_scores=False
):
    """Attends from every query to the values of the keys that resemble it.

    `softmax(scale * Q K^T) V` for each head. The softmax is taken in float32 whatever the dtype of the inputs. A
    query that may attend to nothing gets zeros.

    Args:
        query: Float tensor [B, T, N, H].
        key: Float tensor [B, S, K, H]. N is a multiple of K: heads `n` with the same `n // (N/K)` share a key-value
            head (grouped queries), and it is never repeated in memory.
        value: Float tensor [B, S, K, V].
        mask: Boolean tensor that broadcasts to [B, N, T, S], True where the query may attend to the key, or None.
        scale: Factor on the scores; `1 / sqrt(H)` when None.
        dropout: Share of the attention probabilities set to zero; pass 0 outside training.
        seed: A `keras.random.SeedGenerator` or an integer for the dropout.
        return_attention_scores: Whether to return the probabilities, before dropout, too.

    Returns:
        Tensor [B, T, N, V]; with `return_attention_scores` also the probabilities [B, N, T, S].

    Example:
        >>> import numpy as np
        >>> from keras_attn.ops import dot_product_attention
        >>> x = np.ones((1, 3, 2, 4), "float32")
        >>> tuple(dot_product_attention(x, x, x).shape)
        (1, 3, 2, 4)

    Reference:
        Vaswani et al. 2017, "Attention Is All You Need", equation 1; grouped queries: Ainslie et al. 2023, "GQA".
    """
    batch, length, num_heads, _ = ops.shape(query)
    groups = num_heads // key.shape[2]
    if scale is None:
        scale = 1.0 / math.sqrt(query.shape[-1])
    query = ops.transpose(query * ops.cast(scale, query.dtype), (0, 2, 1, 3))  # [B, N, T, H]
    query = _join_groups(query, groups)  # [B, K, G*T, H]
    scores = ops.matmul(query, ops.transpose(key, (0, 2, 3, 1)))  # [B, K, G*T, S]
    if groups > 1:
        scores = ops.reshape(scores, (batch, num_heads, length, -1))  # [B, N, T, S]
    probabilities = ops.cast(masked_softmax(scores, mask), value.dtype)
    weights = probabilities
    if dropout > 0.0:
        weights = keras.random.dropout(weights, dropout, seed=seed)
    output = ops.matmul(_join_groups(weights, groups), ops.transpose(value, (0, 2, 1, 3)))  # [B, K, G*T, V]
    if groups > 1:
        output = ops.reshape(output, (batch, num_heads, length, -1))
    output = ops.transpose(output, (0, 2, 1, 3))  # [B, T, N, V]
    return (output, probabilities) if return_attention_scores else output


def _join_groups(x, groups):
    """Lays the G query heads that share a key-value head behind one another: [B, N, T, X] -> [B, K, G*T, X]."""
    if groups == 1:
        return x
    batch, num_heads, length, dim = ops.shape(x)
    return ops.reshape(x, (batch, num_heads // groups, groups * length, dim))
