"""Search for the best output ids: one loop, strategies that say what one step does, rules of what may be written."""

from keras_attn.decoding.constraints import (
    BannedPhrases,
    ForcedPrefix,
    MinLength,
    NoRepeatNgrams,
    RepetitionPenalty,
    RequiredPhrases,
)
from keras_attn.decoding.coverage import coverage_penalty
from keras_attn.decoding.ctc import ctc_search
from keras_attn.decoding.sampling import Sample
from keras_attn.decoding.search import Constraint, SearchBounds, SearchResult, Strategy, search
from keras_attn.decoding.shortlist import Shortlist
from keras_attn.decoding.strategies import Beam, Greedy

__all__ = [
    "BannedPhrases",
    "Beam",
    "Constraint",
    "ForcedPrefix",
    "Greedy",
    "MinLength",
    "NoRepeatNgrams",
    "RepetitionPenalty",
    "RequiredPhrases",
    "Sample",
    "SearchBounds",
    "SearchResult",
    "Shortlist",
    "Strategy",
    "coverage_penalty",
    "ctc_search",
    "search",
]
