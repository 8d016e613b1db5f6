"""From what a person tells a search, in texts, to a strategy and constraints, in tokens."""

from typing import NamedTuple

from keras_attn.decoding import (
    BannedPhrases,
    Beam,
    Greedy,
    MinLength,
    NoRepeatNgrams,
    RepetitionPenalty,
    RequiredPhrases,
    Sample,
)
from keras_attn.text import PADDING_ID, START_ID, UNKNOWN_ID

_NO_TEXT = [[PADDING_ID], [START_ID], [UNKNOWN_ID]]


class SearchPlan(NamedTuple):
    """A search as `Translator.find` runs it.

    Args:
        strategy: A strategy of `keras_attn.decoding`.
        num_results: Results R to give, of those that the strategy finds.
        constraints: Constraints, but for the prefix.
        extra_length: Tokens that a result may be longer than one without constraints.
        min_length: Fewest tokens of a result.
        max_length: Most tokens of a result, or None.
        coverage_penalty: Weight of the coverage penalty, by which results are ranked again.
    """

    strategy: object
    num_results: int = 1
    constraints: tuple = ()
    extra_length: int = 0
    min_length: int = 0
    max_length: int | None = None
    coverage_penalty: float = 0.0


def make_plan(options, settings, tokenizer):
    """Plans a search. Where it has constraints, pieces that are no text, such as unknown, are banned as well.

    Args:
        options: `SearchOptions`.
        settings: `TranslationSettings`; its `beam_size`, `length_penalty` and `max_length` count.
        tokenizer: The tokenizer.

    Returns:
        A `SearchPlan`.

    Raises:
        ValueError: If the options contradict each other or the model's maximum length, or the vocabulary cannot write
            what is asked for.
    """
    required = [_writable(tokenizer, "require", text) for text in options.require]
    prefixes = (options.prefix,) if isinstance(options.prefix, str) else options.prefix
    prefix = max((_writable(tokenizer, "prefix", text) for text in prefixes if text), key=len, default=[])
    _check_room(options, settings, len(prefix), sum(map(len, required)))
    banned = [ids for text in options.ban if UNKNOWN_ID not in (ids := _tokens(tokenizer, text))]
    for text, ids in zip(options.require, required, strict=True):
        _check_allowed(options, text, ids, banned)
    constraints = [
        *([RepetitionPenalty(options.repetition_penalty)] if options.repetition_penalty > 1 else []),
        *([NoRepeatNgrams(options.no_repeat_ngram)] if options.no_repeat_ngram else []),
        *([MinLength(options.min_length)] if options.min_length else []),
        *([RequiredPhrases(required, rivals=not options.sample)] if required else []),
    ]
    if constraints or banned or prefix or options.sample:
        # A model that cannot write what it wants would soon write pieces that are no text.
        constraints.insert(0, BannedPhrases([*_NO_TEXT, *banned]))
    return SearchPlan(
        strategy=_strategy(options, settings),
        num_results=options.num_results,
        constraints=tuple(constraints),
        extra_length=sum(map(len, required)),
        min_length=options.min_length,
        max_length=options.max_length,
        coverage_penalty=options.coverage_penalty,
    )


def _strategy(options, settings):
    length_penalty = settings.length_penalty if options.length_penalty is None else options.length_penalty
    if options.sample:
        drawing = {name: getattr(options, name) for name in ("temperature", "top_k", "top_p", "min_p", "seed")}
        return Sample(**drawing, num_results=options.num_results, length_penalty=length_penalty)
    beam_size = options.beam_size or max(settings.beam_size, options.num_results)
    if beam_size == 1:
        return Greedy(length_penalty)
    num_results = beam_size if options.coverage_penalty else options.num_results
    return Beam(beam_size, length_penalty, num_results, options.exact)


def _tokens(tokenizer, text):
    return tokenizer.tokenize([text]).to_list()[0]


def _writable(tokenizer, name, text):
    ids = _tokens(tokenizer, text)
    if not ids or UNKNOWN_ID in ids:
        raise ValueError(
            f"`{name}` must be text that the model's vocabulary can write, in the characters of its training. "
            f"Received: {name}={text!r}"
        )
    return ids


def _check_room(options, settings, prefix, required):
    """Raises an error where what has to be written is longer than what may be written."""
    given = options.max_length
    if given is not None and given > settings.max_length:
        raise ValueError(
            f"`max_length` must be at most the run's, {settings.max_length}: train with a larger one. "
            f"Received: max_length={given}"
        )
    most = given or settings.max_length
    if max(prefix + required, options.min_length) > most:
        raise ValueError(
            f"An answer has at most {most} tokens: ask for less of it"
            f"{'' if given is None else ', or raise `max_length`'}. Received: prefix of {prefix} tokens, "
            f"require of {required} tokens, min_length={options.min_length}"
        )


def _check_allowed(options, text, ids, banned):
    """Raises an error where another option forbids what is required."""
    size = options.no_repeat_ngram
    grams = [] if size is None else [tuple(ids[i : i + size]) for i in range(len(ids) - size + 1)]
    if len(set(grams)) < len(grams):
        raise ValueError(
            f"What is required repeats {size} tokens itself: raise `no_repeat_ngram`. "
            f"Received: require={text!r}, no_repeat_ngram={size}"
        )
    if any(ids[i : i + len(phrase)] == phrase for phrase in banned for i in range(len(ids))):
        raise ValueError(
            "What is required must not hold what is banned, here as the vocabulary splits them: leave out one of "
            f"them. Received: require={text!r}, ban={options.ban!r}"
        )
