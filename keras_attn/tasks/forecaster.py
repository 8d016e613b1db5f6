import numpy as np
import tensorflow as tf
from scipy import stats

from keras_attn.data.time_stamps import calendar_codes
from keras_attn.tasks.forecasting_intervals import EPSILON, spread_of

_TABLE = 257  # places of the table of Student-t quantiles, even in 1 / degrees of freedom


class Forecaster(tf.Module):
    """A trained forecaster with its intervals, all in one graph.

    Args:
        model: A model made by `tasks.forecasting_model.build_model`.
        settings: `ForecastingSettings`.
        facts: `SeriesFacts`.
        offsets: By how much each quantile is moved, in spreads of the window [P, H, C]; None for not at all.
    """

    def __init__(self, model, settings, facts, offsets=None):
        super().__init__()
        self.settings = settings
        self.facts = facts
        self.levels = settings.levels()
        self.weights = [variable.value for variable in model.variables]  # for a SavedModel
        self._model = (model,)  # within a tuple, as Keras's own tracking is not wanted there
        self._offsets = None if offsets is None else np.transpose(offsets, (1, 2, 0))  # [H, C, P]
        freedom = 1.0 / np.maximum(np.linspace(0.0, 0.5, _TABLE), 1e-9)
        self._table = np.stack([stats.t.ppf(level, freedom) for level in self.levels], axis=1).astype("float32")

    def forecast(self, inputs):
        """Forecasts, in scaled units.

        Args:
            inputs: Dict of tensors, see `models.ForecastShape.inputs`.

        Returns:
            The forecast [B, H, C], and its quantiles [B, H, C, P], each at least the one before.
        """
        forecast, quantiles = self.quantiles(self._model[0](inputs, training=False))
        if self._offsets is not None:
            spread = _spread(inputs["history"], inputs.get("observed"), self.settings.normalize)
            quantiles = quantiles + spread[..., None] * tf.constant(self._offsets)
        return forecast, tf.sort(quantiles, axis=-1)

    def quantiles(self, outputs):
        """Reads what a model gives.

        Args:
            outputs: Tensor [B, H, C] or [B, H, C, Q].

        Returns:
            The forecast [B, H, C], and its quantiles [B, H, C, P]; of a forecast alone it stands for each of them.
        """
        if self.settings.output == "quantile":
            return outputs[..., self.levels.index(0.5)] if 0.5 in self.levels else _middle(outputs), outputs
        if self.settings.output == "student_t":
            location, scale, freedom = tf.split(outputs, 3, axis=-1)
            return location[..., 0], location + scale * self._student_t(freedom[..., 0])
        return outputs, tf.repeat(outputs[..., None], len(self.levels), axis=-1)

    def from_series(self, history, mean, deviation, times=None, past=None, known=None, static=None):
        """Forecasts, in the units that the series come in.

        Args:
            history: float32 [B, L, C]; NaN is missing.
            mean: float32 [B, 1, C + P + K], of targets, past and known.
            deviation: Likewise.
            times: int64 [B, L + H], seconds since 1970, where the calendar is used.
            past: float32 [B, L, P], or None.
            known: float32 [B, L + H, K], or None.
            static: float32 [B, S], or None.

        Returns:
            The forecast [B, H, C], and its quantiles [B, H, C, P].
        """
        shape = [len(self.facts.columns.targets), len(self.facts.columns.past), len(self.facts.columns.known)]
        means, deviations = (tf.split(tensor, shape, axis=2) for tensor in (mean, deviation))
        observed = tf.math.is_finite(history)
        scaled = _filled((history - means[0]) / deviations[0], observed)
        inputs = {"history": scaled}
        if self.settings.missing == "mask":
            inputs["observed"] = observed
        if shape[1]:
            inputs["past"] = (past - means[1]) / deviations[1]
        if shape[2]:
            inputs["known"] = (known - means[2]) / deviations[2]
        if self.facts.calendar:
            codes = calendar_codes(times, self.facts.calendar, self.facts.frequency)
            inputs["calendar"] = tf.cast(tf.stack(codes, axis=2), tf.int32)
        if static is not None:
            inputs["static"] = static
        forecast, quantiles = self.forecast(inputs)
        return forecast * deviations[0] + means[0], quantiles * deviations[0][..., None] + means[0][..., None]

    def _student_t(self, freedom):
        """Quantiles of the standard Student-t distribution [..., P], between the places of a table."""
        place = (_TABLE - 1) * tf.clip_by_value(2.0 / freedom, 0.0, 1.0)
        low = tf.minimum(tf.cast(place, tf.int32), _TABLE - 2)
        share = (place - tf.cast(low, tf.float32))[..., None]
        table = tf.constant(self._table)
        return (1.0 - share) * tf.gather(table, low) + share * tf.gather(table, low + 1)


class Asked:
    """Asks a forecaster, or a baseline, for batches.

    Args:
        forecaster: A `Forecaster`.
        baselines: `Baselines`.
        offsets: Dict of baseline name -> offsets [P, H, C]; empty for none.
    """

    def __init__(self, forecaster, baselines, offsets=None):
        self.forecaster = forecaster
        self.baselines = baselines
        self._offsets = offsets or {}
        self._call = tf.function(forecaster.forecast, autograph=False, reduce_retracing=True)

    def forecast(self, inputs):
        """Forecasts by the model, in scaled units.

        Args:
            inputs: Dict of arrays.

        Returns:
            Arrays: the forecast [B, H, C], and its quantiles [B, H, C, P].
        """
        inputs = {name: tf.convert_to_tensor(array) for name, array in inputs.items()}
        return tuple(tensor.numpy() for tensor in self._call(inputs))

    def baseline(self, inputs, name):
        """Forecasts by a baseline, in scaled units.

        Args:
            inputs: Dict of arrays.
            name: One of `forecasting_baselines.NAMES`.

        Returns:
            Arrays: the forecast [B, H, C], and its quantiles [B, H, C, P].
        """
        forecast = self.baselines.forecast(inputs)[name]
        quantiles = np.repeat(forecast[..., None], len(self.forecaster.levels), axis=-1)
        if name in self._offsets:
            spread = spread_of(inputs["history"], inputs.get("observed"))
            quantiles = quantiles + spread[..., None] * self._offsets[name].transpose(1, 2, 0)
        return forecast, quantiles


def _middle(outputs):
    """The median, where it is not among the levels: the mean of the middle ones."""
    count = outputs.shape[-1]
    return tf.reduce_mean(outputs[..., (count - 1) // 2 : count // 2 + 1], axis=-1)


def _spread(history, observed, normalize):
    """`spread_of` in the graph; 1 where windows are not normalised."""
    if not normalize:
        return tf.ones_like(history[:, :1])
    weights = tf.ones_like(history) if observed is None else tf.cast(observed, history.dtype)
    count = tf.maximum(tf.reduce_sum(weights, axis=1, keepdims=True), 1.0)
    mean = tf.reduce_sum(weights * history, axis=1, keepdims=True) / count
    variance = tf.reduce_sum(weights * tf.square(history - mean), axis=1, keepdims=True) / count
    return tf.sqrt(variance + EPSILON)


def _filled(values, observed):
    """What is missing replaced by the value before; at the start by the first that there is, and 0 without any."""
    length = values.shape[1]
    steps = tf.range(length)[None, :, None]
    place = tf.where(observed, steps, -1)
    shift = 1
    while shift < length:  # the largest so far, in few steps: each doubles how far it looks back
        place = tf.maximum(place, tf.pad(place[:, :-shift], [[0, 0], [shift, 0], [0, 0]], constant_values=-1))
        shift *= 2
    first = tf.reduce_min(tf.where(observed, steps, length - 1), axis=1, keepdims=True)
    place = tf.transpose(tf.maximum(place, first), (0, 2, 1))  # [B, C, L]
    values = tf.transpose(tf.where(observed, values, 0.0), (0, 2, 1))
    return tf.transpose(tf.gather(values, place, batch_dims=2), (0, 2, 1))
