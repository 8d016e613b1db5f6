import dataclasses
from pathlib import Path

import numpy as np

from keras_attn.explain.attention_map import drawing_style


@dataclasses.dataclass(frozen=True)
class SignalWeights:
    """Where in time a model looked at a signal.

    Args:
        times: Time of each step of `values`, seconds or step numbers, array [T].
        values: What the model saw, array [T, C]: the signal, or bands of it.
        weights: How much of what the answer was made of came from each stretch of time, array [S], at least 0; the
            stretches share the time evenly.
        title: What the model said.
        unit: What `times` counts, such as "seconds".

    Raises:
        ValueError: If there is not a time for each step, or no weight.

    Example:
        >>> import numpy as np
        >>> from keras_attn.explain import SignalWeights
        >>> weights = SignalWeights(np.arange(4.0), np.zeros((4, 1)), np.array([0.1, 0.9]))
        >>> weights.at_steps().tolist()
        [0.1, 0.1, 0.9, 0.9]
    """

    times: np.ndarray
    values: np.ndarray
    weights: np.ndarray
    title: str = ""
    unit: str = "step"

    def __post_init__(self):
        if len(self.times) != len(self.values) or not len(self.weights) or np.ndim(self.values) != 2:
            raise ValueError(
                "There must be a time for each row of `values` [T, C], and weights. Received: "
                f"{len(self.times)} times, values of shape {np.shape(self.values)}, {len(self.weights)} weights"
            )

    def at_steps(self):
        """Gives the weight of each step's stretch of time.

        Returns:
            Array [T].
        """
        steps = np.arange(len(self.times)) * len(self.weights) // len(self.times)
        return np.asarray(self.weights)[steps]

    def plot(self, path):
        """Draws the signal, on a ground that is the darker the more the model looked there.

        Args:
            path: Picture to write; the suffix gives the format.

        Returns:
            The path.
        """
        from matplotlib import pyplot

        with drawing_style():
            figure, axis = pyplot.subplots(figsize=(9, 3.2), layout="constrained")
            self.draw(axis)
            figure.savefig(path, dpi=120)
            pyplot.close(figure)
        return Path(path)

    def plot_all(self, folder):
        """Draws the one picture there is.

        Args:
            folder: Folder for `signal.png`; made if missing.

        Returns:
            List of its path.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        return [self.plot(folder / "signal.png")]

    def draw(self, axis):
        """Draws into axes of matplotlib.

        Args:
            axis: The axes.
        """
        values, times = np.asarray(self.values), np.asarray(self.times, "float64")
        half = (times[1] - times[0]) / 2 if len(times) > 1 else 0.5
        left, right = times[0] - half, times[-1] + half
        shares = self.at_steps() / max(float(np.max(self.weights)), 1e-12)
        if values.shape[1] > 8:  # bands: a picture, and the weights as a line in it
            axis.imshow(values.T, aspect="auto", origin="lower", cmap="Greys", extent=(left, right, 0, values.shape[1]))
            axis.step(times, 0.95 * values.shape[1] * shares, where="mid", color="tab:orange", linewidth=2)
            axis.set_ylabel("band")
        else:
            low, high = float(values.min()), float(values.max())
            edge = 0.05 * (high - low or 1.0)
            ground = (left, right, low - edge, high + edge)
            axis.imshow(shares[None], aspect="auto", cmap="Oranges", vmin=0.0, vmax=1.6, extent=ground)
            axis.plot(times, values, linewidth=1.2, color="black" if values.shape[1] == 1 else None)
            axis.set(xlim=(left, right), ylim=ground[2:])
        axis.set_xlabel(self.unit)
        axis.set_title(self.title, loc="left", fontsize=10, parse_math=False)
