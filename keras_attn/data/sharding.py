"""A batch cut into the parts that many devices compute, so that their sum is the batch's own loss."""

import keras
import numpy as np

from keras_attn.data.epoch_batches import batch_dataset


def split_batch(batch, count, averaged_over="rows"):
    """Cuts a batch by rows into parts of equally many, filled up with rows of zeros at need.

    Each part gets sample weights by which the losses of all parts, added up, are the loss of the whole batch, with
    unequal numbers of tokens and a number of rows that does not divide evenly too. Over R parts, part r gets

    - of a loss that is the mean over its tokens, as `MaskedCrossentropy`, n_r / n, its share of the batch's tokens;
    - of a loss that is the mean over its rows, as Keras's, which Keras divides by R itself, R B_r / B.

    Rows that fill a part up have the weight 0, and no others, unless they came with it.

    Args:
        batch: Tuple (inputs, labels) or (inputs, labels, sample_weight) of arrays, or dicts of arrays, [B, ...].
        count: Number R of parts.
        averaged_over: "tokens", which are the labels that are not 0, or "rows".

    Returns:
        List of `count` tuples (inputs, labels, sample_weight).

    Raises:
        ValueError: If `averaged_over` is unknown.

    Example:
        >>> import numpy as np
        >>> from keras_attn.data import split_batch
        >>> ids = np.array([[5, 6, 7], [8, 0, 0]])
        >>> [weights.tolist() for _, _, weights in split_batch((ids, ids), 2, "tokens")]
        [[[0.75]], [[0.25]]]
    """
    if averaged_over not in ("rows", "tokens"):
        raise ValueError(f"`averaged_over` must be 'rows' or 'tokens'. Received: averaged_over={averaged_over!r}")
    inputs, labels, *weights = batch
    rows = len(keras.tree.flatten(labels)[0])
    size = -(-rows // count)
    inputs, labels, *weights = keras.tree.map_structure(lambda array: _padded(array, size * count), tuple(batch))
    if averaged_over == "tokens":
        tokens = np.count_nonzero(labels.reshape(count, -1), axis=1)  # [R]
        shares = np.where(tokens, tokens / max(tokens.sum(), 1), 1).repeat(size)  # of no tokens the loss is 0 anyway
    else:
        shares = np.full(size * count, size * count / rows)
    shares[rows:] = 0  # [R B_r]
    if not weights or (averaged_over == "tokens" and not tokens.any()):
        ones = np.ones((size * count, 1) if averaged_over == "tokens" else size * count)
        weights = [dict.fromkeys(labels, ones) if isinstance(labels, dict) else ones]
    weights = keras.tree.map_structure(
        lambda array: (array * shares.reshape(-1, *[1] * (array.ndim - 1))).astype("float32"), weights[0]
    )
    whole = inputs, labels, weights
    return [
        keras.tree.map_structure(lambda array, first=first: array[first : first + size], whole)
        for first in range(0, size * count, size)
    ]


def shard_dataset(batches, shards, count):
    """Gives some of the parts of each batch as a `tf.data.Dataset`, one after another.

    Args:
        batches: What has `as_dataset`, such as `TokenBatches`; its attribute `averaged_over` says over what the loss is
            the mean, rows where it has none.
        shards: Numbers of the parts wanted, counted from 0.
        count: Number of parts that a batch is cut into.

    Returns:
        A `tf.data.Dataset` of `len(shards)` elements a batch; each pass over it serves the epoch that `batches` holds.
    """
    import tensorflow as tf

    averaged_over = getattr(batches, "averaged_over", "rows")

    def parts():
        for index in range(len(batches)):
            cut = split_batch(batches[index], count, averaged_over)
            yield from (cut[shard] for shard in shards)

    inputs, labels, *weights = batches.as_dataset().element_spec
    if not weights:
        spec = tf.TensorSpec((None, 1) if averaged_over == "tokens" else (None,))
        weights = [dict.fromkeys(labels, spec) if isinstance(labels, dict) else spec]
    signature = tf.nest.map_structure(
        lambda spec: tf.TensorSpec((None, *spec.shape[1:]), spec.dtype), (inputs, labels, *weights)
    )
    return batch_dataset(parts, signature, len(batches) * len(shards), prefetch=2 * len(shards))


def _padded(array, rows):
    array = np.asarray(array)
    return np.pad(array, [(0, rows - len(array)), *[(0, 0)] * (array.ndim - 1)])
