"""Batches of token-id pairs under a token budget, in few static shapes."""

import itertools
from dataclasses import dataclass

import keras
import numpy as np

from keras_attn.data.batch_shapes import ShapeSearch, next_larger, packed_shape, smallest_fitting
from keras_attn.data.epoch_batches import batch_dataset
from keras_attn.data.packing import pack_pairs
from keras_attn.data.token_sequences import EndedSequences, TokenSequences


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

    With `variants` = k, the sequences hold all pairs k times, each time divided into other tokens; an epoch serves one
    of these copies, the next epoch the next. Every epoch has as many batches, by batches of padding at need.

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
        variants: How many copies of all pairs `sources` and `targets` hold, one after another.

    Attributes:
        truncated: Number of sequences (of both sides, in the mean of the variants) that were cut.
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
        variants=1,
    ):
        super().__init__(workers=1, use_multiprocessing=False)
        _check_integers(max_length=(max_length, 2), num_buckets=(num_buckets, 1), seed=(seed, 0))
        _check_integers(start_id=(start_id, 1), end_id=(end_id, 1), accumulate=(accumulate, 1), variants=(variants, 1))
        _check_pairs(sources, targets, batch_tokens, max_length, variants)
        self.batch_tokens = batch_tokens
        self.max_length = max_length
        self.num_buckets = num_buckets
        self.shuffle = shuffle
        self.seed = seed
        self.start_id = start_id
        self.end_id = end_id
        self.packing = packing
        self.accumulate = accumulate
        self.variants = variants
        self._sources = EndedSequences(TokenSequences.of("sources", sources), max_length, end_id)
        self._targets = EndedSequences(TokenSequences.of("targets", targets), max_length, end_id)
        self.truncated = -(-(self._sources.truncated + self._targets.truncated) // variants)
        lengths = self._sources.lengths[:-1], self._targets.lengths[:-1]
        search = ShapeSearch(*lengths, batch_tokens)
        self._shapes = [packed_shape(*lengths, max_length)] if packing else search.choose(num_buckets)
        self._next_larger = next_larger(self._shapes)
        self._bucket = smallest_fitting(self._shapes, *lengths)
        self._num_batches = self._batches_of_every_epoch()
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
        pairs = self._pairs_of(self.epoch)
        return 1.0 - float(self._sources.lengths[pairs].sum() + self._targets.lengths[pairs].sum()) / slots

    @property
    def target_tokens(self):
        """Number of labels of an epoch that are not padding, end ids included."""
        return int(self._targets.lengths[self._pairs_of(self.epoch)].sum())

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
        return batch_dataset(lambda: (self[index] for index in range(len(self))), self._signature(), len(self))

    def _signature(self):
        import tensorflow as tf

        ids = tf.TensorSpec((None, None), tf.int32)
        segments = {"source_segments": ids, "target_segments": ids} if self.packing else {}
        weights = () if self.accumulate == 1 else (tf.TensorSpec((None, 1), tf.float32),)
        return {"source": ids, "target": ids, **segments}, ids, *weights

    def _rows(self, bucket):
        return self.batch_tokens // max(self._shapes[bucket])

    def _pairs_of(self, epoch):
        """Returns the indices of the pairs that an epoch serves."""
        count = len(self._bucket) // self.variants
        return np.arange(count) + epoch % self.variants * count

    def _batches_of_every_epoch(self):
        """Returns how many batches each epoch has: Keras wants as many in all."""
        orders = max(self.variants, 4 if self.packing else 1)  # other orders fill other numbers of packed rows
        count = max(len(self._arranged(self._order(epoch))) for epoch in range(orders))
        return count + -count % self.accumulate

    def _order(self, epoch, draw=0):
        pairs = self._pairs_of(epoch)
        return np.random.default_rng([self.seed, epoch, draw]).permutation(pairs) if self.shuffle else pairs

    def _arranged(self, order):
        return self._packed(order) if self.packing else self._bucketed(order)

    def _plan_epoch(self, epoch):
        draws = (self._arranged(self._order(epoch, draw)) for draw in itertools.count())
        batches = next(batches for batches in draws if len(batches) <= self._num_batches)
        batches += [(0, np.full((1, 1), -1))] * (self._num_batches - len(batches))  # of one row of padding
        if self.shuffle:
            generator = np.random.default_rng([self.seed, epoch])
            batches = [batches[i] for i in generator.permutation(len(batches))]
        batches = self._lead_with_unlike_shapes(batches)
        tokens = np.array([self._targets.lengths[rows].sum() for _, rows in batches]).reshape(-1, self.accumulate)
        mean = tokens.mean(axis=1, keepdims=True)
        weights = tokens / np.where(mean > 0, mean, 1)
        return _Plan(batches, weights.ravel(), np.zeros(len(batches), bool))

    def _packed(self, order):
        lengths = self._sources.lengths, self._targets.lengths
        rows = pack_pairs(order, *lengths, *self._shapes[0])
        count = self._rows(0)
        rows = np.pad(rows, ((0, -len(rows) % count), (0, 0)), constant_values=-1)
        return [(0, batch) for batch in rows.reshape(-1, count, rows.shape[1])]

    def _bucketed(self, order):
        order = order[np.argsort(self._bucket[order], kind="stable")]
        sizes = np.bincount(self._bucket[order], minlength=len(self._shapes))
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


def _check_integers(**arguments):
    for name, (value, least) in arguments.items():
        if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value < least:
            raise ValueError(f"`{name}` must be an integer of at least {least}. Received: {name}={value!r}")


def _check_pairs(sources, targets, batch_tokens, max_length, variants):
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
    if len(sources) % variants:
        raise ValueError(
            "`sources` and `targets` must hold every pair `variants` times. "
            f"Received: len(sources)={len(sources)}, variants={variants}"
        )
