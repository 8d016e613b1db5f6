"""How a forecasting task learns: what it begins with, and what follows on the validation."""

import numpy as np

from keras_attn.tasks.forecasting_baselines import NAMES, Baselines
from keras_attn.tasks.forecasting_calibration import calibrated_offsets
from keras_attn.tasks.forecasting_data import learn_effects
from keras_attn.tasks.forecasting_export import window_as_plain, window_of
from keras_attn.tasks.forecasting_model import build_model, forecast_shape, start_from_linear

_FILE = "offsets.npz"
_EXAMPLES = 3  # windows that a run keeps


def begin(task, training, data, batches, validation):
    """Makes the baselines and the model, and begins the run or goes on with it.

    Args:
        task: A `Forecasting` whose facts are known.
        training: The `TrainingRun`.
        data: `TimeSeries` that the windows are of.
        batches: `WindowBatches` to learn from, in order.
        validation: `WindowBatches` to choose by.
    """
    settings = task.settings
    shape = forecast_shape(settings, task.facts)
    steps = -(-len(batches.origins) // settings.batch_size) * settings.epochs
    with training.scope():
        task.use(build_model(settings, shape, steps))
    resumed = Baselines.load(training.folder.path) if training.resumed else None
    task.baselines = resumed or Baselines.train(task.facts.season, learn_effects(data, task.facts), batches, validation)
    if settings.start == "linear" and not training.resumed:
        start_from_linear(task.model, shape, task.baselines)
    places = np.linspace(0, len(validation.origins) - 1, min(_EXAMPLES, len(validation.origins))).astype("int64")
    windows = [window_of(data.series[index], origin, settings) for index, origin in validation.origins[places]]
    training.start([window_as_plain(window) for window in windows])
    task.facts.save(training.folder.path)
    task.baselines.save(training.folder.path)


def calibrate(task, training, validation):
    """Finds by how much the quantiles of model and baselines are moved.

    Args:
        task: A `Forecasting` with its best model.
        training: `WindowBatches` that were learnt from, in order.
        validation: `WindowBatches`.
    """
    task.use(offsets={})
    task.use(offsets=calibrated_offsets(task.asked(), training, validation))


def save_offsets(folder, offsets):
    """Writes `offsets.npz`.

    Args:
        folder: The run folder.
        offsets: Dict of name -> array.
    """
    np.savez_compressed(folder / _FILE, **offsets)


def load_offsets(folder):
    """Reads what `save_offsets` wrote.

    Args:
        folder: The run folder.

    Returns:
        Dict of name -> array; empty where there are none.
    """
    path = folder / _FILE
    if not path.exists():
        return {}
    with np.load(path) as arrays:
        return {name: arrays[name] for name in arrays.files}


def advice(figures):
    """Says who wins, the model or the best of the baselines, and what to do where it is not the model.

    They are level where their mse differ by no more than the baseline's margin, the noise of the difference by a paired
    t-test over stretches of time (`forecasting_report.noise_margin`).

    Args:
        figures: Dict of figures, as `Forecasting.fit` gives it.

    Returns:
        List of sentences.

    Example:
        >>> baselines = {"last_mse": 0.9, "seasonal_mse": 0.7, "linear_mse": 0.4, "linear_margin": 0.03}
        >>> print(advice({"mse": 0.5, **baselines})[0])
        The baseline `linear` wins: its mse is 0.4000, the model's 0.5000; up to 0.0300 would be noise.
    """
    best = min(NAMES, key=lambda name: figures[f"{name}_mse"])
    own, other, margin = figures["mse"], figures[f"{best}_mse"], figures.get(f"{best}_margin")
    noise = "" if margin is None else f"; up to {margin:.4f} would be noise"
    how = f"It forecasts from this run too, with intervals of its own: predict with by={best!r}, --by {best}."
    if margin is not None and abs(own - other) <= margin:
        return [
            f"The model and the best baseline, `{best}`, are level: their mse, {own:.4f} and {other:.4f}, differ by no "
            f"more than the noise, {margin:.4f} (a paired t-test over stretches of time, at 95 %).",
            f"The baseline is the simpler of the two. {how}",
        ]
    if own <= other:
        return [f"The model wins: its mse is {own:.4f}, that of the best baseline, `{best}`, {other:.4f}{noise}."]
    return [f"The baseline `{best}` wins: its mse is {other:.4f}, the model's {own:.4f}{noise}.", how]
