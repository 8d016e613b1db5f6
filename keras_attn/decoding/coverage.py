"""The coverage penalty: what it costs a hypothesis to leave a part of the source unread."""

import tensorflow as tf

_LEAST = 1e-6  # a token that nothing looks at costs this one's logarithm, not infinity


def coverage_penalty(alignments: tf.Tensor, source_mask: tf.Tensor, target_mask: tf.Tensor) -> tf.Tensor:
    """Sums up how far the attention to each source token stays below 1: `sum_i log(min(sum_j a[j, i], 1))`.

    Args:
        alignments: float `[..., T, S]`, attention of each target token to the source tokens.
        source_mask: boolean `[..., S]`, False at padding.
        target_mask: boolean `[..., T]`, False at padding.

    Returns:
        float32 `[...]`, at most 0, to be multiplied by beta and added to the score.

    Example:
        >>> half_read = tf.constant([[1.0, 0.5]])  # one target token, two source tokens
        >>> coverage_penalty(half_read, tf.constant([True, True]), tf.constant([True])).numpy().round(3)
        np.float32(-0.693)

    Reference:
        Wu et al. 2016, "Google's Neural Machine Translation System", equation 14, `cp` without its beta.
    """
    read = tf.where(target_mask[..., None], tf.cast(alignments, tf.float32), 0.0)
    read = tf.clip_by_value(tf.reduce_sum(read, axis=-2), _LEAST, 1.0)  # [..., S]
    return tf.reduce_sum(tf.where(source_mask, tf.math.log(read), 0.0), axis=-1)
