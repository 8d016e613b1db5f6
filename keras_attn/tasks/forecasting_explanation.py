"""What a forecast of a trained task was made from."""

import numpy as np
import tensorflow as tf

from keras_attn import models
from keras_attn.explain import ForecastMap
from keras_attn.tasks.forecasting_answers import future_batches
from keras_attn.tasks.settings import nearest

_MOST_GRADIENTS = 256  # numbers of the forecast whose gradients are averaged, of all variables together


def explain_forecast(task, data, series=None):
    """Explains the forecast of a series' future.

    Args:
        task: A trained `Forecasting`.
        data: `TimeSeries`.
        series: Name of the series; the first when None.

    Returns:
        A `ForecastMap`.

    Raises:
        ValueError: If there is no such series.
    """
    names = [one.name for one in data.series]
    if series is not None and series not in names:
        raise ValueError(f"There is no such series.{nearest(series, names)} Received: series={series!r}")
    index = 0 if series is None else names.index(series)
    batches, times = future_batches(data, task.facts, task.settings)
    batch, row = divmod(index, batches.batch_size)
    inputs = {name: tf.constant(array[row : row + 1]) for name, array in batches[batch][0].items()}
    forecast, quantiles = (array[0] for array in task.asked().forecast(inputs))
    one, columns = data.series[index], task.facts.columns
    count, lookback = len(columns.targets), task.settings.lookback
    mean, deviation = (array[:count] for array in task.facts.scale_of(one))
    before = task.facts.frequency.times(np.arange(len(one)), one.times[0])[-lookback:]
    if len(before) < lookback:  # a short series is repeated at its front
        step = before[1] - before[0] if len(before) > 1 else 1
        before = np.concatenate([before[0] - step * np.arange(lookback - len(before), 0, -1), before])
    attention = models.forecast_attention(task.model, inputs)
    over, shares = (None, None) if attention is None else (attention[0], attention[1][0])
    inputs_of_variables = [*columns.targets, *columns.past, *(columns.known if over == "variables" else ())]
    if over == "variables" and shares.shape[1] != len(inputs_of_variables):
        inputs_of_variables = inputs_of_variables[: shares.shape[1]]
    return ForecastMap(
        list(columns.targets),
        np.concatenate([before, times[index]]).astype("datetime64[s]"),
        inputs["history"].numpy()[0] * deviation + mean,
        forecast * deviation + mean,
        quantiles[..., 0] * deviation + mean,
        quantiles[..., -1] * deviation + mean,
        task.settings.coverage,
        inputs_of_variables,
        influence_of(task, inputs, over == "variables"),
        over,
        shares,
    )


def influence_of(task, inputs, with_known):
    """Measures how far the forecasts of a window move where its history does.

    Args:
        task: A trained `Forecasting`.
        inputs: Dict of tensors, a window.
        with_known: Whether known columns count as variables of the history.

    Returns:
        Mean absolute gradient of each variable's forecast with respect to each step of each variable, in deviations
        [C, V, L].
    """
    horizon, count = task.settings.horizon, len(task.facts.columns.targets)
    steps = min(horizon, max(1, _MOST_GRADIENTS // count))
    places = np.linspace(0, horizon - 1, steps).astype("int64")
    chosen = (places * count + np.arange(count)[:, None]).ravel()  # of a forecast [H, C], variable by variable
    copies = {name: tf.repeat(tensor, len(chosen), axis=0) for name, tensor in inputs.items()}  # one a gradient
    names = ["history", *(name for name in ("past", "known") if name in copies)]
    with tf.GradientTape() as tape:
        tape.watch([copies[name] for name in names])
        forecast, _ = task.forecaster().forecast(copies)
        total = tf.reduce_sum(tf.gather(tf.reshape(forecast, [len(chosen), -1]), chosen, batch_dims=1))
    found = tape.gradient(total, [copies[name] for name in names], unconnected_gradients="zero")
    gradients = dict(zip(names, found, strict=True))
    wanted = [gradients[name] for name in names if name != "known" or with_known]
    lookback = task.settings.lookback
    parts = [np.abs(part.numpy()[:, :lookback]).reshape(count, steps, lookback, -1).mean(axis=1) for part in wanted]
    return np.concatenate(parts, axis=2).transpose(0, 2, 1)
