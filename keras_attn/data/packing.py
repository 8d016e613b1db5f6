"""Which sequences share a row."""

import numpy as np

_OPEN_ROWS = 64  # rows that still take pairs; more pack hardly tighter


def pack_pairs(order, source_lengths, target_lengths, source_room, target_room):
    """Puts pairs of sequences into as few rows as first-fit finds, in the order given.

    A pair goes into the first of the open rows that has room for both of its sides; when too many are open, the fullest
    one is closed.

    Args:
        order: Indices of pairs, in the order in which they are put.
        source_lengths: Lengths of the sources, by index.
        target_lengths: Lengths of the targets, by index.
        source_room: Tokens of a row on the side of the sources, at least the longest of them.
        target_room: The same for the targets.

    Returns:
        Integer array [rows, N] of indices, -1 where a row holds less than N pairs.

    Example:
        >>> import numpy as np
        >>> from keras_attn.data.packing import pack_pairs
        >>> pack_pairs([0, 1, 2], np.array([3, 4, 2]), np.array([1, 1, 1]), 5, 5).tolist()
        [[0, 2], [1, -1]]

    Reference:
        Krell et al. 2021, "Efficient Sequence Packing without Cross-contamination", section 3.
    """
    rows, open_rows = [], []
    room = np.zeros((_OPEN_ROWS, 2), int)  # of the open rows; the others have none
    for pair in order:
        needed = source_lengths[pair], target_lengths[pair]
        fits = (room >= needed).all(axis=1)
        place = int(fits.argmax())
        if not fits[place]:
            place = len(open_rows) if len(open_rows) < _OPEN_ROWS else int(room.sum(axis=1).argmin())
            open_rows[place : place + 1] = [[]]
            rows.append(open_rows[place])
            room[place] = source_room, target_room
        open_rows[place].append(int(pair))
        room[place] -= needed
    packed = np.full((len(rows), max(map(len, rows))), -1)
    for row, pairs in zip(packed, rows, strict=True):
        row[: len(pairs)] = pairs
    return packed
