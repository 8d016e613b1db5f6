"""Batches whose order belongs to an epoch, and the dataset that TensorFlow trains on."""

import numpy as np


class EpochBatches:
    """What batches share whose order is a function of `(seed, epoch)`: set `epoch` to serve that epoch.

    A subclass has the attribute `seed`, sets `epoch` to 0 when it is made, and defines `_plan_epoch`, which gives for
    each batch of an epoch what `__getitem__` makes it of, `__getitem__`, and `signature`.
    """

    @property
    def epoch(self):
        """The epoch whose batches are served."""
        return self._epoch

    @epoch.setter
    def epoch(self, epoch):
        self._epoch = epoch
        self._plan = self._plan_epoch(np.random.default_rng([self.seed, epoch]))

    def __len__(self):
        return len(self._plan)

    def signature(self):
        """Describes a batch.

        Returns:
            Nested structure of `tf.TensorSpec`, as `__getitem__` nests its arrays.
        """
        raise NotImplementedError(f"{type(self).__name__} must define `signature()`.")

    def as_dataset(self):
        """Gives the same batches as a `tf.data.Dataset`; each pass over it serves the epoch that `epoch` then holds.

        Returns:
            A `tf.data.Dataset` of known size.
        """
        return batch_dataset(lambda: (self[index] for index in range(len(self))), self.signature(), len(self))

    def _plan_epoch(self, generator):
        raise NotImplementedError(f"{type(self).__name__} must define `_plan_epoch(generator)`.")


def batch_dataset(batches, signature, count, prefetch=2):
    """Makes a dataset of batches that NumPy makes.

    It has no autotuning, whose thread can hold up the end of every epoch for as long as a minute.

    Args:
        batches: Called for each pass over the dataset; returns an iterator of batches.
        signature: Nested structure of `tf.TensorSpec`, as a batch nests its arrays.
        count: Number of batches of a pass.
        prefetch: Number of batches made ahead.

    Returns:
        A `tf.data.Dataset` of known size.
    """
    import tensorflow as tf

    dataset = tf.data.Dataset.from_generator(batches, output_signature=signature)
    options = tf.data.Options()
    options.autotune.enabled = False
    sized = dataset.apply(tf.data.experimental.assert_cardinality(count))
    return sized.prefetch(prefetch).with_options(options)
