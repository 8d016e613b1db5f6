"""BPE-dropout: the words of a text divided into pieces with a random part of the merges left out."""

import itertools
import random
import re

import numpy as np

_WORD = re.compile("▁[^▁]*|[^▁]+")  # no piece reaches over a space, which a word begins with
_DRAWS = 64  # divisions drawn of each distinct word; every place where it stands takes one of them


def draw_divisions(texts, scores, ids, unknown_id, dropout, count, seed):
    """Divides texts into pieces, each text several times.

    From its characters on, the two neighbours of a word whose piece has the highest score are merged, the leftmost of
    equals. With probability `dropout` such a merge is left out instead, until a neighbour of the two is merged.

    Args:
        texts: List of normalized `str` with "▁" in place of spaces.
        scores: Dict of the score of each piece that a merge can make.
        ids: Dict of the id of each piece.
        unknown_id: Id of a run of characters without a piece.
        dropout: Probability of leaving a merge out, in [0, 1).
        count: How many divisions of each text to draw.
        seed: Seed; the same one gives the same divisions.

    Returns:
        Int32 array of ids, and array [count * len(texts)] of how many each division has: all texts divided once, then
        all of them anew, and so on.

    Reference:
        Provilkov, Emelianenko, Voita 2020, "BPE-Dropout: Simple and Effective Subword Regularization", algorithm 1. As
        in SentencePiece, and unlike there, what is left out has no second chance at the next merge.
    """
    words, places, sizes = {}, [], []
    for text in texts:
        found = _WORD.findall(text)
        places += [words.setdefault(word, len(words)) for word in found]
        sizes.append(len(found))
    generator = random.Random(seed)
    drawn = [
        _ids_of(_divided(word, scores, dropout, generator), ids, unknown_id) for word in words for _ in range(_DRAWS)
    ]
    lengths = np.array([len(division) for division in drawn], np.int64)
    starts = np.cumsum(lengths) - lengths
    choice = np.random.default_rng(seed).integers(_DRAWS, size=(count, len(places)))
    chosen = (np.array(places, np.int64) * _DRAWS + choice).ravel()
    ends = np.cumsum(lengths[chosen])
    pieces = np.arange(ends[-1] if len(ends) else 0)
    pieces += np.repeat(starts[chosen] - (ends - lengths[chosen]), lengths[chosen])
    flat = np.array([piece for division in drawn for piece in division], np.int32)
    bounds = np.append(0, ends)[np.append(0, np.cumsum(np.tile(np.array(sizes, np.int64), count)))]
    return flat[pieces], np.diff(bounds)


def _divided(word, scores, dropout, generator):
    """Returns the pieces of one word."""
    pieces = list(word)
    merges = [scores.get(first + second) for first, second in itertools.pairwise(pieces)]
    while possible := [score for score in merges if score is not None]:
        place = merges.index(max(possible))
        if generator.random() < dropout:
            merges[place] = None
            continue
        pieces[place : place + 2] = [pieces[place] + pieces[place + 1]]
        del merges[place]
        for left in (place - 1, place):
            if 0 <= left < len(merges):
                merges[left] = scores.get(pieces[left] + pieces[left + 1])
    return pieces


def _ids_of(pieces, ids, unknown_id):
    """Returns the ids of pieces, one for each run of unknown ones."""
    found = [ids.get(piece, unknown_id) for piece in pieces]
    return [i for i, before in zip(found, [None, *found], strict=False) if not i == before == unknown_id]
