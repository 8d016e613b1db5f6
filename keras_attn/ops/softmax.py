"""The softmax of attention: float32, and one rule for masks."""

from keras import ops

# Added to the scores of forbidden pairs: far below any score, yet finite, so that no row can become NaN.
_FORBIDDEN = -1e9


def masked_softmax(scores, mask=None):
    """Turns scores into probabilities over the keys that may be attended to.

    Args:
        scores: Float tensor [..., T, S].
        mask: Boolean tensor that broadcasts to `scores`, True where the query may attend to the key, or None.

    Returns:
        Float32 tensor [..., T, S]. Forbidden keys get exactly 0; a row without any allowed key is all zeros.

    Example:
        >>> import numpy as np
        >>> from keras_attn.ops import masked_softmax
        >>> mask = np.array([[True, True, False], [False, False, False]])
        >>> masked_softmax(np.zeros((2, 3), "float32"), mask).numpy().tolist()
        [[0.5, 0.5, 0.0], [0.0, 0.0, 0.0]]
    """
    probabilities = ops.softmax(forbid(scores, mask), axis=-1)
    return probabilities if mask is None else probabilities * ops.cast(any_allowed(mask), "float32")


def forbid(scores, mask):
    """Puts the scores of forbidden pairs far below all others.

    Args:
        scores: Float tensor [..., T, S].
        mask: Boolean tensor that broadcasts to `scores`, or None.

    Returns:
        Float32 tensor [..., T, S]. Its softmax is right but for the rows without any allowed key: see `any_allowed`.
    """
    scores = ops.cast(scores, "float32")
    return scores if mask is None else scores + forbidding_bias(mask)


def forbidding_bias(mask):
    """Gives what `forbid` adds to scores.

    Args:
        mask: Boolean tensor, True where the query may attend to the key.

    Returns:
        Float32 tensor of its shape.
    """
    return ops.cast(ops.logical_not(mask), "float32") * _FORBIDDEN


def any_allowed(mask):
    """Tells which queries may attend to anything.

    Args:
        mask: Boolean tensor [..., T, S].

    Returns:
        Boolean tensor [..., T, 1].
    """
    return ops.any(mask, axis=-1, keepdims=True)
