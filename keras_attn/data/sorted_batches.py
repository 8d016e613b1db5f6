import numpy as np

from keras_attn.data.epoch_batches import EpochBatches

_POOL = 32  # batches that are made of rows drawn together, and sorted by length


class SortedBatches(EpochBatches):
    """What batches share that hold every row once an epoch, rows of similar lengths together.

    The order is a function of `(seed, epoch)`: set `epoch` to serve that epoch. A subclass defines `__getitem__`, which
    makes the batch of the rows `rows_of(index)`, and `signature`.

    Args:
        lengths: Lengths of the rows, integers [N].
        batch_size: Rows a batch.
        shuffle: Whether to mix the rows anew each epoch.
        seed: Seed of the mixing.

    Example:
        >>> from keras_attn.data.sorted_batches import SortedBatches
        >>> batches = SortedBatches([3, 1, 2], batch_size=2, shuffle=False)
        >>> [batches.rows_of(i).tolist() for i in range(len(batches))], batches.target_tokens
        ([[0, 1], [2]], 6)
    """

    def __init__(self, lengths, batch_size, shuffle=True, seed=0):
        self._lengths = np.asarray(lengths)
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.seed = seed
        self.epoch = 0

    @property
    def target_tokens(self):
        """Sum of the lengths: an epoch's tokens, without padding."""
        return int(self._lengths.sum())

    def rows_of(self, index):
        """Tells which rows stand in a batch.

        Args:
            index: Number of the batch.

        Returns:
            Integer array.
        """
        return self._plan[index]

    def _plan_epoch(self, generator):
        count, size = len(self._lengths), self.batch_size
        order = generator.permutation(count) if self.shuffle else np.arange(count)
        batches = []
        for start in range(0, count, _POOL * size):
            pool = order[start : start + _POOL * size]
            if self.shuffle:
                pool = pool[np.argsort(self._lengths[pool], kind="stable")]
            batches += [pool[first : first + size] for first in range(0, len(pool), size)]
        return [batches[i] for i in generator.permutation(len(batches))] if self.shuffle else batches


def padded(rows, step, value=0):
    """Puts rows of numbers into one array.

    Args:
        rows: List of 1-D integer arrays.
        step: The width is a multiple of it, and at least one.
        value: What stands behind the rows.

    Returns:
        int32 [B, T].

    Example:
        >>> from keras_attn.data.sorted_batches import padded
        >>> padded([[5, 6, 7], [8]], step=4).tolist()
        [[5, 6, 7, 0], [8, 0, 0, 0]]
    """
    width = max(1, -(-max(map(len, rows)) // step)) * step
    array = np.full((len(rows), width), value, "int32")
    for place, row in enumerate(rows):
        array[place, : len(row)] = row
    return array
