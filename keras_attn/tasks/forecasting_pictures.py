"""The pictures of a forecaster's report."""

import numpy as np

_COLORS = {"model": "tab:blue", "last value": "tab:gray", "seasonal naive": "tab:olive", "linear": "tab:orange"}
_MOST_PANELS = 9


def draw_forecasts(path, examples, coverage):
    """Draws windows: what was, what came, what was forecast, and the interval.

    Args:
        path: Picture to write.
        examples: List of dicts of `name`, `columns`, `times`, `values`, `origin`, `forecast`, `low` and `high`.
        coverage: Share that the interval is to hold.
    """
    from matplotlib import pyplot

    from keras_attn.explain.attention_map import drawing_style

    columns = examples[0]["columns"][: max(1, _MOST_PANELS // len(examples))]
    with drawing_style():
        size = (4.6 * len(examples), 0.7 + 2.1 * len(columns))
        figure, axes = pyplot.subplots(len(columns), len(examples), figsize=size, squeeze=False, layout="constrained")
        for i, example in enumerate(examples):
            for j, column in enumerate(columns):
                _draw_window(axes[j, i], example, j, coverage)
                if i == 0:
                    axes[j, i].set_ylabel(column, parse_math=False)
            axes[0, i].set_title(example["name"], parse_math=False)
        handles, labels = axes[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=len(labels), frameon=False)
        figure.savefig(path, dpi=110)
        pyplot.close(figure)


def _draw_window(axis, example, column, coverage):
    times = np.asarray(example["times"], "datetime64[s]")
    origin, values = example["origin"], example["values"][:, column]
    future = times[origin : origin + len(example["forecast"])]
    axis.plot(times[: origin + 1], values[: origin + 1], color="black", linewidth=1.0, label="history")
    axis.plot(times[origin:], values[origin:], color="tab:green", linewidth=1.0, label="what came")
    axis.plot(future, example["forecast"][:, column], color="tab:blue", linewidth=1.4, label="forecast")
    low, high = example["low"][:, column], example["high"][:, column]
    label = f"{100 * coverage:g} % interval"
    axis.fill_between(future, low, high, color="tab:blue", alpha=0.18, linewidth=0, label=label)
    axis.axvline(times[origin], color="gray", linewidth=0.8, linestyle=":")
    neat_dates(axis)


def draw_errors(path, measures, coverage):
    """Draws the error and the coverage of each step of the horizon.

    Args:
        path: Picture to write.
        measures: Dict of label -> `Measures`.
        coverage: Share that the interval is to hold.
    """
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(10, 3.5), layout="constrained")
    for label, own in measures.items():
        error = own.by_step("mse")
        steps = np.arange(1, len(error) + 1)
        style = {"color": _COLORS[label], "linewidth": 2.2 if label == "model" else 1.3}
        style["linestyle"] = "--" if label == "linear" else "-"  # which often lies on the model's
        left.plot(steps, error, label=label, **style)
        right.plot(steps, 100.0 * own.by_step("inside"), **style)
    right.axhline(100.0 * coverage, color="black", linewidth=0.8, linestyle="--")
    left.set(title="Mean squared error", xlabel="step of the horizon", ylim=(0.0, None))
    right.set(title=f"Share within the {100 * coverage:g} % interval", xlabel="step of the horizon", ylabel="%")
    right.set_ylim(min(right.get_ylim()[0], 100.0 * coverage - 10.0), 100.0)
    left.legend()
    for axis in (left, right):
        axis.grid(alpha=0.3)
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


def draw_stretches(path, names, series):
    """Draws the errors of stretches of time side by side.

    Args:
        path: Picture to write.
        names: Names of the stretches.
        series: Dict of label -> list of mean squared errors.
    """
    from matplotlib import pyplot

    figure, axis = pyplot.subplots(figsize=(max(6.0, 1.6 * len(names)), 3.2), layout="constrained")
    width = 0.8 / len(series)
    for i, (label, values) in enumerate(series.items()):
        axis.bar(
            np.arange(len(names)) + (i - (len(series) - 1) / 2) * width,
            values,
            width,
            label=label,
            color=_COLORS[label],
        )
    axis.set_xticks(range(len(names)), [f"from {name}" for name in names])
    axis.set(ylabel="mean squared error")
    figure.legend(loc="outside upper center", ncols=len(series), frameon=False)
    axis.grid(axis="y", alpha=0.3)
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


def neat_dates(axis):
    """Writes few and short dates below a picture.

    Args:
        axis: Of matplotlib.
    """
    from matplotlib import dates

    locator = dates.AutoDateLocator(minticks=3, maxticks=6)
    axis.xaxis.set_major_locator(locator)
    axis.xaxis.set_major_formatter(dates.ConciseDateFormatter(locator))
    axis.grid(alpha=0.3)
