"""Texts from the outputs of connectionist temporal classification, in the graph."""

import tensorflow as tf


def ctc_search(logits, lengths, beam_size=8):
    """Finds the likeliest text, over all ways in which steps can spell it.

    A way spells a text when its repeats are taken as one and then its blanks (id 0) are taken out. The search keeps the
    `beam_size` likeliest beginnings at each step, the ways of each summed up; with 1 it takes the likeliest id of each
    step.

    Args:
        logits: Float tensor [B, T, V], id 0 the blank.
        lengths: Int32 tensor [B]: steps without padding.
        beam_size: Number of beginnings kept.

    Returns:
        Int32 tensor [B, U] of ids, 0 behind the end of a text, and float32 tensor [B] of its log-probability; with
        `beam_size` 1 that of the one way that was taken.

    Raises:
        ValueError: If `beam_size` is not positive.

    Example:
        >>> import numpy as np
        >>> from keras_attn.decoding import ctc_search
        >>> steps = np.log([[[0.1, 0.8, 0.1], [0.1, 0.8, 0.1], [0.8, 0.1, 0.1], [0.1, 0.8, 0.1]]])
        >>> ctc_search(steps.astype("float32"), np.array([4]))[0].numpy().tolist()
        [[1, 1]]

    Reference:
        Graves et al. 2006, "Connectionist Temporal Classification", sections 3.1 and 3.2; Hannun et al. 2014,
        "First-Pass Large Vocabulary Continuous Speech Recognition using Bi-Directional Recurrent DNNs", algorithm 1,
        without a language model.
    """
    if beam_size < 1:
        raise ValueError(f"`beam_size` must be at least 1. Received: beam_size={beam_size}")
    steps = tf.transpose(tf.nn.log_softmax(tf.cast(logits, tf.float32)), (1, 0, 2))  # [T, B, V]
    lengths = tf.cast(lengths, tf.int32)
    if beam_size == 1:
        (found,), negative = tf.nn.ctc_greedy_decoder(steps, lengths, blank_index=0)
        score = -negative[:, 0]
        ids = found
    else:
        blank_last = tf.concat([steps[:, :, 1:], steps[:, :, :1]], axis=2)  # as TensorFlow's search has it
        (found,), scores = tf.nn.ctc_beam_search_decoder(blank_last, lengths, beam_size, top_paths=1)
        score = scores[:, 0]
        ids = tf.SparseTensor(found.indices, found.values + 1, found.dense_shape)
    return tf.cast(tf.sparse.to_dense(ids), tf.int32), score
