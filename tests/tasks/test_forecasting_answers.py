"""Forecasts of the future, and measures of the past, against the windows themselves."""

import dataclasses

import numpy as np

from keras_attn.tasks.forecasting_answers import answer, future_batches, measure, stretches
from keras_attn.tasks.forecasting_data import part_batches
from keras_attn.tasks.forecasting_measures import Measures


def test_the_window_of_the_future_ends_with_the_series(sales):
    task, data = sales.task, sales.task.read(sales.file)
    batches, times = future_batches(data, task.facts, task.settings)
    (inputs,) = batches[0]
    for row, series in enumerate(data.series):
        mean, deviation = task.facts.scale_of(series)
        last = series.targets[-21:, 0]
        seen = ~np.isnan(last)
        expected = (last[seen] - mean[0]) / deviation[0]
        np.testing.assert_allclose(inputs["history"][row][seen, 0], expected, rtol=1e-4, atol=1e-5)
        known = (series.known[len(series) - 21 :, 0] - mean[1]) / deviation[1]
        np.testing.assert_allclose(inputs["known"][row][:, 0], known, rtol=1e-4, atol=1e-5)
        np.testing.assert_array_equal(times[row], series.times[-6:])


def test_measures_are_those_of_all_windows_together(sales):
    task, data = sales.task, sales.task.read(sales.file)
    batches = task.test_batches(data)
    results = measure(data, task.facts, task.asked(), batches)
    assert {name: len(parts) for name, parts in results.items()} == dict.fromkeys(
        ("model", "last", "seasonal", "linear"), 5
    )
    inputs, targets, weights = batches[0]  # all windows fit into one batch
    for name, parts in results.items():
        forecast, quantiles = answer(task.asked(), inputs, name)
        found = Measures.joined(parts).figures()
        assert np.isclose(found["mse"], np.average((forecast - targets) ** 2, weights=weights), rtol=1e-4)
        inside = (targets >= quantiles[..., 0]) & (targets <= quantiles[..., -1])
        assert np.isclose(found["coverage"], 100 * np.average(inside, weights=weights), rtol=1e-4)


def test_stretches_follow_each_other(sales):
    task, data = sales.task, sales.task.read(sales.file)
    batches = task.test_batches(data)
    folds, spans = stretches(data, batches)
    times = np.array([data.series[i].times[step] for i, step in batches.origins])
    assert all(spans[i][1] < spans[i + 1][0] for i in range(4)) and len(spans) == 5
    for fold, (first, last) in enumerate(spans):
        np.testing.assert_array_equal(folds == fold, (times >= first) & (times <= last))
    one = dataclasses.replace(data, series=data.series[:1])
    few = part_batches(one, task.facts, task.settings, "test")
    few.origins = few.origins[:2]
    assert stretches(one, few)[0].tolist() == [0, 1]
