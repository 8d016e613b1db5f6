"""What every forecaster has to beat: the last value, the last season, and a linear map of the window."""

from pathlib import Path

import numpy as np

from keras_attn.tasks.forecasting_calendar import effects_of

NAMES = ("last", "seasonal", "linear")
_EPSILON = 1e-5
_PENALTIES = (1e-5, 1e-4, 1e-3, 1e-2)  # as shares of the mean of the Gram matrix's diagonal
_FILE = "baselines.npz"
_MOST_WINDOWS = 5000  # by which the penalty is chosen


class Baselines:
    """Three forecasts of windows, in the units they come in; stored as arrays.

    `last` repeats the last step, `seasonal` the last season. `linear`: with e the effects of the calendar and m the
    mean of the window without them, `y = e + m + W (x - e - m)`, the kernel W the same for all variables.

    Args:
        season: Steps of a season.
        kernel: Array W [L, H].
        effects: List of arrays [size, C], the effects of each calendar feature's values.

    Example:
        >>> baselines = Baselines(2, np.zeros((4, 3)), [])
        >>> found = baselines.forecast({"history": np.array([[[1.0], [2.0], [3.0], [4.0]]])})
        >>> {name: array.ravel().tolist() for name, array in found.items()}
        {'last': [4.0, 4.0, 4.0], 'seasonal': [3.0, 4.0, 3.0], 'linear': [2.5, 2.5, 2.5]}
    """

    def __init__(self, season, kernel, effects):
        self.season = int(season)
        self.kernel = kernel
        self.effects = list(effects)

    @classmethod
    def train(cls, season, effects, batches, validation):
        """Trains the linear one, by ridge regression on all windows.

        The penalty, and whether windows of a large spread count more, are what validates best.

        Args:
            season: Steps of a season.
            effects: List of arrays, see above.
            batches: `WindowBatches` to learn from.
            validation: `WindowBatches` to choose by.

        Returns:
            `Baselines`.
        """
        length, horizon = batches.lookback, batches.horizon
        grams = np.zeros((2, length, length + horizon))
        empty = cls(season, np.zeros((length, horizon)), effects)
        for index in range(len(batches)):
            rows, spread = empty._rows(*batches[index][:2])
            for gram, some in zip(grams, (rows, rows / spread), strict=True):
                gram += (some[:, :length].T @ some).astype("float64")
        best, least = empty, np.inf
        for gram in grams:
            left, right = gram[:, :length], gram[:, length:]
            for penalty in _PENALTIES:
                ridge = (penalty * np.trace(left) / length + 1e-9) * np.eye(length)
                found = cls(season, np.linalg.solve(left + ridge, right).astype("float32"), effects)
                error = found._error(validation)
                best, least = (found, error) if error < least else (best, least)
        return best

    def forecast(self, inputs):
        """Forecasts by all three.

        Args:
            inputs: Dict of `history` [B, L, C], and where the calendar has effects `calendar` [B, L + H, F].

        Returns:
            Dict of name -> array [B, H, C].
        """
        history = inputs["history"]
        length, horizon = self.kernel.shape
        last = np.repeat(history[:, -1:], horizon, axis=1)
        season = self.season if self.season <= length else 1
        seasonal = history[:, length - season + np.arange(horizon) % season]
        return {"last": last, "seasonal": seasonal, "linear": self._linear(inputs)}

    def save(self, folder):
        """Writes `baselines.npz`.

        Args:
            folder: The run folder.
        """
        tables = {f"effects_{i}": table for i, table in enumerate(self.effects)}
        np.savez_compressed(Path(folder) / _FILE, season=self.season, kernel=self.kernel, **tables)

    @classmethod
    def load(cls, folder):
        """Reads what `save` wrote.

        Args:
            folder: The run folder.

        Returns:
            `Baselines`, or None where there are none.
        """
        path = Path(folder) / _FILE
        if not path.exists():
            return None
        with np.load(path) as arrays:
            tables = [arrays[f"effects_{i}"] for i in range(len(arrays.files) - 2)]
            return cls(arrays["season"], arrays["kernel"], tables)

    def _effects(self, inputs):
        """Effects of history and horizon [B, L, C] and [B, H, C]."""
        if not self.effects:
            return 0.0, 0.0
        both = effects_of(inputs["calendar"], self.effects).astype("float32")
        return both[:, : len(self.kernel)], both[:, len(self.kernel) :]

    def _linear(self, inputs):
        before, after = self._effects(inputs)
        x = inputs["history"] - before
        mean = x.mean(axis=1, keepdims=True)
        y = ((x - mean).transpose(0, 2, 1) @ self.kernel).transpose(0, 2, 1)  # [B, H, C]
        return y + mean + after

    def _rows(self, inputs, targets):
        """Windows of all variables about their means [B * C, L + H], and their spreads [B * C, 1]."""
        before, after = self._effects(inputs)
        x, y = inputs["history"] - before, targets - after
        mean, spread = x.mean(axis=1, keepdims=True), np.sqrt(x.var(axis=1, keepdims=True) + _EPSILON)
        rows = (np.concatenate([x, y], axis=1) - mean).transpose(0, 2, 1)
        return rows.reshape(-1, rows.shape[-1]), spread.transpose(0, 2, 1).reshape(-1, 1)

    def _error(self, batches):
        total = count = 0.0
        every = max(1, -(-len(batches.origins) // _MOST_WINDOWS))
        for index in range(0, len(batches), every):
            inputs, targets, *weights = batches[index]
            weights = weights[0] if weights else np.ones_like(targets)
            total += float(np.sum(weights * (self._linear(inputs) - targets) ** 2))
            count += float(weights.sum())
        return total / max(count, 1.0)
