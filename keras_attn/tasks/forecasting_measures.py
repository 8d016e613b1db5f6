"""How good forecasts are: errors, quantiles and coverage, step by step of the horizon."""

import dataclasses

import numpy as np


@dataclasses.dataclass
class Measures:
    """Sums over windows, from which all figures come.

    Squared and absolute errors are in the units of the training part's deviation, so that variables of different units
    can be averaged; MASE and sMAPE have no units. What was not observed does not count.

    Args:
        levels: Levels of the quantiles, rising; the first and last are the interval's ends.

    Example:
        >>> measures = Measures((0.05, 0.95))
        >>> y, forecast = np.array([[[1.0]], [[3.0]]]), np.array([[[1.0]], [[1.0]]])
        >>> measures.add(y, forecast, forecast[..., None] + np.array([-1.0, 1.0]))
        >>> measures.figures()["mse"], measures.figures()["coverage"]
        (2.0, 50.0)
    """

    levels: tuple
    sums: dict = dataclasses.field(default_factory=dict)

    def add(self, targets, forecast, quantiles=None, weights=None, scale=None, error=None):
        """Adds windows.

        Args:
            targets: What came [B, H, C], scaled.
            forecast: Array [B, H, C].
            quantiles: Array [B, H, C, P], or None.
            weights: Array [B, H, C], 0 where nothing was observed; None for all observed.
            scale: Mean and deviation of the variables, two arrays [B, 1, C], for sMAPE; None where scaled units are the
                units.
            error: Mean absolute difference a season apart in the training part, in the variables' units [B, 1, C], NaN
                where there is none; None without MASE.
        """
        weights = np.ones_like(targets) if weights is None else weights
        mean, deviation = (0.0, 1.0) if scale is None else scale
        absolute = np.abs(forecast - targets)
        real, real_forecast = targets * deviation + mean, forecast * deviation + mean
        size = np.abs(real) + np.abs(real_forecast)
        found = {
            "count": weights,
            "mse": weights * absolute**2,
            "mae": weights * absolute,
            "smape": weights * np.divide(200.0 * absolute * deviation, size, out=np.zeros_like(size), where=size > 0),
        }
        if error is not None:
            error = np.broadcast_to(error, targets.shape)
            known = weights * ~np.isnan(error)
            found |= {"mase_count": known, "mase": known * absolute * deviation / np.where(known > 0, error, 1.0)}
        if quantiles is not None:
            found |= self._of_quantiles(targets, quantiles, weights)
        for name, array in found.items():
            total = np.sum(array, axis=0, dtype="float64")  # [H, C] or [H, C, P]
            self.sums[name] = self.sums[name] + total if name in self.sums else total

    @classmethod
    def joined(cls, parts):
        """Puts measures of several sets of windows together.

        Args:
            parts: List of `Measures`.

        Returns:
            `Measures`.
        """
        found = cls(parts[0].levels)
        for part in parts:
            for name, total in part.sums.items():
                found.sums[name] = found.sums[name] + total if name in found.sums else total
        return found

    def figures(self, first=0, end=None):
        """Gives the averages.

        Args:
            first: First step of the horizon that counts.
            end: Step before which those end that count; None for all.

        Returns:
            Dict of mse, mae, mase (where there is a season), smape in percent, and with quantiles quantile_loss,
            coverage in percent and width.
        """
        sums = {name: array[first:end].sum(axis=(0, 1)) for name, array in self.sums.items()}
        count = max(float(sums["count"]), 1.0)
        found = {name: float(sums[name]) / count for name in ("mse", "mae")}
        if sums.get("mase_count", 0) > 0:
            found["mase"] = float(sums["mase"] / sums["mase_count"])
        found["smape"] = float(sums["smape"]) / count
        if "width" in sums:
            found["quantile_loss"] = float(np.mean(sums["pinball"])) / count
            found["coverage"] = 100.0 * float(sums["inside"]) / count
            found["width"] = float(sums["width"]) / count
        return found

    def by_step(self, name):
        """Gives an average for each step of the horizon.

        Args:
            name: "mse", "mae", "inside" or "width".

        Returns:
            Array [H].
        """
        return self.sums[name].sum(axis=1) / np.maximum(self.sums["count"].sum(axis=1), 1.0)

    def by_variable(self, name):
        """Gives an average for each variable.

        Args:
            name: "mse", "mae", "inside" or "width".

        Returns:
            Array [C].
        """
        return self.sums[name].sum(axis=0) / np.maximum(self.sums["count"].sum(axis=0), 1.0)

    def shares_below(self):
        """Tells how often what came lay below each quantile: a right one of level p has it p of the time.

        Returns:
            Array [P].
        """
        return self.sums["below"].sum(axis=(0, 1)) / max(float(self.sums["count"].sum()), 1.0)

    def _of_quantiles(self, targets, quantiles, weights):
        levels = np.array(self.levels)
        errors = targets[..., None] - quantiles
        low, high = quantiles[..., 0], quantiles[..., -1]
        return {
            "pinball": weights[..., None] * 2.0 * np.maximum(levels * errors, (levels - 1.0) * errors),
            "below": weights[..., None] * (errors <= 0),
            "inside": weights * ((targets >= low) & (targets <= high)),
            "width": weights * (high - low),
        }
