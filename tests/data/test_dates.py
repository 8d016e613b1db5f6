"""The demo's dates: written as Babel writes them, noise that keeps the meaning, no tag only where none is needed."""

import datetime
import functools
import itertools
import random
import re
import time
import unicodedata

import pytest
from babel import Locale
from babel.dates import format_date, format_skeleton

from keras_attn.data import dates
from keras_attn.data.dates import LOCALES, PIVOT, DatePair, date_pairs, patterns, readings, split_of, write_date

ALL_DATES = [datetime.date(1950, 1, 1) + datetime.timedelta(day) for day in range(36525)]
ORDINAL_ENDING = re.compile(r"(?<=[0-9])(st|nd|rd|th|er)(?![^\W\d_])", re.IGNORECASE)


@functools.cache
def sample() -> list[DatePair]:
    return date_pairs(30_000, seed=7)


def untagged() -> list[DatePair]:
    return [pair for pair in sample() if "[" not in pair.text]


def without_tag(pair: DatePair) -> str:
    return pair.text.strip().removeprefix(f"[{pair.locale}]").strip()


def latin(text: str) -> str:
    """Digits of all scripts as 0-9."""
    return "".join(str(unicodedata.decimal(character, character)) for character in text)


def pieces(text: str) -> tuple[str | int, ...]:
    """Independent of the package: letters and numbers in turn; no case, accents, zeros or ordinal endings."""
    text = ORDINAL_ENDING.sub(" ", latin(text))
    text = unicodedata.normalize("NFD", text.replace("İ", "i").replace("ı", "i").lower().replace("ς", "σ"))
    text = re.sub("[\u0301\u0307]", "", text)
    groups = itertools.groupby(text, key=lambda character: unicodedata.category(character)[0].replace("M", "L"))
    result: list[str | int] = []
    for kind, characters in groups:
        piece = "".join(characters)
        if kind == "L" and result and isinstance(result[-1], str):
            result[-1] += piece
        elif kind in "LN":
            result.append(piece if kind == "L" else int(piece))
    return tuple(result)


def reduced(text: str) -> str:
    """The letters and numbers without anything between them."""
    return "".join(map(str, pieces(text)))


@functools.cache
def numeric_orders() -> frozenset[tuple[str, str, str]]:
    """The orders of d, M, y and yy in all CLDR patterns in figures, read off without the package's parser."""
    orders = set()
    for locale in LOCALES:
        for pattern in patterns(locale):
            if not re.search("[EcML]{3}|E|L|G", pattern):
                fields = re.findall("d+|M+|y+", re.sub("'[^']*'", "", pattern))
                orders.add(tuple("yy" if field == "yy" else field[0] for field in fields))
    return frozenset(orders)


@pytest.mark.parametrize("locale", LOCALES)
def test_writes_what_babel_writes(locale):
    chance = random.Random(locale)
    some = [*chance.sample(ALL_DATES, 12), *(datetime.date(2009, month, 28) for month in range(1, 13))]
    for date in some:
        for width in ("short", "medium", "long", "full"):
            pattern = Locale.parse(locale).date_formats[width].pattern
            assert pattern in patterns(locale)
            assert write_date(date, locale, pattern) == format_date(date, width, locale)
        for pattern in patterns(locale):
            assert write_date(date, locale, pattern) == format_date(date, pattern, locale)
        for skeleton in ("yMd", "yMMMd", "yMMMEd", "yMEd"):
            assert format_skeleton(skeleton, date, locale=locale) in {
                write_date(date, locale, pattern) for pattern in patterns(locale)
            }


def test_locales_and_scripts():
    assert len(set(LOCALES)) == len(LOCALES) >= 24
    letters = {character for pair in sample() for character in without_tag(pair) if character.isalpha()}
    scripts = {unicodedata.name(character).split()[0] for character in letters}
    expected = {"LATIN", "GREEK", "CYRILLIC", "DEVANAGARI", "THAI", "ARABIC", "HEBREW", "CJK", "HANGUL"}
    assert expected <= scripts
    assert {pair.locale for pair in sample()} == set(LOCALES)


@pytest.mark.parametrize("locale", LOCALES)
def test_noise_leaves_names_and_numbers_as_babel_writes_them(locale):
    for pair in (pair for pair in sample()[:5000] if pair.locale == locale):
        date = datetime.date.fromisoformat(pair.iso)
        assert pieces(without_tag(pair)) in {
            pieces(format_date(date, pattern, locale)) for pattern in patterns(locale)
        }, pair


@pytest.mark.parametrize("locale", LOCALES)
def test_text_with_tag_has_one_meaning(locale):
    """Small days, months and years, so that any confusion of their order shows."""
    meanings: dict[tuple, datetime.date] = {}
    for year, month, day in itertools.product(range(2001, 2006), range(1, 6), range(1, 6)):
        date = datetime.date(year, month, day)
        for pattern in patterns(locale):
            assert meanings.setdefault(pieces(write_date(date, locale, pattern)), date) == date, pattern


def test_text_without_tag_in_figures_has_one_meaning():
    """Brute force over all dates, orders and widths of the numbers."""
    texts = [pair for pair in untagged() if not re.search(r"[^\W\d_]", pair.text)]
    assert len(texts) > 300
    assert numeric_orders() == {
        tuple(order.split()) for order in ("d M y", "d M yy", "M d y", "M d yy", "y M d", "yy M d")
    }
    meanings: dict[str, set[datetime.date]] = {}
    wanted = {re.sub("[^0-9]", "", latin(pair.text)) for pair in texts}
    for date, order in itertools.product(ALL_DATES, numeric_orders()):
        forms = {"d": {f"{date.day}", f"{date.day:02}"}, "M": {f"{date.month}", f"{date.month:02}"}}
        forms |= {"y": {f"{date.year}"}, "yy": {f"{date.year % 100:02}"}}
        for parts in itertools.product(*(forms[field] for field in order)):
            if (digits := "".join(parts)) in wanted:
                meanings.setdefault(digits, set()).add(date)
    for pair in texts:
        digits = re.sub("[^0-9]", "", latin(pair.text))
        assert meanings[digits] == {datetime.date.fromisoformat(pair.iso)}, pair


def test_text_without_tag_with_names_has_one_meaning():
    """Brute force over every pattern of every locale, written by Babel, for all days of one year."""
    texts = [pair for pair in untagged() if re.search(r"[^\W\d_]", pair.text) and pair.iso[:4] == "2011"]
    assert len(texts) > 60
    meanings: dict[str, set[datetime.date]] = {}
    wanted = {reduced(pair.text) for pair in texts}
    for locale in LOCALES:
        for pattern, day in itertools.product(patterns(locale), range(365)):
            date = datetime.date(2011, 1, 1) + datetime.timedelta(day)
            if (form := reduced(write_date(date, locale, pattern))) in wanted:
                meanings.setdefault(form, set()).add(date)
    for pair in texts:
        assert meanings[reduced(pair.text)] == {datetime.date.fromisoformat(pair.iso)}, pair


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5 March 2021", {"2021-03-05"}),
        ("MARCH 5TH 2021", {"2021-03-05"}),
        ("1er mars 2021", {"2021-03-01"}),
        ("2021-03-05", {"2021-03-05"}),
        ("٥ مارس ٢٠٢١", {"2021-03-05"}),
        ("5 THG 3, 2021", {"2021-03-05"}),
        ("2021년 3월 5일 금요일", {"2021-03-05"}),
        ("1 NİSAN 2021", {"2021-04-01"}),
        ("5 ΜΑΡΤΙΟΥ 2021", {"2021-03-05"}),
        ("5/3/2021", {"2021-03-05", "2021-05-03"}),
        ("25.12.2021", {"2021-12-25"}),
        ("5 listopada 2021", {"2021-10-05", "2021-11-05"}),
        ("5 lip 2021", {"2021-06-05", "2021-07-05"}),
        ("2011-3-5", {"2011-03-05", "2035-11-20"}),
        ("mar, 1/2/2021", {"2021-02-01", "2021-03-12"}),
        ("5 March 1949", set()),
        ("30 February 2021", set()),
        ("hello", set()),
    ],
)
def test_readings(text, expected):
    assert {date.isoformat() for date in readings(text)} == expected


def test_conflicting_names_keep_their_tag():
    pattern = r"(?i)^\W*(?:\[(pl_PL|hr_HR)\])?\W*(0?[1-9]|[12]\d|30)\W*(lip|listopada)\W*\d{4}\W*$"
    conflicting = [match for pair in sample() if (match := re.search(pattern, pair.text))]
    assert {match[1] for match in conflicting} == {"pl_PL", "hr_HR"}


def test_pivot():
    assert PIVOT == 50
    for year, written in [(1950, "50"), (1999, "99"), (2000, "00"), (2049, "49")]:
        date = datetime.date(year, 12, 31)
        assert write_date(date, "en_US", "M/d/yy") == f"12/31/{written}"
        assert {reading.year for reading in readings(f"12/31/{written}")} >= {year}
    years = [int(pair.iso[:4]) for pair in sample()]
    assert (min(years), max(years)) == (1950, 2049)


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
