"""How well a query fits a key: the score functions of classic attention, over all pairs."""

from keras import ops


def dot_scores(query, key):
    """`q . k`.

    Args:
        query: Float tensor [B, T, D].
        key: Float tensor [B, S, D].

    Returns:
        Tensor [B, T, S].

    Reference:
        Luong et al. 2015, "Effective Approaches to Attention-based Neural Machine Translation", equation 8 (dot).
    """
    return ops.matmul(query, ops.transpose(key, (0, 2, 1)))


def cosine_scores(query, key, epsilon=1e-6):
    """`q . k / (|q| |k|)`, from -1 to 1.

    Args:
        query: Float tensor [B, T, D].
        key: Float tensor [B, S, D].
        epsilon: Least length of a vector, so that zeros give 0.

    Returns:
        Tensor [B, T, S].

    Reference:
        Graves et al. 2014, "Neural Turing Machines", equation 6.
    """

    def normalized(x):
        length = ops.sqrt(ops.sum(ops.square(ops.cast(x, "float32")), axis=-1, keepdims=True))
        return x / ops.cast(ops.maximum(length, epsilon), x.dtype)

    return dot_scores(normalized(query), normalized(key))


def additive_scores(query, key, weights):
    """`w . tanh(q + k)`, for queries and keys that are projected already.

    Args:
        query: Float tensor [B, T, U].
        key: Float tensor [B, S, U].
        weights: Float tensor [U].

    Returns:
        Tensor [B, T, S]; on the way one of [B, T, S, U] is made.

    Reference:
        Bahdanau et al. 2015, "Neural Machine Translation by Jointly Learning to Align and Translate", appendix A.1.2.
    """
    hidden = ops.tanh(query[:, :, None] + key[:, None])  # [B, T, S, U]
    return ops.squeeze(ops.matmul(hidden, weights[:, None]), -1)
