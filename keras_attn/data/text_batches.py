"""Batches of single texts, as ids, with what a model should say of each."""

import numpy as np

from keras_attn.data.sorted_batches import SortedBatches, padded

_STEP = 4  # widths are multiples of it


class TextBatches(SortedBatches):
    """Batches of token ids with targets, texts of similar lengths together.

    A batch is `(ids, targets)` or `(ids, targets, weights)`: int32 ids [B, T] that begin with `start_id`, where there
    is one, and end in `end_id`, padded with 0, and dicts of float32 arrays, [B, C] and [B], by output. Every text is
    seen once an epoch. The order is a function of `(seed, epoch)`: set `epoch` to serve that epoch.

    Args:
        ids: List of 1-D arrays of positive ids, one a text.
        targets: Dict of output name -> array [N, C].
        weights: Dict of output name -> array [N], the weight of each text; empty where all count alike.
        batch_size: Texts a batch.
        max_length: Most ids of a text, start and end included; longer ones are cut.
        shuffle: Whether to mix the texts anew each epoch.
        seed: Seed of the mixing.
        start_id: Id that begins each text, or None.
        end_id: Id that ends each text.

    Attributes:
        truncated: Number of texts that were cut.

    Raises:
        ValueError: If there is no text, or not one row of targets for each.

    Example:
        >>> batches = TextBatches([[5, 6, 7], [8]], {"label": np.eye(2)}, batch_size=2, shuffle=False)
        >>> ids, targets = batches[0]
        >>> ids.tolist(), targets["label"].tolist()
        ([[5, 6, 7, 2], [8, 2, 0, 0]], [[1.0, 0.0], [0.0, 1.0]])
    """

    def __init__(
        self,
        ids,
        targets,
        weights=None,
        *,
        batch_size=32,
        max_length=128,
        shuffle=True,
        seed=0,
        start_id=None,
        end_id=2,
    ):
        counts = [len(array) for array in [*targets.values(), *(weights or {}).values()]]
        if not ids or any(count != len(ids) for count in counts):
            raise ValueError(
                "There must be texts, and a row of targets and weights for each. "
                f"Received: {len(ids)} texts, {counts} rows"
            )
        start = [] if start_id is None else [start_id]
        room = max_length - len(start) - 1
        self.truncated = sum(len(row) > room for row in ids)
        self._rows = [np.concatenate([start, row[:room], [end_id]]).astype("int32") for row in ids]
        self._targets = {name: np.asarray(array, "float32") for name, array in targets.items()}
        self._weights = {name: np.asarray(array, "float32") for name, array in (weights or {}).items()}
        super().__init__([len(row) for row in self._rows], batch_size, shuffle, seed)

    def __getitem__(self, index):
        rows = self.rows_of(index)
        ids = padded([self._rows[row] for row in rows], _STEP)
        targets = {name: array[rows] for name, array in self._targets.items()}
        weights = {name: array[rows] for name, array in self._weights.items()}
        return (ids, targets, weights) if weights else (ids, targets)

    def signature(self):
        import tensorflow as tf

        signature = [tf.TensorSpec((None, None), tf.int32)]
        signature.append({name: tf.TensorSpec((None, *array.shape[1:])) for name, array in self._targets.items()})
        if self._weights:
            signature.append({name: tf.TensorSpec((None,)) for name in self._weights})
        return tuple(signature)
