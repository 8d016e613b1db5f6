"""Linear chains: paths through states, a score for each step; their sum (forward algorithm) and the best (Viterbi).

The score of a path y is `sum_t s[t, y_{t-1}, y_t]`, where `y_{-1}` is state 0: at the first place only row 0 counts.
"""

from keras import ops

_NOWHERE = -1e9


def chain_log_partition(scores, mask):
    """Sums over all paths: `log sum_y exp sum_t s[t, y_{t-1}, y_t]`, by the forward algorithm.

    Args:
        scores: Float tensor [B, T, C, C]: of the step from state i to state j at place t.
        mask: Boolean [B, T], False at padding, which comes last.

    Returns:
        Float32 tensor [B]; 0 for a sequence of padding alone.

    Example:
        >>> import numpy as np
        >>> from keras_attn.ops import chain_log_partition
        >>> found = chain_log_partition(np.zeros((1, 3, 2, 2), "float32"), np.ones((1, 3), bool))
        >>> bool(np.isclose(found[0], 3 * np.log(2)))
        True

    Reference:
        Lafferty, McCallum and Pereira 2001, "Conditional Random Fields", section 3; Rabiner 1989, equations 19 to 21.
    """
    steps, start = _steps(scores, mask)

    def forward(before, edges):  # [B, C], [B, C, C]
        after = ops.logsumexp(before[:, :, None] + edges, axis=1)
        return after, after

    return ops.logsumexp(ops.scan(forward, start, steps)[0], axis=-1)


def chain_path_score(scores, states, mask):
    """Adds up a path's scores.

    Args:
        scores: Float tensor [B, T, C, C], as for `chain_log_partition`.
        states: Integers [B, T]; what they are at padding does not matter.
        mask: Boolean [B, T], False at padding, which comes last.

    Returns:
        Float32 tensor [B].

    Example:
        >>> import numpy as np
        >>> from keras_attn.ops import chain_path_score
        >>> scores = np.arange(8.0).reshape(1, 2, 2, 2)
        >>> float(chain_path_score(scores, np.array([[1, 0]]), np.ones((1, 2), bool))[0])  # scores[0, 1] + scores[1, 0]
        7.0
    """
    mask, count = ops.cast(mask, "bool"), ops.shape(scores)[-1]
    states = ops.where(mask, ops.cast(states, "int32"), 0)
    before = ops.pad(states[:, :-1], [[0, 0], [1, 0]])
    steps = ops.reshape(ops.cast(scores, "float32"), (*ops.shape(scores)[:2], count * count))
    taken = ops.take_along_axis(steps, (before * count + states)[..., None], axis=-1)[..., 0]  # [B, T]
    return ops.sum(ops.where(mask, taken, 0.0), axis=1)


def best_chain(scores, mask):
    """Finds the path of the highest score, by Viterbi's algorithm.

    Args:
        scores: Float tensor [B, T, C, C], as for `chain_log_partition`.
        mask: Boolean [B, T], False at padding, which comes last.

    Returns:
        Int32 states [B, T], -1 at padding, and float32 scores [B].

    Example:
        >>> import numpy as np
        >>> from keras_attn.ops import best_chain
        >>> scores = np.array([[[[0.0, 1.0], [0.0, 0.0]], [[0.0, 0.0], [5.0, 2.0]]]], "float32")
        >>> states, score = best_chain(scores, np.ones((1, 2), bool))
        >>> np.array(states).tolist(), float(score[0])
        ([[1, 0]], 6.0)

    Reference:
        Viterbi 1967; Rabiner 1989, equations 32 to 35.
    """
    steps, start = _steps(scores, mask)

    def forward(carry, edges):
        through = carry[0][:, :, None] + edges  # [B, C, C]
        carry = ops.max(through, axis=1), ops.cast(ops.argmax(through, axis=1), "int32")
        return carry, carry

    (best, _), (_, came_from) = ops.scan(forward, (start, ops.zeros_like(start, dtype="int32")), steps)

    def backward(state, pointers):
        before = ops.take_along_axis(pointers, state[:, None], axis=1)[:, 0]
        return before, state

    last = ops.cast(ops.argmax(best, axis=-1), "int32")
    _, states = ops.scan(backward, last, came_from, reverse=True)
    states = ops.where(ops.cast(mask, "bool"), ops.swapaxes(states, 0, 1), -1)
    return states, ops.max(best, axis=-1)


def _steps(scores, mask):
    """The scores, places first [T, B, C, C], padding letting paths stay as they are; and the start [B, C]: state 0.

    The mask is no second sequence, as `ops.scan` on TensorFlow takes none of unknown length.
    """
    scores, count = ops.cast(scores, "float32"), scores.shape[-1]
    stay = (1.0 - ops.eye(count)) * _NOWHERE
    scores = ops.where(ops.cast(mask, "bool")[..., None, None], scores, stay)
    start = ops.zeros_like(scores[:, 0, 0]) + stay[0]
    return ops.swapaxes(scores, 0, 1), start
