"""How a trained forecaster is put on disk for TF Serving, and what it can be asked there."""

import dataclasses

import numpy as np
import tensorflow as tf

from keras_attn.data import Series, TimeSeries
from keras_attn.data.time_series import fill_linear
from keras_attn.export import check_numbers
from keras_attn.tasks.card_facts import card_facts
from keras_attn.tasks.forecasting_answers import forecasts_of
from keras_attn.tasks.task_export import export_task

_MOST_EXAMPLES = 8
_OWN_EPSILON = 1e-12


class ForecastServer(tf.Module):
    """A `Forecaster` that takes what clients have: numbers in their own units, names of series, times.

    Args:
        forecaster: A `Forecaster`.
        facts: `SeriesFacts`.
    """

    def __init__(self, forecaster, facts):
        super().__init__()
        self.forecaster = forecaster
        names = list(facts.scales)
        self._facts = facts
        self._means, self._deviations = (
            tf.constant([getattr(facts.scales[name], part) for name in names], tf.float32)
            for part in ("mean", "deviation")
        )
        keys = tf.lookup.KeyValueTensorInitializer(tf.constant(names), tf.range(len(names)))
        self.places = tf.lookup.StaticHashTable(keys, -1)

    def signature(self):
        """Gives the function that a SavedModel offers.

        Returns:
            A concrete function.
        """
        facts, settings = self._facts, self.forecaster.settings
        lookback, both, columns = settings.lookback, settings.lookback + settings.horizon, facts.columns
        specs = {"history": tf.TensorSpec([None, lookback, len(columns.targets)], tf.float32, "history")}
        if columns.series is not None:
            specs["series"] = tf.TensorSpec([None], tf.string, "series")
        if facts.calendar:
            specs["times"] = tf.TensorSpec([None, both], tf.int64, "times")
        if columns.past:
            specs["past"] = tf.TensorSpec([None, lookback, len(columns.past)], tf.float32, "past")
        if columns.known:
            specs["known"] = tf.TensorSpec([None, both, len(columns.known)], tf.float32, "known")
        if columns.static:
            specs["static"] = tf.TensorSpec([None, len(columns.static)], tf.string, "static")
        names = list(specs)

        def serve(*tensors):
            return self.serve(**dict(zip(names, tensors, strict=True)))

        call = tf.function(serve, input_signature=list(specs.values()), autograph=False)
        return call.get_concrete_function()

    def serve(self, history, series=None, times=None, past=None, known=None, static=None):
        """Forecasts.

        Args:
            history: float32 [B, L, C]; NaN is missing.
            series: Names of the series, string [B]; None where the training had one series.
            times: int64 [B, L + H], seconds since 1970.
            past: float32 [B, L, P].
            known: float32 [B, L + H, K].
            static: string [B, S].

        Returns:
            Dict of `forecast`, `lower` and `upper` [B, H, C], `quantiles` [B, H, C, P], and their `levels` [B, P].
        """
        count = tf.shape(history)[0]
        series = tf.fill([count], "") if series is None else series
        mean, deviation = self._scale(series, history, past, known)
        numbers = None if static is None else self._static(static)
        forecast, quantiles = self.forecaster.from_series(history, mean, deviation, times, past, known, numbers)
        levels = tf.tile(tf.constant([self.forecaster.levels], tf.float32), [count, 1])
        ends = {"lower": quantiles[..., 0], "upper": quantiles[..., -1]}
        return {"forecast": forecast, **ends, "quantiles": quantiles, "levels": levels}

    def _scale(self, series, history, past, known):
        """Mean and deviation [B, 1, C + P + K]; of a series that the training did not have, of its window."""
        places = self.places.lookup(series)
        is_known = (places >= 0)[:, None, None]
        lookback = self.forecaster.settings.lookback
        parts = [history, *([] if past is None else [past]), *([] if known is None else [known[:, :lookback]])]
        window = tf.concat(parts, axis=2)
        finite = tf.math.is_finite(window)
        count = tf.maximum(tf.reduce_sum(tf.cast(finite, tf.float32), axis=1, keepdims=True), 1.0)
        mean = tf.reduce_sum(tf.where(finite, window, 0.0), axis=1, keepdims=True) / count
        square = tf.where(finite, tf.square(window - mean), 0.0)
        deviation = tf.sqrt(tf.reduce_sum(square, axis=1, keepdims=True) / count)
        deviation = tf.where(deviation > _OWN_EPSILON * tf.abs(mean), deviation, 1.0)
        stored = [tf.gather(table, tf.maximum(places, 0))[:, None] for table in (self._means, self._deviations)]
        return tf.where(is_known, stored[0], mean), tf.where(is_known, stored[1], deviation)

    def _static(self, static):
        numbers = []
        for i, (words, (mean, deviation)) in enumerate(zip(self._facts.statics, self._facts.static_scale, strict=True)):
            if words is None:
                numbers.append((tf.strings.to_number(static[:, i : i + 1]) - mean) / deviation)
            else:
                numbers.append(tf.cast(static[:, i : i + 1] == tf.constant([words]), tf.float32))
        return tf.concat(numbers, axis=1)


def export_forecasting(task, folder, data=None):
    """Writes a trained forecasting task as the next version in a model's folder.

    Args:
        task: A trained `Forecasting`.
        folder: The model's folder.
        data: `TimeSeries` whose future the export and the task are compared by; when None the windows that the run
            kept, or made-up ones.

    Returns:
        The folder of the new version.

    Raises:
        ExportError: If it cannot be written, or does not answer as the task does.
    """
    if data is None:
        kept = task.run.examples() if task.run else []
        windows = [window_from_plain(plain) for plain in kept] or [_made_up(task)]
    else:
        windows = [window_of(series, len(series), task.settings) for series in data.series[:_MOST_EXAMPLES]]
    server = ForecastServer(task.forecaster(), task.facts)
    inputs = server_inputs(windows, task.facts)
    requests = [("serving_default", {name: array[:1] for name, array in inputs.items()}), ("serving_default", inputs)]

    def compare(answers):
        series = TimeSeries(windows, task.facts.columns, task.facts.frequency)
        expected = forecasts_of(series, task.facts, task.settings, task.asked())
        _, deviation = (np.stack(arrays) for arrays in zip(*map(task.facts.scale_of, windows), strict=True))
        deviation = deviation[:, None, : len(task.facts.columns.targets), None]  # [B, 1, C, 1]
        found = answers["serving_default"]["quantiles"].numpy() / deviation
        wanted = np.stack([forecast.quantiles for forecast in expected]) / deviation
        return f"{check_numbers(found, wanted, 'quantiles', 'windows')} In deviations of the training part."

    functions = {"serving_default": server.signature()}
    return export_task(server, functions, folder, requests, compare, "Forecasting, savedmodel", _facts(task))


def window_of(series, origin, settings):
    """Cuts the history before a step, and what is known of the horizon, out of a series.

    Args:
        series: `Series`.
        origin: First step of the horizon.
        settings: `ForecastingSettings`.

    Returns:
        `Series` of as many steps as the look-back, without gaps unless `missing` is mask.
    """
    begin, end = origin - settings.lookback, origin + settings.horizon
    places = np.maximum(np.arange(begin, origin), 0)
    targets = series.targets if settings.missing == "mask" else fill_linear(series.targets)
    known = series.known[np.maximum(np.arange(begin, min(end, len(series.known))), 0)]
    times = series.times[np.clip(np.arange(begin, end), 0, len(series.times) - 1)]
    return Series(series.name, times, targets[places], series.past[places], known, series.static)


def window_as_plain(window):
    """Gives a window as plain values.

    Args:
        window: From `window_of`.

    Returns:
        Dict of lists, None in the place of NaN.
    """
    arrays = {name: getattr(window, name) for name in ("times", "targets", "past", "known")}
    plain = {name: np.where(np.isnan(array), None, array).tolist() for name, array in arrays.items()}
    return {"name": window.name, **plain, "static": [str(value) for value in window.static]}


def window_from_plain(plain):
    """Reads what `window_as_plain` gave.

    Args:
        plain: Dict of lists.

    Returns:
        `Series`.
    """
    arrays = {name: np.array(plain[name], "float64") for name in ("targets", "past", "known")}
    return Series(plain["name"], np.array(plain["times"], "int64"), static=tuple(plain["static"]), **arrays)


def server_inputs(windows, facts):
    """Gives windows as the signature takes them.

    Args:
        windows: List of `Series` from `window_of`.
        facts: `SeriesFacts`.

    Returns:
        Dict of arrays.
    """
    inputs = {"history": np.stack([window.targets for window in windows]).astype("float32")}
    if facts.columns.series is not None:
        inputs["series"] = np.array([window.name for window in windows])
    if facts.calendar:
        inputs["times"] = np.stack([window.times for window in windows]).astype("int64")
    for name in ("past", "known"):
        if getattr(facts.columns, name):
            inputs[name] = np.stack([getattr(window, name) for window in windows]).astype("float32")
    if facts.columns.static:
        inputs["static"] = np.array([[str(value) for value in window.static] for window in windows])
    return inputs


def _made_up(task):
    """A window of sines, for a task that has no run to show."""
    facts, settings = task.facts, task.settings
    name, scale = next(iter(facts.scales.items()))
    steps = np.arange(settings.lookback + settings.horizon)
    wave = np.array(scale.mean) + np.array(scale.deviation) * np.sin(steps / 7.0)[:, None]
    parts = np.cumsum([len(facts.columns.targets), len(facts.columns.past)])
    targets, past, known = np.split(wave, parts, axis=1)
    times = facts.frequency.times(steps, 1_704_067_200)
    static = tuple("0" if words is None else words[0] for words in facts.statics)
    return Series(name, times, targets[: settings.lookback], past[: settings.lookback], known, static)


def _facts(task):
    """What the model card says beside the signature."""
    settings, facts = task.settings, task.facts
    columns = {
        name: ", ".join(value) for name, value in dataclasses.asdict(facts.columns).items() if isinstance(value, tuple)
    }
    limits = [
        "The history has the steps' distance and the units of the training; `times` are seconds since 1970, UTC, of "
        "all steps of history and horizon.",
        "NaN in the history is missing: the value before stands for it, or with missing=mask the model is told.",
        f"The interval is to hold {100 * settings.coverage:g} % of what comes, and does where errors stay what they "
        "were in training and validation.",
    ]
    return {
        "Columns": {name: value for name, value in columns.items() if value},
        "Steps": {"distance": facts.frequency.describe(), "look-back": settings.lookback, "horizon": settings.horizon},
        "Calendar": ", ".join(facts.calendar) or "not used",
        **card_facts(task, {name: name for name in ("series", "steps", "data")}, limits),
    }
