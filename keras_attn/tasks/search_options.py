"""What a search can be told: one dataclass names, types, documents and checks it, for Python and the command line."""

import dataclasses
from typing import Literal

from keras_attn.tasks.settings import check_range, make_settings

_OF_SAMPLES = ("temperature", "top_k", "top_p", "min_p", "seed")


@dataclasses.dataclass(frozen=True)
class SearchOptions:
    """How answers are searched for; see docs/decoding.md for what each option does.

    Args:
        beam_size: Hypotheses of the search, 1 is greedy; the run's setting by default, or the number of answers if
            that is more.
        num_results: Answers a text, best first.
        length_penalty: Power of the length in a score, or average: the mean of a token; the run's setting by default.
        exact: Search on until no other answer can win any more, rather than until as many have ended as the search has
            hypotheses.
        coverage_penalty: Weight of the penalty for source tokens that no token of the answer looks at; 0.2 is usual.
        sample: Draw the tokens by their probabilities instead of searching for the best.
        temperature: Below 1 draws likely tokens more often, above 1 less often.
        top_k: Draw from this many likeliest tokens only.
        top_p: Draw only from the likeliest tokens that have this probability together.
        min_p: Draw only from tokens with at least this share of the likeliest one's probability.
        seed: Seed of the random numbers; the same seed draws the same answer to a text.
        prefix: Text that the answers begin with; in Python also a list, one for each text.
        require: Texts that every answer contains.
        ban: Texts that no answer contains, as the vocabulary splits them.
        no_repeat_ngram: No sequence of this many tokens comes twice in an answer.
        repetition_penalty: Divides the logits of tokens that are in the answer already; 1 is no penalty, 1.2 is usual.
        min_length: Fewest tokens of an answer.
        max_length: Most tokens of an answer, its end counted; by default twice those of the text and ten more.

    Raises:
        ValueError: If a value is out of its range, or two contradict each other.
    """

    beam_size: int | None = None
    num_results: int = 1
    length_penalty: float | Literal["average"] | None = None
    exact: bool = False
    coverage_penalty: float = 0.0
    sample: bool = False
    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None
    seed: int = 0
    prefix: str | tuple[str, ...] = ""
    require: tuple[str, ...] = ()
    ban: tuple[str, ...] = ()
    no_repeat_ngram: int | None = None
    repetition_penalty: float = 1.0
    min_length: int = 0
    max_length: int | None = None

    def __post_init__(self):
        check_range(self, ("beam_size", "num_results", "top_k", "no_repeat_ngram", "max_length"), at_least=1)
        check_range(self, ("repetition_penalty",), at_least=1, below=float("inf"))
        check_range(self, ("coverage_penalty",), at_least=0, below=float("inf"))
        check_range(self, ("min_length",), at_least=0)
        check_range(self, ("temperature",), above=0, below=float("inf"))
        check_range(self, ("top_p",), above=0, at_most=1)
        check_range(self, ("min_p",), at_least=0, at_most=1)
        check_range(self, ("seed",), at_least=-(2**31), below=2**31)
        if self.length_penalty != "average":
            check_range(self, ("length_penalty",), at_least=0, below=float("inf"))
        self._check_strategy()
        for name in ("require", "ban"):
            if not all(text.strip() for text in getattr(self, name)):
                raise ValueError(f"`{name}` must be texts that are not blank. Received: {name}={getattr(self, name)!r}")
        for text in self.require:
            inside = [banned for banned in self.ban if banned in text]
            if inside:
                raise ValueError(
                    "What is required must not hold what is banned: leave out one of them. "
                    f"Received: require={text!r}, ban={inside[0]!r}"
                )
        if self.max_length is not None and self.min_length > self.max_length:
            raise ValueError(
                "`min_length` must be at most `max_length`. "
                f"Received: min_length={self.min_length}, max_length={self.max_length}"
            )

    def _check_strategy(self):
        """Samples know no beam, and what tells how to draw is for samples alone."""
        if self.sample and self.beam_size is not None:
            raise ValueError(
                "Samples are drawn, not searched for with a beam: leave out `beam_size`, or `sample`. "
                f"Received: sample=True, beam_size={self.beam_size}"
            )
        if self.beam_size is not None and self.num_results > self.beam_size:
            raise ValueError(
                "A search gives at most as many answers as it has hypotheses: raise `beam_size` or lower "
                f"`num_results`. Received: beam_size={self.beam_size}, num_results={self.num_results}"
            )
        defaults = {field.name: field.default for field in dataclasses.fields(self)}
        given = [name for name in _OF_SAMPLES if getattr(self, name) != defaults[name]]
        if given and not self.sample:
            raise ValueError(
                f"`{given[0]}` tells how samples are drawn: add `sample`. "
                f"Received: sample=False, {given[0]}={getattr(self, given[0])!r}"
            )


def make_options(**options):
    """Makes the options of a search, and checks them.

    Args:
        **options: Any fields of `SearchOptions`.

    Returns:
        The `SearchOptions`.

    Raises:
        ValueError: If a name is unknown (the nearest one is named), a value is of the wrong type or out of its range,
            or two contradict each other.

    Example:
        >>> from keras_attn.tasks.search_options import make_options
        >>> make_options(require=["Hut"]).require
        ('Hut',)
    """
    return make_settings(SearchOptions, {"": {}}, "", options)
