"""Which few shapes the batches of pairs of sequences take."""

import numpy as np

_MAX_EDGES = 64  # distinct lengths a side that the search for shapes looks at
_STEPS = [(i, j) for i in range(-2, 3) for j in range(-2, 3)]


def packed_shape(source_lengths, target_lengths, max_length):
    """Returns (S, T): the side with more tokens gets `max_length`, the other as much less as it has fewer."""
    totals = np.array([source_lengths.sum(), target_lengths.sum()])
    shape = np.ceil(max_length * totals / totals.max()).astype(int)
    return int(max(shape[0], source_lengths.max())), int(max(shape[1], target_lengths.max()))


def next_larger(shapes):
    """Returns, for shapes sorted by S + T, the index of the first later one that holds each, or None."""
    return [
        next((j for j in range(i + 1, len(shapes)) if shapes[j][0] >= s and shapes[j][1] >= t), None)
        for i, (s, t) in enumerate(shapes)
    ]


def smallest_fitting(shapes, source_lengths, target_lengths):
    """Returns, for shapes sorted by S + T, the index of the first one that holds each pair of lengths."""
    bucket = np.full(np.broadcast(source_lengths, target_lengths).shape, -1)
    for index, (s, t) in reversed(list(enumerate(shapes))):
        bucket[(source_lengths <= s) & (target_lengths <= t)] = index
    return bucket


class ShapeSearch:
    """Searches the shapes (S, T) that hold all pairs with the fewest token slots.

    Greedy: starting with the shape that holds everything, add the shape that saves most, and after each
    addition give every shape the chance of a better place. Of the solutions met, with 1, 2, ... shapes, the one is
    taken that needs fewest slots when batches are filled as `TokenBatches` fills them, and its shapes are moved
    by small steps while that number falls.
    """

    def __init__(self, source_lengths, target_lengths, batch_tokens):
        self.source_edges = _edges(source_lengths)
        self.target_edges = _edges(target_lengths)
        self.batch_tokens = batch_tokens
        self.slots = self.source_edges[:, None] + self.target_edges  # [I, J] slots of a row of that shape
        self.pairs = np.zeros(self.slots.shape)  # [I, J] how many pairs have these lengths
        rows = np.searchsorted(self.source_edges, source_lengths)
        np.add.at(self.pairs, (rows, np.searchsorted(self.target_edges, target_lengths)), 1)

    def choose(self, num_buckets):
        """Returns at most `num_buckets` shapes, sorted by S + T."""
        shapes = [(len(self.source_edges) - 1, len(self.target_edges) - 1)]  # as indices of edges
        best = shapes
        while len(shapes) < num_buckets and (addition := self._best_addition(shapes)):
            shapes = [*shapes, addition]
            for place in range(1, len(shapes)):
                others = shapes[:place] + shapes[place + 1 :]
                shapes[place] = self._best_addition(others) or shapes[place]
            best = min(best, shapes[:], key=self._slots_needed)
        return self._sorted(self._polished(best))

    def _best_addition(self, shapes):
        """Returns the shape that saves most slots when added to `shapes`, or None if none saves any."""
        row_slots = self.slots[-1, -1] * np.ones_like(self.pairs)  # [I, J] of the cheapest shape that fits
        for i, j in shapes:
            row_slots[: i + 1, : j + 1] = np.minimum(row_slots[: i + 1, : j + 1], self.slots[i, j])
        saved = np.zeros_like(self.pairs)
        for slots in np.unique(self.slots):
            saving = (self.pairs * np.maximum(row_slots - slots, 0)).cumsum(0).cumsum(1)
            saved = np.where(self.slots == slots, saving, saved)
        best = np.unravel_index(saved.argmax(), saved.shape)
        return tuple(map(int, best)) if saved[best] > 0 else None

    def _polished(self, shapes):
        fewest, improved = self._slots_needed(shapes), True
        while improved:
            improved = False
            for place in range(1, len(shapes)):
                for i, j in _STEPS:
                    moved = shapes[place][0] + i, shapes[place][1] + j
                    inside = 0 <= moved[0] < self.slots.shape[0] and 0 <= moved[1] < self.slots.shape[1]
                    if not inside or moved in shapes:
                        continue
                    trial = [*shapes[:place], moved, *shapes[place + 1 :]]
                    if (needed := self._slots_needed(trial)) < fewest:
                        fewest, shapes, improved = needed, trial, True
        return shapes

    def _sorted(self, shapes):
        tokens = [(int(self.source_edges[i]), int(self.target_edges[j])) for i, j in shapes]
        return sorted(tokens, key=lambda shape: (sum(shape), shape))

    def _slots_needed(self, shapes):
        shapes = self._sorted(shapes)
        owner = smallest_fitting(shapes, self.source_edges[:, None], self.target_edges)
        counts = np.bincount(owner.ravel(), self.pairs.ravel(), len(shapes)).astype(int)
        needed = 0
        for bucket, larger in enumerate(next_larger(shapes)):
            rows = self.batch_tokens // max(shapes[bucket])
            batches, left = divmod(int(counts[bucket]), rows)
            if larger is not None:
                counts[larger] += left
            elif left:
                batches += 1
            needed += batches * rows * sum(shapes[bucket])
        return needed


def _edges(lengths):
    """Returns the lengths that shapes may have: all that occur or, of many, some that split the data evenly."""
    edges = np.unique(lengths)
    if len(edges) > _MAX_EDGES:
        shares = np.linspace(0, 1, _MAX_EDGES + 1)[1:]
        edges = np.unique(np.quantile(lengths, shares, method="higher"))
    return edges
