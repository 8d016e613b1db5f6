"""Batches of token-id pairs under a token budget, in few static shapes."""

from dataclasses import dataclass

import keras
import numpy as np

from keras_attn.data.packing import pack_pairs
from keras_attn.data.token_sequences import EndedSequences, TokenSequences

_MAX_EDGES = 64  # distinct lengths a side that the search for shapes looks at
_STEPS = [(i, j) for i in range(-2, 3) for j in range(-2, 3)]


class TokenBatches(keras.utils.PyDataset):
    """Batches of (source, target) token ids for training a sequence-to-sequence model.

    Pairs of similar lengths share a batch. The shapes `[rows, S]`, `[rows, T]` are chosen from the data so that
    little is padding and few shapes exist; `rows = batch_tokens // max(S, T)`. Pairs that do not fill a batch
    of their shape move up into a larger one, so that an epoch has at most one short batch, which is filled up
    with rows of padding. Every pair is seen exactly once an epoch.

    A batch is `({"source": [B, S], "target": [B, T]}, labels [B, T])`, all int32 and padded with 0. The source
    ends in `end_id`, the decoder's input `target` begins with `start_id`, `labels` end in `end_id`.

    With `packing` all batches have one shape, and a row holds as many pairs as fit into it one after another; the
    inputs then have `source_segments` and `target_segments` too, which number the pairs of a row from 1, 0 at padding.
    It is for a model with `packed=True`.

    With `accumulate` = k, an optimizer with `gradient_accumulation_steps=k` gets the gradient of k batches as of a
    single one: a batch has a third part, `sample_weight` [B, 1], that gives each batch the share of its k's tokens that
    it holds. The number of batches is then a multiple of k, by batches of padding at need.

    The order is a function of `(seed, epoch)`. Keras moves `epoch` on after each epoch that was seen whole;
    set `epoch` to resume. Pass `shuffle=False` to `model.fit`, which otherwise shuffles the batches a second
    time with Python's global generator, and leave its `steps_per_epoch` unset.

    Args:
        sources: List of 1-D sequences of positive ids, without start and end, or `TokenSequences`.
        targets: The same for the targets; `targets[i]` belongs to `sources[i]`.
        batch_tokens: Most tokens, padding included, of either side in a batch.
        max_length: Most tokens of a sequence, start or end included; longer sequences are cut.
        num_buckets: Most distinct shapes.
        shuffle: Whether to shuffle pairs and batches anew each epoch.
        seed: Seed of the shuffling.
        start_id: Id that begins the decoder's input.
        end_id: Id that ends sources and labels.
        packing: Whether to put several pairs into a row.
        accumulate: Batches whose gradients the optimizer adds up for one update.

    Attributes:
        truncated: Number of sequences (of both sides) that were cut.
        averaged_over: What the loss is the mean over, for `split_batch`.

    Raises:
        ValueError: No pairs, unequal numbers of sources and targets, ids that are not positive integers,
            `batch_tokens` smaller than `max_length`, or another argument out of its range.

    Example:

    >>> batches = TokenBatches([[5, 6, 7], [8]], [[5, 6], [9, 4]], batch_tokens=8, max_length=8, shuffle=False)
    >>> inputs, labels = batches[0]
    >>> inputs["source"].tolist()
    [[5, 6, 7, 2], [8, 2, 0, 0]]
    >>> inputs["target"].tolist(), labels.tolist()
    ([[1, 5, 6], [1, 9, 4]], [[5, 6, 2], [9, 4, 2]])
    """

    averaged_over = "tokens"

    def __init__(
        self,
        sources,
        targets,
        *,
        batch_tokens=4096,
        max_length=128,
        num_buckets=16,
        shuffle=True,
        seed=0,
        start_id=1,
        end_id=2,
        packing=False,
        accumulate=1,
    ):
        super().__init__(workers=1, use_multiprocessing=False)
        _check_integers(max_length=(max_length, 2), num_buckets=(num_buckets, 1), seed=(seed, 0))
        _check_integers(start_id=(start_id, 1), end_id=(end_id, 1), accumulate=(accumulate, 1))
        _check_pairs(sources, targets, batch_tokens, max_length)
        self.batch_tokens = batch_tokens
        self.max_length = max_length
        self.num_buckets = num_buckets
        self.shuffle = shuffle
        self.seed = seed
        self.start_id = start_id
        self.end_id = end_id
        self.packing = packing
        self.accumulate = accumulate
        self._sources = EndedSequences(TokenSequences.of("sources", sources), max_length, end_id)
        self._targets = EndedSequences(TokenSequences.of("targets", targets), max_length, end_id)
        self.truncated = self._sources.truncated + self._targets.truncated
        lengths = self._sources.lengths[:-1], self._targets.lengths[:-1]
        search = _ShapeSearch(*lengths, batch_tokens)
        self._shapes = [_packed_shape(*lengths, max_length)] if packing else search.choose(num_buckets)
        self._next_larger = _next_larger(self._shapes)
        self._bucket = _smallest_fitting(self._shapes, *lengths)
        self.epoch = 0

    @property
    def epoch(self):
        """The epoch whose batches are served; setting it gives exactly the order of that epoch."""
        return self._epoch

    @epoch.setter
    def epoch(self, epoch):
        _check_integers(epoch=(epoch, 0))
        self._epoch = int(epoch)
        self._plan = self._plan_epoch(self._epoch)
        self._running = False

    @property
    def shapes(self):
        """List of the distinct batch shapes `(S, T, rows)` in use, smallest first."""
        return [(*self._shapes[b], self._rows(b)) for b in sorted({b for b, _ in self._plan.batches})]

    @property
    def padding_fraction(self):
        """Fraction of an epoch's token slots, source and target together, that hold padding."""
        slots = sum(len(rows) * sum(self._shapes[bucket]) for bucket, rows in self._plan.batches)
        return 1.0 - float(self._sources.lengths.sum() + self._targets.lengths.sum()) / slots

    @property
    def target_tokens(self):
        """Number of labels of an epoch that are not padding, end ids included."""
        return int(self._targets.lengths.sum())

    def __len__(self):
        return len(self._plan.batches)

    def __getitem__(self, index):
        plan = self._plan  # prefetching reads ahead in another thread
        if not 0 <= index < len(plan.batches):
            raise IndexError(f"`index` must lie in [0, {len(plan.batches)}). Received: index={index}")
        plan.served[index] = True
        bucket, rows = plan.batches[index]
        source, source_segments = self._sources.padded(rows, self._shapes[bucket][0])
        labels, segments = self._targets.padded(rows, self._shapes[bucket][1])
        begins = np.diff(segments, axis=1, prepend=0) > 0
        target = np.where(begins, self.start_id, np.where(labels == 0, 0, np.roll(labels, 1, axis=1))).astype(np.int32)
        inputs = {"source": source, "target": target}
        if self.packing:
            inputs |= {"source_segments": source_segments, "target_segments": segments}
        if self.accumulate == 1:
            return inputs, labels
        return inputs, labels, np.full((len(rows), 1), plan.weights[index], np.float32)

    def __iter__(self):
        self.on_epoch_begin()
        return super().__iter__()

    def on_epoch_begin(self):
        """Notes that an epoch begins. Keras calls it; so does iterating over the dataset."""
        self._running = True

    def on_epoch_end(self):
        """Moves on to the next epoch, if every batch of this one was served.

        Keras calls this once more before the first epoch of each `fit`, and when it has peeked at a batch: these
        calls leave the epoch as it is.
        """
        if self._running and self._plan.served.all():
            self.epoch += 1
        self._running = False

    def as_dataset(self):
        """Gives the same batches as a `tf.data.Dataset`; each pass over it serves the epoch that `epoch` then holds.

        On TensorFlow, train with this: Keras would make a dataset with tf.data's autotuning, whose thread can hold
        up the end of every epoch for as long as a minute.

        Returns:
            A `tf.data.Dataset` of known size whose lengths are all left open, so that a training traces once.
        """
        import tensorflow as tf

        dataset = tf.data.Dataset.from_generator(
            lambda: (self[index] for index in range(len(self))), output_signature=self._signature()
        )
        options = tf.data.Options()
        options.autotune.enabled = False
        return dataset.apply(tf.data.experimental.assert_cardinality(len(self))).prefetch(2).with_options(options)

    def _signature(self):
        import tensorflow as tf

        ids = tf.TensorSpec((None, None), tf.int32)
        segments = {"source_segments": ids, "target_segments": ids} if self.packing else {}
        weights = () if self.accumulate == 1 else (tf.TensorSpec((None, 1), tf.float32),)
        return {"source": ids, "target": ids, **segments}, ids, *weights

    def _rows(self, bucket):
        return self.batch_tokens // max(self._shapes[bucket])

    def _plan_epoch(self, epoch):
        generator = np.random.default_rng([self.seed, epoch])
        count = len(self._bucket)
        order = generator.permutation(count) if self.shuffle else np.arange(count)
        batches = self._packed(order) if self.packing else self._bucketed(order)
        batches += [(0, np.full((1, 1), -1))] * (-len(batches) % self.accumulate)  # of one row of padding
        if self.shuffle:
            batches = [batches[i] for i in generator.permutation(len(batches))]
        batches = self._lead_with_unlike_shapes(batches)
        tokens = np.array([self._targets.lengths[rows].sum() for _, rows in batches]).reshape(-1, self.accumulate)
        weights = tokens / tokens.mean(axis=1, keepdims=True)
        return _Plan(batches, weights.ravel(), np.zeros(len(batches), bool))

    def _packed(self, order):
        lengths = self._sources.lengths, self._targets.lengths
        rows = pack_pairs(order, *lengths, *self._shapes[0])
        count = self._rows(0)
        rows = np.pad(rows, ((0, -len(rows) % count), (0, 0)), constant_values=-1)
        return [(0, batch) for batch in rows.reshape(-1, count, rows.shape[1])]

    def _bucketed(self, order):
        order = order[np.argsort(self._bucket[order], kind="stable")]
        sizes = np.bincount(self._bucket, minlength=len(self._shapes))
        members = [[pairs] for pairs in np.split(order, np.cumsum(sizes)[:-1])]
        batches = []
        for bucket, larger in enumerate(self._next_larger):
            pairs = np.concatenate(members[bucket])
            rows = self._rows(bucket)
            if larger is None:
                pairs = np.concatenate([pairs, np.full(-len(pairs) % rows, -1)])
            full = len(pairs) // rows * rows
            batches += [(bucket, batch) for batch in pairs[:full].reshape(-1, rows, 1)]
            if larger is not None:
                members[larger].insert(0, pairs[full:])  # in front: nobody moves up twice without need
        return batches

    def _lead_with_unlike_shapes(self, batches):
        """Puts two batches that differ in every length that varies first.

        On TensorFlow Keras takes the shape of all batches from the first two: a length that they happened to
        share would become a fixed one.
        """
        shapes = np.array([self._shapes[bucket] for bucket, _ in batches])  # [batches, 2]
        fixed = (shapes == shapes[0]).all(axis=0)
        for first, shape in enumerate(shapes):
            (partners,) = np.nonzero((fixed | (shapes != shape)).all(axis=1))
            if len(batches) > 1 and partners.size and not fixed.all():
                second = partners[0]
                rest = [batch for i, batch in enumerate(batches) if i not in (first, second)]
                return [batches[first], batches[second], *rest]
        return batches


@dataclass(frozen=True)
class _Plan:
    """The batches of one epoch, their weights, and which were served.

    A batch is (bucket, indices of pairs [rows, pairs a row], -1 for none).
    """

    batches: list
    weights: np.ndarray
    served: np.ndarray


def _packed_shape(source_lengths, target_lengths, max_length):
    """Returns (S, T): the side with more tokens gets `max_length`, the other as much less as it has fewer."""
    totals = np.array([source_lengths.sum(), target_lengths.sum()])
    shape = np.ceil(max_length * totals / totals.max()).astype(int)
    return int(max(shape[0], source_lengths.max())), int(max(shape[1], target_lengths.max()))


def _next_larger(shapes):
    """Returns, for shapes sorted by S + T, the index of the first later one that holds each, or None."""
    return [
        next((j for j in range(i + 1, len(shapes)) if shapes[j][0] >= s and shapes[j][1] >= t), None)
        for i, (s, t) in enumerate(shapes)
    ]


def _smallest_fitting(shapes, source_lengths, target_lengths):
    """Returns, for shapes sorted by S + T, the index of the first one that holds each pair of lengths."""
    bucket = np.full(np.broadcast(source_lengths, target_lengths).shape, -1)
    for index, (s, t) in reversed(list(enumerate(shapes))):
        bucket[(source_lengths <= s) & (target_lengths <= t)] = index
    return bucket


class _ShapeSearch:
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
        owner = _smallest_fitting(shapes, self.source_edges[:, None], self.target_edges)
        counts = np.bincount(owner.ravel(), self.pairs.ravel(), len(shapes)).astype(int)
        needed = 0
        for bucket, larger in enumerate(_next_larger(shapes)):
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


def _check_integers(**arguments):
    for name, (value, least) in arguments.items():
        if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value < least:
            raise ValueError(f"`{name}` must be an integer of at least {least}. Received: {name}={value!r}")


def _check_pairs(sources, targets, batch_tokens, max_length):
    if not isinstance(batch_tokens, (int, np.integer)) or batch_tokens < max_length:
        raise ValueError(
            f"`batch_tokens` must be an integer of at least `max_length` ({max_length}), so that the longest pair "
            f"fits into a batch. Raise it or lower `max_length`. Received: batch_tokens={batch_tokens!r}"
        )
    if len(sources) != len(targets):
        raise ValueError(
            "`sources` and `targets` must have the same length. "
            f"Received: len(sources)={len(sources)}, len(targets)={len(targets)}"
        )
    if len(sources) == 0:
        raise ValueError("At least one pair is needed. Received: len(sources)=0, len(targets)=0")
