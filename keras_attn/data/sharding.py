"""A batch cut into the parts that many devices compute, so that their sum is the batch's own loss."""

import keras
import numpy as np

from keras_attn.data.epoch_batches import batch_dataset

_HARDLY = 1e-30  # the weight of a row that came with none: it counts as a row, and rows of padding do not


def split_batch(batch, count, averaged_over="rows", padding=0):
    """Cuts a batch by rows into parts of equally many, filled up with rows of padding at need.

    Each part gets sample weights by which the losses of all parts, added up, are the loss of the whole batch, with
    unequal numbers of tokens and a number of rows that does not divide evenly too. Over R parts, part r gets

    - of a loss that is the mean over its tokens, as `MaskedCrossentropy`, n_r / n, its share of the batch's tokens;
    - of a loss that is the mean over its rows, as Keras's, which Keras divides by R itself, R B_r / B.

    Rows that fill a part up have the weight 0, and no others: rows that came with it get 1e-30.

    Args:
        batch: Tuple (inputs, labels) or (inputs, labels, sample_weight) of arrays, or dicts of arrays, [B, ...].
        count: Number R of parts.
        averaged_over: "tokens", which are the labels that are no padding, or "rows"; or a dict of them, by output.
        padding: What rows of padding hold: a number, or numbers nested as (inputs, labels) are.

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
    inputs, labels, *own = batch
    rows = len(keras.tree.flatten(labels)[0])
    size = -(-rows // count)
    if not isinstance(padding, tuple):
        padding = keras.tree.map_structure(lambda _: padding, (inputs, labels))
    inputs, labels = keras.tree.map_structure(lambda *one: _padded(*one, size * count), (inputs, labels), padding)
    own = keras.tree.map_structure(lambda array: _padded(array, 0, size * count), own[0]) if own else None
    if isinstance(labels, dict):
        over = averaged_over if isinstance(averaged_over, dict) else dict.fromkeys(labels, averaged_over)
        weights = {
            name: _weights(array, own and own[name], rows, count, over[name], padding[1][name])
            for name, array in labels.items()
        }
    else:
        weights = _weights(labels, own, rows, count, averaged_over, padding[1])
    whole = inputs, labels, weights
    return [
        keras.tree.map_structure(lambda array, first=first: array[first : first + size], whole)
        for first in range(0, size * count, size)
    ]


def shard_dataset(batches, shards, count):
    """Gives some of the parts of each batch as a `tf.data.Dataset`, one after another.

    Args:
        batches: What has `as_dataset`, such as `TokenBatches`; its attributes `averaged_over` and `padding` are those
            of `split_batch`, rows and 0 where it has none.
        shards: Numbers of the parts wanted, counted from 0.
        count: Number of parts that a batch is cut into.

    Returns:
        A `tf.data.Dataset` of `len(shards)` elements a batch; each pass over it serves the epoch that `batches` holds.
    """
    import tensorflow as tf

    averaged_over, padding = getattr(batches, "averaged_over", "rows"), getattr(batches, "padding", 0)

    def parts():
        for index in range(len(batches)):
            cut = split_batch(batches[index], count, averaged_over, padding)
            yield from (cut[shard] for shard in shards)

    inputs, labels, *weights = batches.as_dataset().element_spec
    if not weights:
        weights = [tf.nest.map_structure(lambda spec: tf.TensorSpec((None, *[1] * (len(spec.shape) - 1))), labels)]
    signature = tf.nest.map_structure(
        lambda spec: tf.TensorSpec((None, *spec.shape[1:]), spec.dtype), (inputs, labels, *weights)
    )
    return batch_dataset(parts, signature, len(batches) * len(shards), prefetch=2 * len(shards))


def _weights(labels, own, rows, count, averaged_over, padding):
    """Weights of the rows of all parts, [R B_r, 1, ...], with as many axes as the labels; times their own, if any."""
    if averaged_over not in ("rows", "tokens"):
        raise ValueError(f"`averaged_over` must be 'rows' or 'tokens'. Received: averaged_over={averaged_over!r}")
    size = len(labels) // count
    shares = np.full(len(labels), len(labels) / rows)  # [R B_r]
    if averaged_over == "tokens":
        tokens = np.count_nonzero(labels.reshape(count, -1) != padding, axis=1)  # [R]
        shares = np.where(tokens, tokens / max(tokens.sum(), 1), 1).repeat(size)  # of no tokens the loss is 0 anyway
        own = own if tokens.any() else None
    shares[rows:] = 0
    own = np.ones((len(labels), *[1] * (labels.ndim - 1))) if own is None else own
    own = np.where(own.any(axis=tuple(range(1, own.ndim)), keepdims=True), own, _HARDLY)
    return (own * shares.reshape(-1, *[1] * (own.ndim - 1))).astype("float32")


def _padded(array, value, rows):
    array = np.asarray(array)
    return np.pad(array, [(0, rows - len(array)), *[(0, 0)] * (array.ndim - 1)], constant_values=value)
