"""Batches of signals of different lengths, with what a model should make of each."""

import numpy as np

from keras_attn.data.epoch_batches import EpochBatches

_POOL = 32  # batches that are made of signals drawn together, and sorted by length
_STEP = 8  # lengths are multiples of it


class SignalBatches(EpochBatches):
    """Batches of signals and targets, signals of similar lengths together.

    A batch is `(inputs, targets)` or `(inputs, targets, weights)`: inputs `{"signals": float32 [B, T, C], "mask":
    boolean [B, T]}`, the mask False at padding; targets stacked, those of different lengths padded with 0 behind. Every
    signal is seen equally often in an epoch. The order is a function of `(seed, epoch)`: set `epoch` to serve that
    epoch.

    Args:
        signals: List of float arrays [T, C].
        targets: List of arrays, one a signal: of one shape, or of one but for their first dimension.
        batch_size: Signals a batch.
        min_batches: Fewest batches an epoch; it goes through few signals several times.
        weigh_steps: Whether a target has a row a step, and the loss is to leave those of the padding out.
        shuffle: Whether to mix the signals anew each epoch.
        seed: Seed of the mixing.

    Raises:
        ValueError: If there is no signal, or not one target for each.

    Example:
        >>> signals = [np.ones((3, 1)), np.ones((9, 1))]
        >>> batches = SignalBatches(signals, [[1.0, 0.0], [0.0, 1.0]], batch_size=2, shuffle=False)
        >>> inputs, targets = batches[0]
        >>> inputs["signals"].shape, inputs["mask"].sum(axis=1).tolist(), targets.tolist()
        ((2, 16, 1), [3, 9], [[1.0, 0.0], [0.0, 1.0]])
    """

    def __init__(self, signals, targets, *, batch_size=32, min_batches=1, weigh_steps=False, shuffle=True, seed=0):
        if not signals or len(targets) != len(signals):
            raise ValueError(
                "There must be signals, and a target for each. "
                f"Received: {len(signals)} signals, {len(targets)} targets"
            )
        self._signals = [np.asarray(signal, "float32") for signal in signals]
        self._targets = [np.asarray(target) for target in targets]
        self._lengths = np.array([len(signal) for signal in signals])
        self.batch_size = batch_size
        self.weigh_steps = weigh_steps
        self.shuffle = shuffle
        self.seed = seed
        self.passes = max(1, -(-min_batches * batch_size // len(signals)))
        self.epoch = 0

    @property
    def target_tokens(self):
        """Number of steps of an epoch, without padding."""
        return int(self._lengths.sum()) * self.passes

    def __getitem__(self, index):
        rows = self._plan[index]
        width = -(-self._lengths[rows].max() // _STEP) * _STEP
        signals = np.zeros((len(rows), width, self._signals[0].shape[1]), "float32")
        for place, row in enumerate(rows):
            signals[place, : self._lengths[row]] = self._signals[row]
        mask = np.arange(width) < self._lengths[rows][:, None]
        inputs = {"signals": signals, "mask": mask}
        targets = self._padded([self._targets[row] for row in rows], width if self.weigh_steps else 0)
        return (inputs, targets, mask.astype("float32")) if self.weigh_steps else (inputs, targets)

    def order(self):
        """Tells which signals the epoch's batches hold.

        Returns:
            Array of their indices, one batch after the other.
        """
        return np.concatenate(self._plan)

    def signature(self):
        import tensorflow as tf

        target = self._targets[0]
        first = (None,) if self._is_ragged() else target.shape[:1]
        signature = [
            {
                "signals": tf.TensorSpec((None, None, self._signals[0].shape[1])),
                "mask": tf.TensorSpec((None, None), tf.bool),
            },
            tf.TensorSpec((None, *first, *target.shape[1:]), tf.as_dtype(target.dtype)),
        ]
        if self.weigh_steps:
            signature.append(tf.TensorSpec((None, None)))
        return tuple(signature)

    def _is_ragged(self):
        return self.weigh_steps or len({target.shape for target in self._targets}) > 1

    def _padded(self, targets, width):
        if not self._is_ragged():
            return np.stack(targets)
        width = max(width, *map(len, targets), 1)
        padded = np.zeros((len(targets), width, *targets[0].shape[1:]), targets[0].dtype)
        for place, target in enumerate(targets):
            padded[place, : len(target)] = target
        return padded

    def _plan_epoch(self, generator):
        count, size = len(self._signals), self.batch_size
        if not self.shuffle:
            order = np.argsort(self._lengths, kind="stable")
            return [order[first : first + size] for first in range(0, count, size)]
        order = np.concatenate([generator.permutation(count) for _ in range(self.passes)])
        batches = []
        for start in range(0, len(order), _POOL * size):
            pool = order[start : start + _POOL * size]
            pool = pool[np.argsort(self._lengths[pool], kind="stable")]
            batches += [pool[first : first + size] for first in range(0, len(pool), size)]
        return [batches[i] for i in generator.permutation(len(batches))]
