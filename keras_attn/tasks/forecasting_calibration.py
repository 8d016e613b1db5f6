"""By how much the quantiles of a forecaster and of the baselines are moved: by errors of known windows."""

import dataclasses

import numpy as np

from keras_attn.tasks.forecasting_answers import answer
from keras_attn.tasks.forecasting_baselines import NAMES
from keras_attn.tasks.forecasting_intervals import conformal_offsets, optimism, spread_of

_MOST_WINDOWS = 1000
_ENOUGH_HORIZONS = 10  # of windows of the validation; in rehearsals with fewer, training windows helped much
_NAIVE = ("last", "seasonal")  # baselines that learn nothing


@dataclasses.dataclass(frozen=True)
class _Said:
    """What came in windows of a part, and what was forecast of it.

    Args:
        targets: Array [N, H, C].
        weights: Array [N, H, C], 0 where nothing was observed.
        spread: Array [N, 1, C], the windows' spreads.
        forecasts: Dict of "model" and the baselines' names -> array [N, H, C].
        quantiles: Array [N, H, C, P], the model's; [N, H, C, 1] where they are all its forecast.
    """

    targets: np.ndarray
    weights: np.ndarray
    spread: np.ndarray
    forecasts: dict
    quantiles: np.ndarray

    def sizes(self, name):
        """Sizes of a forecaster's errors in spreads of the window [N, H, C], NaN where nothing was observed."""
        found = np.abs(self.targets - self.forecasts[name]) / self.spread
        return np.where(self.weights > 0, found, np.nan)

    def errors(self, name, factor, normalize):
        """Errors of a forecaster's quantiles [N, H, C, P or 1], as if those of its forecast were `factor` as large."""
        forecast = self.forecasts[name]
        quantiles = self.quantiles if name == "model" else forecast[..., None]
        came = forecast + factor * (self.targets - forecast)
        unit = self.spread if normalize or name != "model" else np.ones_like(self.spread)
        return (came[..., None] - quantiles) / unit[..., None]


def calibrated_offsets(asked, training, validation):
    """Finds the offsets of model and baselines, on windows of the validation and, where it is short, of the training.

    Windows that overlap say the same: a validation of a few horizons has luck that would be the intervals'. What was
    learnt from has smaller errors than what comes: those of the training count as larger, by the `optimism`.

    Args:
        asked: `Asked`, its offsets empty.
        training: `WindowBatches` that the forecasters learnt from, in order.
        validation: `WindowBatches` of the validation.

    Returns:
        Dict of "model" and the baselines' names -> float32 [P, H, C].
    """
    levels, settings = asked.forecaster.levels, asked.forecaster.settings
    if len(validation.origins) >= _ENOUGH_HORIZONS * settings.horizon:
        return _offsets([_said(asked, validation, max(1, len(validation.origins) // _MOST_WINDOWS))], settings, levels)
    every = max(1, (len(training.origins) + len(validation.origins)) // _MOST_WINDOWS)
    return _offsets([_said(asked, batches, every) for batches in (training, validation)], settings, levels)


def _offsets(parts, settings, levels):
    """Offsets of all forecasters from the windows of one part, or of two of which the first was learnt from."""
    naive = min(_NAIVE, key=lambda name: np.nanmean(parts[-1].sizes(name)))
    naive_sizes = [part.sizes(naive) for part in parts]
    weights, offsets = np.concatenate([part.weights for part in parts]), {}
    for name in ("model", *NAMES):
        factors = [1.0] * len(parts)
        if len(parts) > 1 and name not in _NAIVE:
            factors[0] = optimism(*(part.sizes(name) for part in parts), *naive_sizes)
        errors = [part.errors(name, factor, settings.normalize) for part, factor in zip(parts, factors, strict=True)]
        offsets[name] = conformal_offsets(np.concatenate(errors), levels, weights)
    return offsets


def _said(asked, batches, every):
    """Asks for one window of `every`."""
    alone = asked.forecaster.settings.output == "point"
    found, forecasts = [], {name: [] for name in ("model", *NAMES)}
    for index in range(len(batches)):
        chosen = slice((-index * batches.batch_size) % every, None, every)  # as if all batches were one
        inputs, targets, *weights = batches[index]
        inputs = {name: array[chosen] for name, array in inputs.items()}
        weights = weights[0] if weights else np.ones_like(targets)
        for name, parts in forecasts.items():
            forecast, quantiles = answer(asked, inputs, name)
            parts.append(forecast)
            if name == "model":
                own = forecast[..., None] if alone else quantiles
        spread = spread_of(inputs["history"], inputs.get("observed"))
        found.append((targets[chosen], weights[chosen], spread, own))
    targets, weights, spread, quantiles = map(np.concatenate, zip(*found, strict=True))
    forecasts = {name: np.concatenate(parts) for name, parts in forecasts.items()}
    return _Said(targets, weights, spread, forecasts, quantiles)
