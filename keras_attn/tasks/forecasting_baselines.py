"""What every forecaster has to beat: the last value, the last season, and a linear map of the window."""

from pathlib import Path

import numpy as np

NAMES = ("last", "seasonal", "linear")
_EPSILON = 1e-5
_PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1)  # as shares of the mean of the Gram matrix's diagonal
_FILE = "baselines.npz"
_MOST_WINDOWS = 2000  # by which the penalty is chosen


class Baselines:
    """Three forecasts of a history, in the units it comes in; stored as arrays.

    `last` repeats the last step, `seasonal` the last season. `linear`: `(x - m) / s` of a window, with its mean m and
    deviation s, times a kernel [L, H], and the way back; the kernel is the ridge regression of all variables' windows.

    Args:
        season: Steps of a season.
        kernel: Array [L, H].
        bias: Array [H].

    Example:
        >>> baselines = Baselines(2, np.zeros((4, 3)), np.zeros(3))
        >>> found = baselines.forecast(np.array([[[1.0], [2.0], [3.0], [4.0]]]))
        >>> {name: array.ravel().tolist() for name, array in found.items()}
        {'last': [4.0, 4.0, 4.0], 'seasonal': [3.0, 4.0, 3.0], 'linear': [2.5, 2.5, 2.5]}
    """

    def __init__(self, season, kernel, bias):
        self.season = int(season)
        self.kernel = kernel
        self.bias = bias

    @classmethod
    def train(cls, season, batches, validation):
        """Trains the linear one; its penalty is the one that validates best.

        Args:
            season: Steps of a season.
            batches: `WindowBatches` to learn from.
            validation: `WindowBatches` to choose by.

        Returns:
            `Baselines`.
        """
        length, horizon = batches.lookback, batches.horizon
        size = length + 1 + horizon
        gram = np.zeros((length + 1, size))
        for index in range(len(batches)):
            rows = _rows(*batches[index][:2])
            gram += (rows[:, : length + 1].T @ rows).astype("float64")
        left, right = gram[:, : length + 1], gram[:, length + 1 :]
        best, least = None, np.inf
        for penalty in _PENALTIES:
            ridge = np.full(length + 1, penalty * np.trace(left[:-1, :-1]) / length + 1e-9)
            ridge[-1] = 1e-6 * ridge[0] + 1e-9  # the bias is not held back
            solved = np.linalg.solve(left + np.diag(ridge), right).astype("float32")
            found = cls(season, solved[:-1], solved[-1])
            error = found._error(validation)
            best, least = (found, error) if error < least else (best, least)
        return best

    def forecast(self, history):
        """Forecasts by all three.

        Args:
            history: Array [B, L, C].

        Returns:
            Dict of name -> array [B, H, C].
        """
        length, horizon = self.kernel.shape
        last = np.repeat(history[:, -1:], horizon, axis=1)
        season = self.season if self.season <= length else 1
        seasonal = history[:, length - season + np.arange(horizon) % season]
        return {"last": last, "seasonal": seasonal, "linear": self._linear(history)}

    def save(self, folder):
        """Writes `baselines.npz`.

        Args:
            folder: The run folder.
        """
        np.savez_compressed(Path(folder) / _FILE, season=self.season, kernel=self.kernel, bias=self.bias)

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
            return cls(arrays["season"], arrays["kernel"], arrays["bias"])

    def _linear(self, history):
        mean, deviation = _level(history)
        x = ((history - mean) / deviation).transpose(0, 2, 1)  # [B, C, L]
        y = (x @ self.kernel + self.bias).transpose(0, 2, 1)
        return y * deviation + mean

    def _error(self, batches):
        total = count = 0.0
        every = max(1, -(-len(batches.origins) // _MOST_WINDOWS))
        for index in range(0, len(batches), every):
            inputs, targets, *weights = batches[index]
            weights = weights[0] if weights else np.ones_like(targets)
            total += float(np.sum(weights * (self._linear(inputs["history"]) - targets) ** 2))
            count += float(weights.sum())
        return total / max(count, 1.0)


def _level(history):
    mean = history.mean(axis=1, keepdims=True)
    return mean, np.sqrt(history.var(axis=1, keepdims=True) + _EPSILON)


def _rows(inputs, targets):
    """Normalised windows of all variables, a one, and what came [B * C, L + 1 + H]."""
    mean, deviation = _level(inputs["history"])
    x, y = ((array - mean) / deviation for array in (inputs["history"], targets))
    rows = np.concatenate([x, np.ones_like(x[:, :1]), y], axis=1).transpose(0, 2, 1)
    return rows.reshape(-1, rows.shape[-1])
