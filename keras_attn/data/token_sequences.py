"""Sequences of token ids, one after another in a flat array: in memory, or in a file that is never loaded whole."""

import numpy as np


class TokenSequences:
    """Many sequences of ids.

    Args:
        ids: Array of the ids of all sequences, in their order; a `numpy.memmap` stays in its file.
        sizes: Array of their numbers of ids.

    Example:
        >>> from keras_attn.data import TokenSequences
        >>> len(TokenSequences.of("sources", [[5, 6, 7], [8]]))
        2
    """

    def __init__(self, ids, sizes):
        self.ids = ids
        self.sizes = sizes

    @classmethod
    def of(cls, name, sequences):
        """Takes sequences from a list, and checks them.

        Args:
            name: What to call them in errors.
            sequences: List of 1-D sequences of positive ids, or what is `TokenSequences` already.

        Returns:
            `TokenSequences`.

        Raises:
            ValueError: If an item is no 1-D sequence of positive 32-bit integers.
        """
        if isinstance(sequences, cls):
            return sequences
        arrays = [np.asarray(sequence) for sequence in sequences]
        for index, array in enumerate(arrays):
            if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
                raise ValueError(
                    f"Each item of `{name}` must be a 1-D sequence of integer ids; item {index} has shape "
                    f"{array.shape} and dtype {array.dtype}. Received: {name}[{index}]={sequences[index]!r}"
                )
        sizes = np.array([array.size for array in arrays], np.int64)
        flat = np.concatenate([np.zeros(0, np.int64), *(array for array in arrays if array.size)])
        (bad,) = np.nonzero((flat < 1) | (flat > np.iinfo(np.int32).max))
        if bad.size:
            owner = np.searchsorted(np.cumsum(sizes), bad[0], side="right")
            raise ValueError(
                f"Ids in `{name}` must be positive 32-bit integers (0 is kept for padding). Remove padding first. "
                f"Received: {name}[{owner}] holds {flat[bad[0]]}"
            )
        return cls(flat.astype(np.int32), sizes)

    def __len__(self):
        return len(self.sizes)


class EndedSequences:
    """Sequences that are cut and end in an end id, as batches take them; index -1 is the empty sequence.

    Args:
        sequences: `TokenSequences`.
        max_length: Most ids of a sequence, the end included; longer ones are cut.
        end_id: Id that ends each.

    Attributes:
        lengths: Array of their numbers of ids, the end included, and a 0 for index -1.
        truncated: Number of sequences that were cut.
    """

    def __init__(self, sequences, max_length, end_id):
        kept = np.minimum(sequences.sizes, max_length - 1)
        self.truncated = int((sequences.sizes > kept).sum())
        self.lengths = np.append(kept + 1, 0)
        self._starts = np.append(np.cumsum(sequences.sizes) - sequences.sizes, 0)
        self._ids = sequences.ids
        self._end_id = end_id

    def padded(self, index, width):
        """Lays sequences out in rows, one after another, padded with 0.

        Args:
            index: Integer array [rows, N] of sequences.
            width: Ids of a row.

        Returns:
            Int32 arrays [rows, width]: the ids, and the numbers of the sequences in their row, from 1.
        """
        lengths = self.lengths[index]
        sizes = lengths.ravel()
        token = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)  # its place in its sequence
        is_end = token == np.repeat(sizes - 1, sizes)
        places = np.repeat(self._starts[index].ravel(), sizes) + token
        flat = np.full(len(places), self._end_id, np.int32)
        flat[~is_end] = self._ids[places[~is_end]]
        filled = np.arange(width) < lengths.sum(axis=1)[:, None]
        ids, segments = np.zeros((2, *filled.shape), np.int32)
        ids[filled] = flat
        segments[filled] = np.repeat(np.broadcast_to(np.arange(1, index.shape[1] + 1), index.shape).ravel(), sizes)
        return ids, segments
