import contextlib
import dataclasses
import warnings
from pathlib import Path

import numpy as np

# Tried in this order for each letter; the ones that are not installed are left out.
_FONTS = (
    "DejaVu Sans",
    "Noto Sans",
    "Noto Sans CJK JP",
    "Noto Sans Thai",
    "Noto Sans Devanagari",
    "Noto Sans Arabic",
    "Noto Sans Hebrew",
    "Unifont",
    "Arial Unicode MS",
)
_LONGEST_LABEL = 40  # letters that the size of a picture allows for


@contextlib.contextmanager
def drawing_style():
    """Draws with a font for each script, as far as they are installed, and without warnings of missing letters.

    Yields:
        None
    """
    import matplotlib
    from matplotlib import font_manager

    installed = {font.name for font in font_manager.fontManager.ttflist}
    style = {"font.family": [font for font in _FONTS if font in installed]}
    with matplotlib.rc_context(style), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        yield


@dataclasses.dataclass(frozen=True)
class AttentionMap:
    """Where a decoder attended while it wrote each token of its answer, or one text's words to one another.

    Args:
        source: The source's tokens, S of them.
        target: The answer's tokens, T of them.
        scores: Attention probabilities [L, N, T, S]: layer, head, target token, source token.
        title: What is shown, for the pictures.
        axes: What to call the source and the target, for the pictures.

    Raises:
        ValueError: If the shape of `scores` does not fit the tokens.

    Example:
        >>> import numpy as np
        >>> from keras_attn.explain import AttentionMap
        >>> AttentionMap(["a", "b"], ["x"], np.full((2, 4, 1, 2), 0.5)).select(layer=0).tolist()
        [[0.5, 0.5]]
    """

    source: list
    target: list
    scores: np.ndarray
    title: str = "Cross-attention"
    axes: tuple = ("source", "answer")

    def __post_init__(self):
        expected = (len(self.target), len(self.source))
        if np.ndim(self.scores) != 4 or np.shape(self.scores)[2:] != expected:
            raise ValueError(
                f"`scores` must have the shape [L, N, {expected[0]}, {expected[1]}]: layers, heads, target tokens, "
                f"source tokens. Received: scores.shape={np.shape(self.scores)}"
            )

    def select(self, layer=None, head=None):
        """Gives one map.

        Args:
            layer: Index of a layer; None averages over all.
            head: Index of a head; None averages over all.

        Returns:
            Array [T, S] whose rows sum to 1.

        Raises:
            ValueError: If there is no such layer or head.
        """
        scores = np.asarray(self.scores, "float64")
        for axis, (name, index) in enumerate((("layer", layer), ("head", head))):
            if index is None:
                scores = scores.mean(axis=axis, keepdims=True)
            elif not 0 <= index < scores.shape[axis]:
                raise ValueError(f"`{name}` must be from 0 to {scores.shape[axis] - 1}. Received: {name}={index}")
            else:
                scores = scores.take([index], axis=axis)
        return scores[0, 0]

    def plot(self, path, layer=None, head=None):
        """Draws one map as a heat map with the tokens along its sides.

        Args:
            path: Picture to write; the suffix gives the format.
            layer: Index of a layer; None averages over all.
            head: Index of a head; None averages over all.

        Returns:
            The path.
        """
        of_layer = "all layers" if layer is None else f"layer {layer + 1}"
        of_head = "all heads" if head is None else f"head {head + 1}"
        return self._draw(path, [(f"{self.title}, {of_layer}, {of_head}", self.select(layer, head))])

    def plot_heads(self, path, layer):
        """Draws all heads of a layer side by side.

        Args:
            path: Picture to write; the suffix gives the format.
            layer: Index of the layer.

        Returns:
            The path.
        """
        heads = range(self.scores.shape[1])
        return self._draw(path, [(f"layer {layer + 1}, head {h + 1}", self.select(layer, h)) for h in heads])

    def plot_all(self, folder):
        """Draws the average over everything, and each layer's heads.

        Args:
            folder: Folder for `average.png`, `layer-1.png`, ...; made if missing.

        Returns:
            List of the pictures' paths.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        layers = range(self.scores.shape[0])
        return [
            self.plot(folder / "average.png"),
            *(self.plot_heads(folder / f"layer-{layer + 1}.png", layer) for layer in layers),
        ]

    def _draw(self, path, panels):
        from matplotlib import pyplot, ticker

        columns = min(len(panels), 2)
        rows = -(-len(panels) // columns)
        width, height = self._panel_size(max(len(title) for title, _ in panels))
        highest = max(float(scores.max()) for _, scores in panels)  # else words that look at many are all dark
        with drawing_style():
            figure, axes = pyplot.subplots(
                rows, columns, figsize=(columns * width + 0.8, rows * height), squeeze=False, layout="constrained"
            )
            for axis, (title, scores) in zip(axes.flat, panels, strict=False):
                image = axis.imshow(scores, cmap="viridis", vmin=0.0, vmax=highest, aspect="auto")
                axis.set_title(title)
                plain = {"parse_math": False}  # a dollar is a dollar
                slanted = {"rotation": 60, "ha": "right", "rotation_mode": "anchor"}
                axis.set_xticks(range(len(self.source)), self.source, **slanted, **plain)
                axis.set_yticks(range(len(self.target)), self.target, **plain)
                axis.set_xlabel(self.axes[0])
                axis.set_ylabel(self.axes[1])
            for axis in axes.flat[len(panels) :]:
                axis.remove()
            bar = figure.colorbar(image, ax=list(axes.flat[: len(panels)]), label="attention", aspect=8 * rows * height)
            bar.ax.yaxis.set_major_locator(ticker.MaxNLocator(5))
            bar.ax.yaxis.set_major_formatter(ticker.PercentFormatter(1.0))
            figure.savefig(path, dpi=120)
            pyplot.close(figure)
        return Path(path)

    def _panel_size(self, title):
        """Width and height of a map with its labels, in inches, wide enough for a title of so many letters."""
        left, below = (min(max(map(len, tokens)), _LONGEST_LABEL) for tokens in (self.target, self.source))
        width = 0.6 + 0.09 * left + max(0.34 * len(self.source), 1.0)
        return max(width, 0.4 + 0.1 * title), 1.1 + 0.08 * below + 0.3 * len(self.target)
