import dataclasses
import unicodedata
from pathlib import Path

from keras_attn.explain.attention_map import drawing_style

_WORDS_A_LINE = 12
_SPACE = "▁"


@dataclasses.dataclass(frozen=True)
class TokenWeights:
    """How much a classifier looked at each token of a text.

    Args:
        tokens: The tokens, T of them; a space shows as `▁`.
        weights: A weight for each, at least 0.
        title: What the classifier said, such as the label and its probability.

    Raises:
        ValueError: If there is not one weight for each token.

    Example:
        >>> from keras_attn.explain import TokenWeights
        >>> weights = TokenWeights(["▁a", "▁very", "▁fi", "ne", "▁film"], [0.1, 0.1, 0.3, 0.3, 0.2])
        >>> weights.words()[2]
        ('fine', 0.6)
        >>> weights.marked()
        'a very **fine** film'
    """

    tokens: list
    weights: list
    title: str = ""

    def __post_init__(self):
        if len(self.tokens) != len(self.weights):
            raise ValueError(
                f"Each token needs one weight. Received: {len(self.tokens)} tokens, {len(self.weights)} weights"
            )

    def words(self):
        """Puts pieces of words together; in scripts without spaces each token is a word.

        Returns:
            List of pairs: the word, and the sum of its tokens' weights.
        """
        return [(word, weight) for _, word, weight in self._groups()]

    def marked(self, factor=1.5):
        """Writes the text with the words that got most weight in bold.

        Args:
            factor: How many times the mean weight of a word makes it bold.

        Returns:
            Markdown in one line.
        """
        groups = self._groups()
        limit = factor * sum(weight for *_, weight in groups) / max(len(groups), 1)
        shown = [
            (gap, f"**{plain_markdown(word)}**" if weight > limit else plain_markdown(word))
            for gap, word, weight in groups
        ]
        return "".join(gap + word for gap, word in shown).strip()

    def _groups(self):
        """Triples of what stands before a word (a space or nothing), the word and its weight."""
        groups = []
        for token, weight in zip(self.tokens, self.weights, strict=True):
            gap, piece = " " * token.startswith(_SPACE), token.removeprefix(_SPACE)
            goes_on = groups and not gap and not (_is_wide(piece[:1]) or _is_wide(groups[-1][1][-1:]))
            if goes_on:
                before = groups.pop()
                groups.append((before[0], before[1] + piece, before[2] + float(weight)))
            else:
                groups.append((gap, piece, float(weight)))
        return [group for group in groups if group[1]]

    def plot(self, path):
        """Draws the words, each the darker the more weight it has.

        Args:
            path: Picture to write; the suffix gives the format.

        Returns:
            The path.
        """
        from matplotlib import pyplot

        words = self.words()
        highest = max((weight for _, weight in words), default=1.0) or 1.0
        rows, columns = -(-len(words) // _WORDS_A_LINE), max(4, min(len(words), _WORDS_A_LINE))
        with drawing_style():
            size = (12 * columns / _WORDS_A_LINE, 0.9 + 0.75 * max(rows, 1))
            figure, axis = pyplot.subplots(figsize=size, layout="constrained")
            axis.set(xlim=(0, columns), ylim=(max(rows, 1), 0))
            axis.set_axis_off()
            axis.set_title(self.title, loc="left", parse_math=False)
            for place, (word, weight) in enumerate(words):
                row, column = divmod(place, _WORDS_A_LINE)
                share = weight / highest
                axis.add_patch(pyplot.Rectangle((column, row), 0.96, 0.92, color=pyplot.cm.Oranges(0.85 * share)))
                ink = {"ha": "center", "parse_math": False, "clip_on": True}
                ink["color"] = "white" if share > 0.6 else "black"
                axis.text(column + 0.48, row + 0.45, _shortened(word), fontsize=10, **ink)
                axis.text(column + 0.48, row + 0.8, f"{weight:.2f}", fontsize=7, **ink)
            figure.savefig(path, dpi=120)
            pyplot.close(figure)
        return Path(path)

    def plot_all(self, folder):
        """Draws the picture into a folder.

        Args:
            folder: Folder for `attention.png`; made if missing.

        Returns:
            List of the picture's path.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        return [self.plot(folder / "attention.png")]


def _is_wide(letter):
    """Whether a letter is of a script that writes no spaces: Chinese, Japanese."""
    return bool(letter) and unicodedata.east_asian_width(letter) in "WF"


def _shortened(word, width=13):
    return word if len(word) <= width else word[: width - 1] + "…"


def plain_markdown(word):
    """Writes a word so that its signs mean nothing in Markdown or a table of it.

    Args:
        word: The word.

    Returns:
        Markdown.

    Example:
        >>> from keras_attn.explain.token_weights import plain_markdown
        >>> print(plain_markdown("a*b"))
        a\\*b
    """
    return "".join(f"\\{sign}" if sign in r"\`*_{}[]<>()#+!|~" else sign for sign in word)
