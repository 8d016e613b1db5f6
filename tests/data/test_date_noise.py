"""Noise of every kind, which keeps names and numbers as they are."""

import datetime
import re

import pytest
from babel.dates import format_date

from keras_attn.data.locale_dates import LOCALES, patterns
from tests.data.date_cases import latin, pieces, sample, without_tag


@pytest.mark.parametrize("locale", LOCALES)
def test_noise_leaves_names_and_numbers_as_babel_writes_them(locale):
    for pair in (pair for pair in sample()[:5000] if pair.locale == locale):
        date = datetime.date.fromisoformat(pair.iso)
        assert pieces(without_tag(pair)) in {
            pieces(format_date(date, pattern, locale)) for pattern in patterns(locale)
        }, pair


def test_noise_of_every_kind_occurs():
    texts = [pair.text for pair in sample()]
    for kind in (
        r"^ ",
        r" $",
        r"\w  \w",
        r"\d(st|nd|rd|th)\b",
        r"\b1er ",
        r"\[it_IT\] 0\d \w+ \d{4}$",
        r"\[de_DE\] \d+/\d+/",
        r"\[en_US\] \d+-\d+-",
        r"[A-Z]{3,} \d",
        r"^[a-z]+day,? ",
        r"^[A-Z][a-z]+ \d+ \d{4}$",
        r"[٠-٩]{4}",
        r"[०-९]{4}",
        r"[๐-๙]{4}",
        r"ar_EG\] \d\d?\b.*\d{4}",
    ):
        assert any(re.search(kind, text, re.ASCII) for text in texts), kind


def test_ordinal_endings_are_right():
    endings = dict.fromkeys(range(1, 32), "th") | {1: "st", 2: "nd", 3: "rd", 21: "st", 22: "nd", 23: "rd", 31: "st"}
    texts = [pair.text.lower() for pair in sample() if pair.locale in ("en_US", "en_GB")]
    matches = [match for text in texts for match in re.findall(r"(\d+)(st|nd|rd|th)(?![a-z])", text)]
    found = {(int(day), ending) for day, ending in matches}
    assert found == set(endings.items())


def test_no_dot_dangles_after_other_separators():
    assert not [pair for pair in sample() if re.search(r"\d ?[/-] ?\d+\.", latin(pair.text))]
