"""Divisions of words with merges left out, against all that can happen, by hand."""

from collections import Counter

import pytest

from keras_attn.text.bpe_dropout import draw_divisions

IDS = {"▁": 4, "a": 5, "b": 6, "c": 7, "ab": 8, "bc": 9, "▁ab": 10}
SCORES = {"ab": -1.0, "bc": -2.0, "▁ab": -3.0}


def divisions(text, dropout, count=1, seed=1):
    ids, sizes = draw_divisions([text], SCORES, IDS, 3, dropout, count, seed)
    assert ids.dtype == "int32" and len(sizes) == count
    rows = iter(ids.tolist())
    return [tuple(next(rows) for _ in range(size)) for size in sizes]


def test_all_merges():
    assert divisions("▁abc▁bcab", 0.0) == [(10, 7, 4, 9, 8)]
    assert divisions("", 0.0) == [()]
    assert divisions("▁xxa", 0.0) == [(4, 3, 5)]  # one id for a run of unknown characters


def test_each_outcome_comes_with_its_probability():
    """Of "▁abc": first a+b or not; then ▁+ab, or b+c."""
    p, count = 0.3, 64
    seen = Counter(divisions("▁abc", p, 1, seed)[0] for seed in range(2000))
    expected = {(10, 7): (1 - p) ** 2, (4, 8, 7): (1 - p) * p, (4, 5, 9): p * (1 - p), (4, 5, 6, 7): p * p}
    assert seen.keys() == expected.keys()
    for division, share in expected.items():
        assert seen[division] / 2000 == pytest.approx(share, abs=4.5 * (share * (1 - share) / 2000) ** 0.5)
    assert len(set(divisions("▁abc", p, count))) == 4  # the places draw apart


def test_texts_come_whole_and_in_order():
    ids, sizes = draw_divisions(["▁ab", "", "▁bc▁ab"], SCORES, IDS, 3, 0.0, 2, 1)
    assert sizes.tolist() == [1, 0, 3] * 2 and ids.tolist() == [10, 4, 9, 10] * 2
