"""The demo's dates: every locale and script, no text twice, splits apart, no tag only where none is needed."""

import datetime
import itertools
import re
import time
import unicodedata

import pytest

from keras_attn.data import date_pairs, dates
from keras_attn.data.dates import split_of
from keras_attn.data.locale_dates import LOCALES
from tests.data.date_cases import sample, untagged, without_tag


def test_locales_and_scripts():
    assert len(set(LOCALES)) == len(LOCALES) >= 24
    letters = {character for pair in sample() for character in without_tag(pair) if character.isalpha()}
    scripts = {unicodedata.name(character).split()[0] for character in letters}
    expected = {"LATIN", "GREEK", "CYRILLIC", "DEVANAGARI", "THAI", "ARABIC", "HEBREW", "CJK", "HANGUL"}
    assert expected <= scripts
    assert {pair.locale for pair in sample()} == set(LOCALES)


def test_conflicting_names_keep_their_tag():
    pattern = r"(?i)^\W*(?:\[(pl_PL|hr_HR)\])?\W*(0?[1-9]|[12]\d|30)\W*(lip|listopada)\W*\d{4}\W*$"
    conflicting = [match for pair in sample() if (match := re.search(pattern, pair.text))]
    assert {match[1] for match in conflicting} == {"pl_PL", "hr_HR"}


def test_same_seed_same_pairs_and_no_text_twice():
    pairs = date_pairs(2000, seed=3)
    assert pairs == date_pairs(2000, seed=3)
    assert pairs != date_pairs(2000, seed=4)
    assert pairs[:100] == date_pairs(100, seed=3)
    assert len({pair.text for pair in sample()}) == len(sample()) == 30_000
    assert date_pairs(0, seed=3) == []


def test_splits_share_no_date_and_no_text():
    test, validation = date_pairs(2000, seed=0, split="test"), date_pairs(2000, seed=0, split="validation")
    assert len({pair.iso for pair in test}) == 2000
    for split, pairs in [("train", sample()), ("test", test), ("validation", validation)]:
        assert {split_of(datetime.date.fromisoformat(pair.iso)) for pair in pairs} == {split}
    for one, other in itertools.combinations((sample(), test, validation), 2):
        assert not {pair.iso for pair in one} & {pair.iso for pair in other}
        assert not {pair.text for pair in one} & {pair.text for pair in other}


def test_tag_is_the_locale_and_most_readable_texts_go_without():
    tagged = [pair for pair in sample() if "[" in pair.text]
    assert all(pair.text.strip().startswith(f"[{pair.locale}]") for pair in tagged)
    assert 0.3 < len(untagged()) / len(sample()) < 0.6
    assert {pair.locale for pair in untagged()} == set(LOCALES)


def test_unknown_split_names_the_nearest():
    with pytest.raises(ValueError, match=r"did you mean 'train'\? Received: split='trian'"):
        date_pairs(1, seed=0, split="trian")


def test_impossible_counts(monkeypatch):
    with pytest.raises(ValueError, match="Received: count=-1"):
        date_pairs(-1, seed=0)
    monkeypatch.setattr(dates, "_dates_of", lambda split: (datetime.date(2021, 3, 5),))
    with pytest.raises(ValueError, match=r"ask for fewer pairs\. Received: count=100000"):
        date_pairs(100_000, seed=0)


def test_a_hundred_thousand_pairs_take_seconds():
    start = time.process_time()
    date_pairs(10_000, seed=11)
    assert time.process_time() - start < 5
