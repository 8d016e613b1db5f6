"""Dates written as Babel writes them, each with one meaning in its locale."""

import datetime
import itertools
import random

import pytest
from babel import Locale
from babel.dates import format_date, format_skeleton

from keras_attn.data.locale_dates import LOCALES, patterns, write_date
from tests.data.date_cases import pieces

ALL_DATES = [datetime.date(1950, 1, 1) + datetime.timedelta(day) for day in range(36525)]


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


@pytest.mark.parametrize("locale", LOCALES)
def test_text_with_tag_has_one_meaning(locale):
    """Small days, months and years, so that any confusion of their order shows."""
    meanings: dict[tuple, datetime.date] = {}
    for year, month, day in itertools.product(range(2001, 2006), range(1, 6), range(1, 6)):
        date = datetime.date(year, month, day)
        for pattern in patterns(locale):
            assert meanings.setdefault(pieces(write_date(date, locale, pattern)), date) == date, pattern
