"""What a forecaster's report says: figures beside the baselines', stretch by stretch, and pictures to look at."""

import numpy as np
from scipy import stats

from keras_attn.data.time_stamps import format_times
from keras_attn.tasks.forecasting_answers import answer, stretches
from keras_attn.tasks.forecasting_baselines import NAMES
from keras_attn.tasks.forecasting_data import window_source
from keras_attn.tasks.forecasting_measures import Measures
from keras_attn.tasks.forecasting_pictures import draw_errors, draw_forecasts, draw_stretches
from keras_attn.tasks.forecasting_training import advice
from keras_attn.tasks.markdown_table import markdown_table

_EXAMPLES = 3  # windows in the picture of forecasts
_MOST_VARIABLES = 3
_FLOATS = ".4g"
_LABELS = {"model": "model", "last": "last value", "seasonal": "seasonal naive", "linear": "linear"}


def figures(results):
    """Gives measures as one dict.

    Args:
        results: From `forecasting_answers.measure`.

    Returns:
        Dict of the model's figures, and the baselines' with their names before them, each with a `margin`: what the
        difference of its mse from the model's must exceed to be more than noise, see `noise_margin`.
    """
    found = {}
    for name, parts in results.items():
        prefix = "" if name == "model" else f"{name}_"
        found |= {f"{prefix}{key}": value for key, value in Measures.joined(parts).figures().items()}
        if name != "model" and len(parts) > 1:
            found[f"{name}_margin"] = noise_margin(parts, results["model"])
    return found


def noise_margin(parts, others):
    """Says how large a difference of two mean squared errors may be by chance.

    A paired t-test over stretches of time, at 95 %: with the differences d_i of the mse of n stretches, a mean of them
    further from 0 than `t(0.975, n - 1) std(d) / sqrt(n)` is more than noise. Windows side by side share most of their
    steps and cannot be counted one by one; stretches, of equal length and one after the other, nearly can.

    Args:
        parts: List of `Measures`, one a stretch.
        others: Those of the other forecaster.

    Returns:
        The largest difference that may be chance.
    """
    differences = [one.figures()["mse"] - other.figures()["mse"] for one, other in zip(parts, others, strict=True)]
    count = len(differences)
    return float(stats.t.ppf(0.975, count - 1) * np.std(differences, ddof=1) / np.sqrt(count))


def report_sections(folder, task, data, batches, results, notes, part):
    """Writes the pictures, and gives the sections of a report.

    Args:
        folder: Folder of the report, for the pictures.
        task: A trained `Forecasting`.
        data: `TimeSeries`.
        batches: `WindowBatches` of the part.
        results: From `forecasting_answers.measure`.
        notes: List of sentences about the data.
        part: "validation" or "test".

    Returns:
        List of Markdown texts.
    """
    whole = {name: Measures.joined(measures) for name, measures in results.items()}
    found = figures(results)
    season = f"season of {task.facts.season} steps"
    parts = [
        f"## Against the baselines, on the {part} part",
        f"{len(batches.origins):,} windows: {task.settings.lookback} steps in, {task.settings.horizon} steps out.",
        markdown_table([{"": _LABELS[name], **measures.figures()} for name, measures in whole.items()], _FLOATS),
        "\n".join(advice(found)),
        "mse, mae, quantile_loss and width are in deviations of each variable's training part; smape and coverage in "
        f"percent; mase and the seasonal baseline have a {season}.",
    ]
    draw_forecasts(folder / "forecasts.png", _examples(task, data, batches), task.settings.coverage)
    parts += ["## Forecasts", "![forecasts](forecasts.png)"]
    labelled = {_LABELS[name]: measures for name, measures in whole.items()}
    draw_errors(folder / "errors.png", labelled, task.settings.coverage)
    parts += ["## Step by step", "![errors by step](errors.png)"]
    if len(data.columns.targets) > 1:
        parts += ["## Variable by variable", markdown_table(_variables(data.columns.targets, whole), _FLOATS)]
    parts += ["## Rolling origin", _rolling(folder, data, batches, results, task.settings.coverage)]
    parts += ["## Intervals", _intervals(task, whole["model"])]
    if notes:
        parts += ["## The data", "\n".join(f"- {note}" for note in notes)]
    return parts


def _variables(columns, whole):
    rows = []
    for i, column in enumerate(columns):
        row = {"variable": column}
        row |= {f"mse, {_LABELS[name]}": float(whole[name].by_variable("mse")[i]) for name in ("model", *NAMES)}
        rows.append({**row, "coverage": 100.0 * float(whole["model"].by_variable("inside")[i])})
    return rows


def _rolling(folder, data, batches, results, coverage):
    """The figures of one stretch of origins after the other."""
    _, spans = stretches(data, batches)
    rows, series = [], {label: [] for label in _LABELS.values()}
    for fold, span in enumerate(spans):
        own = {name: parts[fold].figures() for name, parts in results.items()}
        first, last = format_times(span)
        row = {"origins from": first, "to": last, "mse": own["model"]["mse"], "mae": own["model"]["mae"]}
        row |= {f"mse, {_LABELS[name]}": own[name]["mse"] for name in NAMES}
        rows.append({**row, "coverage": own["model"]["coverage"]})
        for name, values in own.items():
            series[_LABELS[name]].append(values["mse"])
    draw_stretches(folder / "rolling.png", [row["origins from"][:10] for row in rows], series)
    text = "The origins in stretches of equal length, one after the other; the model stays the same."
    return "\n\n".join([text, markdown_table(rows, _FLOATS), "![rolling origin](rolling.png)"])


def _intervals(task, measures):
    low, high = measures.levels[0], measures.levels[-1]
    rows = [
        {"level": f"{100 * level:g} %", "what came lay below": f"{100 * share:.2f} %"}
        for level, share in zip(measures.levels, measures.shares_below(), strict=True)
    ]
    text = (
        f"The interval from {100 * low:g} % to {100 * high:g} % is to hold {100 * task.settings.coverage:g} % of what "
        f"comes; here it held {measures.figures()['coverage']:.2f} %. Quantiles were moved by what windows of the "
        "validation, and of the training where the validation is short, say of their errors (conformal calibration), "
        "for each step and variable."
    )
    return "\n\n".join([text, markdown_table(rows)])


def _examples(task, data, batches):
    """A few windows with what was forecast: list of dicts of arrays, in the units of the data."""
    found = []
    columns = task.facts.columns.targets[:_MOST_VARIABLES]
    count = len(task.facts.columns.targets)
    places = np.linspace(0, len(batches.origins) - 1, min(_EXAMPLES, len(batches.origins))).astype("int64")
    for place in places:
        batch, row = divmod(int(place), batches.batch_size)
        inputs = {name: array[row : row + 1] for name, array in batches[batch][0].items()}
        forecast, quantiles = (array[0] for array in answer(task.asked(), inputs, "model"))
        index, origin = batches.origins[place]
        series = data.series[index]
        mean, deviation = (array[:count] for array in task.facts.scale_of(series))
        begin = max(0, origin - min(2 * task.settings.horizon, task.settings.lookback))
        filled = window_source(series, task.facts, task.settings.missing).targets * deviation + mean
        found.append(
            {
                "name": series.name,
                "columns": columns,
                "times": series.times[begin : origin + task.settings.horizon],
                "values": filled[begin : origin + task.settings.horizon],
                "origin": origin - begin,
                "forecast": forecast * deviation + mean,
                "low": quantiles[..., 0] * deviation + mean,
                "high": quantiles[..., -1] * deviation + mean,
            }
        )
    return found
