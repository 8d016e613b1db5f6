"""What a text without a tag may mean: by hand, and by brute force over all dates and patterns."""

import datetime
import functools
import itertools
import re

import pytest

from keras_attn.data.date_readings import PIVOT, readings
from keras_attn.data.locale_dates import LOCALES, patterns, write_date
from tests.data.date_cases import latin, reduced, sample, untagged

ALL_DATES = [datetime.date(1950, 1, 1) + datetime.timedelta(day) for day in range(36525)]


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


def test_pivot():
    assert PIVOT == 50
    for year, written in [(1950, "50"), (1999, "99"), (2000, "00"), (2049, "49")]:
        date = datetime.date(year, 12, 31)
        assert write_date(date, "en_US", "M/d/yy") == f"12/31/{written}"
        assert {reading.year for reading in readings(f"12/31/{written}")} >= {year}
    years = [int(pair.iso[:4]) for pair in sample()]
    assert (min(years), max(years)) == (1950, 2049)
