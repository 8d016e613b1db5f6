"""Attention with all scores in memory at once: the plain path that every fast one is tested against."""

from keras import ops

from keras_attn.ops.dropout import dropout as drop
from keras_attn.ops.score_bias import ScoreBias
from keras_attn.ops.softmax import any_allowed, forbid


def dense_attention(query, key, value, mask=None, biases=(), value_bias=None, distance=None, dropout=0.0, seed=None):
    """Attends with heads in front, for queries that are multiplied by the scale already.

    `softmax(Q K^T + biases) V + value_bias`, see `dot_product_attention`.

    Args:
        query: Float tensor [B, N, T, H], scaled.
        key: Float tensor [B, K, S, H], N a multiple of K.
        value: Float tensor [B, K, S, V].
        mask: Boolean tensor that broadcasts to [B, N, T, S], True where the query may attend to the key, or None.
        biases: Float tensors that broadcast to [B, N, T, S], and `ScoreBias`es; all are added.
        value_bias: `ScoreBias` of the output, or None.
        distance: Int32 tensor [T, S], key position minus query position; for `ScoreBias`es.
        dropout: Share of the attention probabilities set to zero.
        seed: A `keras.random.SeedGenerator` or an integer for the dropout.

    Returns:
        Tensor [B, N, T, V], and the probabilities before dropout [B, N, T, S].
    """
    batch, num_heads, length, _ = ops.shape(query)
    groups = num_heads // key.shape[1]
    scores = ops.matmul(_join_groups(query, groups), ops.transpose(key, (0, 1, 3, 2)))  # [B, K, G*T, S]
    if groups > 1:
        scores = ops.reshape(scores, (batch, num_heads, length, ops.shape(key)[2]))  # [B, N, T, S]
    for bias in biases:
        extra = bias.function(query, distance, *bias.weights) if isinstance(bias, ScoreBias) else bias
        scores = ops.cast(scores, "float32") + ops.cast(extra, "float32")
    probabilities = ops.cast(ops.softmax(forbid(scores, mask), axis=-1), value.dtype)
    weights = probabilities
    if dropout > 0.0:
        weights = drop(weights, dropout, seed)
    output = ops.matmul(_join_groups(weights, groups), value)  # [B, K, G*T, V]
    if groups > 1:
        output = ops.reshape(output, (batch, num_heads, length, value.shape[3]))
    if value_bias is not None:
        output = output + ops.cast(value_bias.function(weights, distance, *value_bias.weights), output.dtype)
    if mask is not None:  # a query without keys
        kept = ops.cast(any_allowed(mask), value.dtype)
        output, probabilities = output * kept, probabilities * kept
    return output, probabilities


def _join_groups(x, groups):
    """Lays the G query heads that share a key-value head behind one another: [B, N, T, X] -> [B, K, G*T, X]."""
    if groups == 1:
        return x
    batch, num_heads, length, dim = ops.shape(x)
    return ops.reshape(x, (batch, num_heads // groups, groups * length, dim))
