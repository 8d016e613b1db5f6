import dataclasses
from pathlib import Path

import numpy as np

from keras_attn.explain.attention_map import drawing_style

_MOST_VARIABLES = 12
_MOST_ROWS = 8  # variables of a heat map, those of most influence
_LEAST_SHARE = 0.005  # of a variable's influence that is drawn


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
        coverage: Share of what comes that the interval is to hold.
        inputs: Names of the variables that the forecast was made from, V of them, the targets first.
        influence: By how many deviations the forecast of each variable moves, on average over its steps, where a past
            step of a variable moves by one [C, V, L].
        over: What the attention goes over: "steps of each variable", "variables", "steps"; None without attention.
        attention: Its shares [C, L], [C, V] or [H, L], whose rows sum to 1; None without attention.

    Raises:
        ValueError: If the shapes do not fit.

    Example:
        >>> times = np.arange("2024-01-01", "2024-01-06", dtype="datetime64[D]")
        >>> one, two = np.ones((3, 1)), np.ones((2, 1))
        >>> over, shares = "steps of each variable", np.full((1, 3), 1 / 3)
        >>> map = ForecastMap(["load"], times, one, two, two, two, 0.9, ["load"], np.ones((1, 1, 3)), over, shares)
        >>> map.most_attended()
        [('load', '2024-01-01 00:00:00', 0.3333333333333333)]
    """

    columns: list
    times: np.ndarray
    history: np.ndarray
    forecast: np.ndarray
    low: np.ndarray
    high: np.ndarray
    coverage: float
    inputs: list
    influence: np.ndarray
    over: str | None = None
    attention: np.ndarray | None = None

    def __post_init__(self):
        expected = (len(self.columns), len(self.inputs), len(self.history))
        if self.influence.shape != expected:
            raise ValueError(
                f"`influence` must have the shape {expected}: forecast variables, variables, steps. "
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

    def influence_shares(self, column=0):
        """Tells how much of what moves a variable's forecast comes from each variable.

        Args:
            column: Index of the variable that is forecast.

        Returns:
            Dict of name -> share, the largest first; they sum to 1, or are all 0 where nothing moves it.
        """
        sums = self.influence[column].sum(axis=1)
        shares = sums / (sums.sum() or 1.0)
        return {self.inputs[i]: float(shares[i]) for i in np.argsort(-shares, kind="stable")}

    def plot(self, path, column=0):
        """Draws a variable's forecast, and below it, on the same time axis, what it alone was made from.

        The second panel is the influence of the past steps: a curve where one variable has all of it, else a map of the
        eight that have most, with their shares.

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
        shares = [(name, share) for name, share in self.influence_shares(column).items() if share >= _LEAST_SHARE]
        heights = [2.4, 1.4 if len(shares) < 2 else 0.9 + 0.25 * min(len(shares), _MOST_ROWS), 1.6][: 2 + over_time]
        with drawing_style():
            figure, axes = pyplot.subplots(
                len(heights),
                1,
                figsize=(10, 0.8 + sum(heights)),
                height_ratios=heights,
                sharex=True,
                layout="constrained",
            )
            self._draw_forecast(figure, axes[0], column)
            self._draw_influence(figure, axes[1], column, shares)
            if over_time:
                self._draw_attention(figure, axes[2], column)
            _neat_dates(axes[0])
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

    def _draw_forecast(self, figure, axis, column):
        past, future = self.times[: len(self.history)], self.times[len(self.history) :]
        axis.plot(past, self.history[:, column], color="black", linewidth=1.0, label="history")
        axis.plot(future, self.forecast[:, column], color="tab:blue", linewidth=1.4, label="forecast")
        low, high = self.low[:, column], self.high[:, column]
        interval = f"{100 * self.coverage:g} % interval"
        axis.fill_between(future, low, high, color="tab:blue", alpha=0.18, linewidth=0, label=interval)
        axis.margins(x=0.01)
        axis.axvline(past[-1], color="gray", linewidth=0.8, linestyle=":")
        axis.set_title(self.columns[column], loc="left", parse_math=False)
        figure.legend(loc="outside upper right", ncols=3, frameon=False)
        axis.grid(alpha=0.3)

    def _draw_influence(self, figure, axis, column, shares):
        title = "Influence of the past: deviations that the forecast moves by where a value moves by one"
        axis.set_title(title, loc="left", fontsize="medium")
        rows = [self.influence[column, self.inputs.index(name)] for name, _ in shares[:_MOST_ROWS]]
        if len(rows) > 1:
            self._draw_map(figure, axis, np.stack(rows), "influence", "Reds")
            names = [f"{name}  {100 * share:.0f} %" for name, share in shares[:_MOST_ROWS]]
            axis.set_yticks(range(1, 1 + len(names)), names, parse_math=False)
            return
        self._draw_curve(axis, rows[0] if rows else np.zeros(len(self.history)), "tab:red")
        axis.set_ylabel("influence")
        if shares and shares[0][0] != self.columns[column]:
            axis.set_title(shares[0][0], loc="right", fontsize="medium", parse_math=False)

    def _draw_attention(self, figure, axis, column):
        axis.set_title("Where the model attended", loc="left", fontsize="medium")
        if self.over == "steps":
            self._draw_map(figure, axis, self.attention, "share", "viridis")
            axis.set_ylabel("step of the horizon")
            return
        self._draw_curve(axis, self.attention[column], "tab:purple")
        axis.set_ylabel("share")

    def _draw_curve(self, axis, values, color):
        axis.stairs(values, self._edges(), fill=True, color=color, alpha=0.6)
        axis.set_ylim(0.0, 1.08 * max(float(values.max()), 1e-12))
        axis.grid(alpha=0.3)

    def _draw_map(self, figure, axis, values, label, colors):
        rows = np.arange(len(values) + 1) + 0.5  # they count from 1
        image = axis.pcolormesh(self._edges(), rows, values, cmap=colors, vmin=0.0, rasterized=True)
        axis.invert_yaxis()
        figure.colorbar(image, ax=axis, label=label, fraction=0.04, pad=0.01)

    def _edges(self):
        """Where the steps of the history begin and end."""
        from matplotlib import dates

        return dates.date2num(self.times[: len(self.history) + 1])


def _neat_dates(axis):
    from matplotlib import dates

    locator = dates.AutoDateLocator(minticks=4, maxticks=9)
    axis.xaxis.set_major_locator(locator)
    axis.xaxis.set_major_formatter(dates.ConciseDateFormatter(locator))


def _texts(times):
    return [text.replace("T", " ") for text in np.datetime_as_string(times.astype("datetime64[s]")).tolist()]
