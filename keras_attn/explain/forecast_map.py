import dataclasses
from pathlib import Path

import numpy as np

from keras_attn.explain.attention_map import drawing_style

_MOST_VARIABLES = 12


@dataclasses.dataclass(frozen=True)
class ForecastMap:
    """What a forecast was made from: where the model attended, and how much each step of each variable moves it.

    Args:
        columns: Names of the variables that were forecast, C of them.
        times: Times of history and horizon, datetime64 [L + H].
        history: Array [L, C].
        forecast: Array [H, C].
        low: Lower end of the interval [H, C].
        high: Upper end [H, C].
        inputs: Names of the variables that the forecast was made from, V of them, the targets first.
        influence: By how much the forecast moves, on average over its steps and variables, where a step of a variable
            moves by one deviation [V, L].
        over: What the attention goes over: "steps of each variable", "variables", "steps"; None without attention.
        attention: Its shares [C, L], [C, V] or [H, L], whose rows sum to 1; None without attention.

    Raises:
        ValueError: If the shapes do not fit.

    Example:
        >>> times = np.arange("2024-01-01", "2024-01-06", dtype="datetime64[D]")
        >>> one, two = np.ones((3, 1)), np.ones((2, 1))
        >>> map = ForecastMap(["load"], times, one, two, two, two, ["load"], one.T, "steps of each variable", one.T / 3)
        >>> map.most_attended()
        [('load', '2024-01-01 00:00:00', 0.3333333333333333)]
    """

    columns: list
    times: np.ndarray
    history: np.ndarray
    forecast: np.ndarray
    low: np.ndarray
    high: np.ndarray
    inputs: list
    influence: np.ndarray
    over: str | None = None
    attention: np.ndarray | None = None

    def __post_init__(self):
        expected = (len(self.inputs), len(self.history))
        if self.influence.shape != expected:
            raise ValueError(
                f"`influence` must have the shape {expected}: variables, steps. "
                f"Received: influence.shape={self.influence.shape}"
            )
        if len(self.times) != len(self.history) + len(self.forecast):
            raise ValueError(
                f"`times` must be those of history and horizon, {len(self.history) + len(self.forecast)}. "
                f"Received: {len(self.times)}"
            )

    def most_attended(self):
        """Names what was attended to most.

        Returns:
            List of tuples: for each variable (or, of "steps", each step of the horizon) its name, the name of the step
            or variable that it attended to most, and its share; empty without attention.
        """
        if self.attention is None:
            return []
        rows = self.columns if self.over != "steps" else _texts(self.times[len(self.history) :])
        names = self.inputs if self.over == "variables" else _texts(self.times[: len(self.history)])
        places = self.attention.argmax(axis=1)
        return [(row, names[i], float(shares[i])) for row, i, shares in zip(rows, places, self.attention, strict=True)]

    def plot(self, path, column=0):
        """Draws a variable's forecast, and below it, on the same time axis, what it was made from.

        Args:
            path: Picture to write; the suffix gives the format.
            column: Index of the variable.

        Returns:
            The path.

        Raises:
            ValueError: If there is no such variable.
        """
        if not 0 <= column < len(self.columns):
            raise ValueError(f"`column` must be from 0 to {len(self.columns) - 1}. Received: column={column}")
        from matplotlib import pyplot

        over_time = self.attention is not None and self.over != "variables"
        rows = 2 + over_time
        with drawing_style():
            heights = [2.2, 1.6, 1.6][:rows]
            figure, axes = pyplot.subplots(
                rows, 1, figsize=(10, 0.8 + sum(heights)), height_ratios=heights, sharex=True, layout="constrained"
            )
            self._draw_forecast(axes[0], column)
            self._draw_map(figure, axes[1], self.influence, self.inputs, "influence on the forecast", "Reds")
            if over_time:
                names = self.columns if self.over != "steps" else None
                self._draw_map(figure, axes[2], self.attention, names, "attention", "viridis")
            figure.savefig(path, dpi=120)
            pyplot.close(figure)
        return Path(path)

    def plot_variables(self, path):
        """Draws which variables attended to which.

        Args:
            path: Picture to write; the suffix gives the format.

        Returns:
            The path.

        Raises:
            ValueError: If the attention goes over something else.
        """
        if self.over != "variables":
            raise ValueError(f"The attention of this model does not go over variables. Received: over={self.over!r}")
        from matplotlib import pyplot

        with drawing_style():
            size = (2.6 + 0.45 * len(self.inputs), 1.6 + 0.4 * len(self.columns))
            figure, axis = pyplot.subplots(figsize=size, layout="constrained")
            image = axis.imshow(self.attention, cmap="viridis", vmin=0.0, aspect="auto")
            slanted = {"rotation": 60, "ha": "right", "rotation_mode": "anchor", "parse_math": False}
            axis.set_xticks(range(len(self.inputs)), self.inputs, **slanted)
            axis.set_yticks(range(len(self.columns)), self.columns, parse_math=False)
            axis.set(xlabel="attended to", ylabel="forecast")
            figure.colorbar(image, ax=axis, label="attention", fraction=0.06)
            figure.savefig(path, dpi=120)
            pyplot.close(figure)
        return Path(path)

    def plot_all(self, folder):
        """Draws each variable's forecast with what it was made from, the first twelve, and attention across variables.

        Args:
            folder: Folder for `forecast-1.png`, ... and `variables.png`; made if missing.

        Returns:
            List of the pictures' paths.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        count = min(len(self.columns), _MOST_VARIABLES)
        found = [self.plot(folder / f"forecast-{column + 1}.png", column) for column in range(count)]
        return found + ([self.plot_variables(folder / "variables.png")] if self.over == "variables" else [])

    def _draw_forecast(self, axis, column):
        past, future = self.times[: len(self.history)], self.times[len(self.history) :]
        axis.plot(past, self.history[:, column], color="black", linewidth=1.0, label="history")
        axis.plot(future, self.forecast[:, column], color="tab:blue", linewidth=1.4, label="forecast")
        low, high = self.low[:, column], self.high[:, column]
        axis.fill_between(future, low, high, color="tab:blue", alpha=0.18, linewidth=0, label="interval")
        axis.axvline(past[-1], color="gray", linewidth=0.8, linestyle=":")
        axis.set_title(self.columns[column], parse_math=False)
        axis.legend(loc="upper left", ncols=3, frameon=False)
        axis.grid(alpha=0.3)

    def _draw_map(self, figure, axis, values, names, label, colors):
        from matplotlib import dates

        times = dates.date2num(self.times)
        length = len(self.history)
        edges = np.append(times[:length], times[length])
        rows = np.arange(len(values) + 1) + (0.5 if names is None else -0.5)  # steps count from 1
        image = axis.pcolormesh(edges, rows, values, cmap=colors, vmin=0.0, rasterized=True)
        axis.invert_yaxis()
        if names is None:
            axis.set_ylabel("step of the horizon")
        elif len(names) <= 2 * _MOST_VARIABLES:
            axis.set_yticks(range(len(names)), names, parse_math=False)
        figure.colorbar(image, ax=axis, label=label, fraction=0.04, pad=0.01)
        locator = dates.AutoDateLocator(minticks=4, maxticks=9)
        axis.xaxis.set_major_locator(locator)
        axis.xaxis.set_major_formatter(dates.ConciseDateFormatter(locator))


def _texts(times):
    return [text.replace("T", " ") for text in np.datetime_as_string(times.astype("datetime64[s]")).tolist()]
