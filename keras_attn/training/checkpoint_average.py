import contextlib
import os
from pathlib import Path

import keras
import numpy as np


class CheckpointAverage(keras.callbacks.Callback):
    """Keeps the weights of the last epochs in files and puts their mean into the model on request.

    `w = (w_(e-n+1) + ... + w_e) / n` after epoch e. The training itself goes on with its own weights, and one that is
    resumed finds the files of the epochs before.

    Args:
        folder: Folder of the files, one an epoch; made at need.
        num_checkpoints: How many epochs n are kept and averaged.

    Raises:
        ValueError: If `num_checkpoints` is not positive.

    Example:
        >>> import keras, numpy as np
        >>> from keras_attn.training import CheckpointAverage
        >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> average = CheckpointAverage("averages", num_checkpoints=3)
        >>> history = model.fit(np.ones((4, 1)), np.ones(4), epochs=5, verbose=0, callbacks=[average])
        >>> with average.applied(model):
        ...     loss = model.evaluate(np.ones((4, 1)), np.ones(4), verbose=0)
        >>> [path.name for path in average.files()]
        ['epoch-00003.npz', 'epoch-00004.npz', 'epoch-00005.npz']

    Reference:
        Vaswani et al. 2017, section 6.1 ("averaging the last 5 checkpoints").
    """

    def __init__(self, folder, num_checkpoints=5):
        super().__init__()
        if num_checkpoints < 1:
            raise ValueError(f"`num_checkpoints` must be at least 1. Received: num_checkpoints={num_checkpoints}")
        self.folder = Path(folder)
        self.num_checkpoints = num_checkpoints

    def files(self):
        """Lists what is kept.

        Returns:
            List of paths, oldest first.
        """
        return sorted(self.folder.glob("epoch-*.npz"))

    def on_epoch_begin(self, epoch, logs=None):
        for path in self.files():
            if int(path.stem.removeprefix("epoch-")) > epoch:  # of a training that went further and is done anew
                path.unlink()

    def on_epoch_end(self, epoch, logs=None):
        self.folder.mkdir(parents=True, exist_ok=True)
        final = self.folder / f"epoch-{epoch + 1:05d}.npz"
        temporary = final.with_name(f".{final.name}.partial")
        with open(temporary, "wb") as file:
            np.savez(file, *self.model.get_weights())
        os.replace(temporary, final)
        for path in self.files()[: -self.num_checkpoints]:
            path.unlink()

    @contextlib.contextmanager
    def applied(self, model):
        """Puts the mean in place of a model's weights for a while, to evaluate or to save it.

        Args:
            model: The model that was trained, or one of the same weights.

        Yields:
            None

        Raises:
            FileNotFoundError: If no epoch is kept.
        """
        paths = self.files()
        if not paths:
            raise FileNotFoundError(
                f"No epoch is kept yet: train with this callback first. Received: folder={str(self.folder)!r}"
            )
        before = model.get_weights()
        sums = [np.zeros(weight.shape, "float64") for weight in before]
        for path in paths:
            with np.load(path) as weights:
                for total, name in zip(sums, weights.files, strict=True):
                    total += weights[name]
        try:
            model.set_weights([total / len(paths) for total in sums])
            yield
        finally:
            model.set_weights(before)
