"""Batches of windows: what a forecaster reads of series, and what came then."""

import dataclasses

import numpy as np

from keras_attn.data.epoch_batches import EpochBatches


@dataclasses.dataclass(frozen=True)
class WindowSource:
    """A series as windows are cut from it, scaled and without gaps.

    Args:
        targets: float32 [E, C].
        observed: Boolean [E, C], False where `targets` was filled in.
        past: float32 [E, P].
        known: float32 [T, K].
        calendar: int32 [T, F].
        static: float32 [S].
    """

    targets: np.ndarray
    observed: np.ndarray
    past: np.ndarray
    known: np.ndarray
    calendar: np.ndarray
    static: np.ndarray


class WindowBatches(EpochBatches):
    """Batches of windows of series that may differ in length.

    A batch is `(inputs, targets)` or `(inputs, targets, weights)`: inputs as `models.ForecastShape.inputs` names them,
    float32 targets [B, H, C], and where a target was not observed the weights [B, H, C], 0 there. Histories that begin
    before their series are filled with its first step, which counts as not observed. Every window is seen once an
    epoch. The order is a function of `(seed, epoch)`: set `epoch` to serve that epoch.

    Args:
        sources: List of `WindowSource`.
        origins: int64 [N, 2]: a window's series, and the first step of its horizon.
        lookback: Steps L of the history.
        horizon: Steps H of the horizon.
        masked: Whether the inputs tell what was observed.
        batch_size: Windows a batch.
        shuffle: Whether to mix the windows anew each epoch.
        seed: Seed of the mixing.
        with_targets: Whether there are targets; else a batch is `(inputs,)`, and the horizon may be the future.

    Raises:
        ValueError: If there is no window.

    Example:
        >>> steps = np.arange(6, dtype="float32")[:, None]
        >>> nothing = np.zeros((6, 0), "float32")
        >>> source = WindowSource(steps, steps >= 0, nothing, nothing, nothing.astype("int32"), nothing[0])
        >>> batches = WindowBatches([source], every_origin([source], 2, 2), lookback=2, horizon=2, shuffle=False)
        >>> inputs, targets = batches[0]
        >>> inputs["history"][:, :, 0].tolist(), targets[:, :, 0].tolist()
        ([[0.0, 1.0], [1.0, 2.0], [2.0, 3.0]], [[2.0, 3.0], [3.0, 4.0], [4.0, 5.0]])
    """

    def __init__(
        self,
        sources,
        origins,
        *,
        lookback,
        horizon,
        masked=False,
        batch_size=32,
        shuffle=True,
        seed=0,
        with_targets=True,
    ):
        self.origins = np.asarray(origins, "int64").reshape(-1, 2)
        if not len(self.origins):
            raise ValueError(f"There must be windows. Received: {len(self.origins)} windows of {len(sources)} series")
        self.lookback = lookback
        self.horizon = horizon
        self.masked = masked
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.seed = seed
        self.with_targets = with_targets
        self._starts = np.cumsum([0, *(len(source.targets) for source in sources)])
        self._starts_known = np.cumsum([0, *(len(source.calendar) for source in sources)])
        self._joined = {
            field.name: np.concatenate([getattr(source, field.name) for source in sources])
            for field in dataclasses.fields(WindowSource)
            if field.name != "static"
        }
        self._static = np.stack([source.static for source in sources])
        self._has_gaps = not self._joined["observed"].all()
        self.epoch = 0

    @property
    def target_tokens(self):
        """Number of steps forecast in an epoch."""
        return len(self.origins) * self.horizon

    def origins_of(self, index):
        """Tells which windows a batch holds.

        Args:
            index: The batch.

        Returns:
            int64 [B, 2]: series, and the first step of the horizon.
        """
        return self.origins[self._plan[index]]

    def __getitem__(self, index):
        origins = self.origins_of(index)
        history = origins[:, 1:] + np.arange(-self.lookback, 0)  # [B, L] steps
        both = origins[:, 1:] + np.arange(-self.lookback, self.horizon)
        future = both[:, self.lookback :]
        inputs = {"history": self._cut("targets", origins, history)}
        if self.masked:
            inputs["observed"] = self._cut("observed", origins, history) & (history >= 0)[:, :, None]
        if self._joined["past"].shape[1]:
            inputs["past"] = self._cut("past", origins, history)
        for name in ("known", "calendar"):
            if self._joined[name].shape[1]:
                inputs[name] = self._cut(name, origins, both)
        if self._static.shape[1]:
            inputs["static"] = self._static[origins[:, 0]]
        if not self.with_targets:
            return (inputs,)
        targets = self._cut("targets", origins, future)
        if not self._has_gaps:
            return inputs, targets
        return inputs, targets, self._cut("observed", origins, future).astype("float32")

    def signature(self):
        import tensorflow as tf

        def spec(array):
            return tf.TensorSpec((None, *array.shape[1:]), tf.as_dtype(array.dtype))

        return tf.nest.map_structure(spec, self[0])

    def _plan_epoch(self, generator):
        count = len(self.origins)
        order = generator.permutation(count) if self.shuffle else np.arange(count)
        return [order[first : first + self.batch_size] for first in range(0, count, self.batch_size)]

    def _cut(self, name, origins, steps):
        """Windows [B, W, ...] of one of the arrays; before its first step a series repeats it."""
        starts = self._starts_known if name in ("known", "calendar") else self._starts
        return self._joined[name][starts[origins[:, 0], None] + np.maximum(steps, 0)]


def every_origin(sources, lookback, horizon, first=None, end=None):
    """Lists the windows of series.

    Args:
        sources: List of `WindowSource`, or of what has a length.
        lookback: Steps L of the history that must lie before a window's origin.
        horizon: Steps H of the horizon, which must lie in the series.
        first: For each series the first step that may be forecast; `lookback` when None.
        end: For each series the step before which the horizon ends; its length when None.

    Returns:
        int64 [N, 2]: series, and the first step of the horizon.
    """
    found = []
    for index, source in enumerate(sources):
        length = len(getattr(source, "targets", source))
        low = max(lookback, 0 if first is None else first[index])
        high = min(length, length if end is None else end[index]) - horizon
        steps = np.arange(low, high + 1)
        found.append(np.stack([np.full(len(steps), index), steps], axis=1))
    return np.concatenate(found).astype("int64")
