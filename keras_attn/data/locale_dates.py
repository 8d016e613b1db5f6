"""How people in many countries write dates: the patterns of CLDR, through Babel, and dates written by them."""

import datetime
import functools
import re
from typing import NamedTuple

from babel import Locale
from babel.dates import get_day_names, get_era_names, get_month_names, tokenize_pattern

# fmt: off
LOCALES: tuple[str, ...] = (
    "en_US", "en_GB", "de_DE", "fr_FR", "es_ES", "it_IT", "pt_BR", "nl_NL", "pl_PL", "cs_CZ", "hr_HR", "sv_SE",
    "fi_FI", "tr_TR", "vi_VN", "el_GR", "ru_RU", "uk_UA", "bg_BG", "hi_IN", "th_TH", "ar_EG", "he_IL",
    "zh_CN", "ja_JP", "ko_KR",
)
# fmt: on
NUMERIC = {"d", "dd", "M", "MM", "y", "yy"}  # fields that are written in figures
ORDINALS = {"en_US": ("st", "nd", "rd", "th"), "en_GB": ("st", "nd", "rd", "th"), "fr_FR": ("er",)}

_WIDTHS = {3: "abbreviated", 4: "wide"}
_SKELETONS = ("yMMMd", "yMMMEd", "yMd", "yMEd", "yMMMMd", "yMMMMEd")
_ALSO_WRITTEN = {
    "en_US": ("d MMMM y", "d MMM y", "EEEE, d MMMM y"),
    "en_GB": ("MMMM d, y", "MMM d, y", "EEEE, MMMM d, y"),
}


class Token(NamedTuple):
    """A piece of a pattern.

    Attributes:
        is_field: Whether it stands for a part of the date, rather than for itself.
        value: A CLDR field such as `MMM`, or literal text.
    """

    is_field: bool
    value: str


def patterns(locale: str) -> tuple[str, ...]:
    """List the CLDR date patterns that a locale's dates are written in.

    They are its short, medium, long and full formats; its available formats of a whole date, with and without
    weekday; its short format with a two-digit year; ISO 8601; and for English the other order of day and month.

    Args:
        locale: One of `LOCALES`.

    Returns:
        The different patterns, in CLDR's notation.

    Example:
        >>> patterns("de_DE")[:4]
        ('dd.MM.yy', 'dd.MM.y', 'd. MMMM y', 'EEEE, d. MMMM y')
    """
    data = Locale.parse(locale)
    formats = data.date_formats
    found = [formats[width].pattern for width in ("short", "medium", "long", "full")]
    found += [data.datetime_skeletons[name].pattern for name in _SKELETONS if name in data.datetime_skeletons]
    found += [re.sub("y+", "yy", found[0]), "y-MM-dd", *_ALSO_WRITTEN.get(locale, ())]
    return tuple(dict.fromkeys(found))


@functools.cache
def token_patterns(locale: str) -> tuple[tuple[Token, ...], ...]:
    """Give the patterns of a locale, taken apart.

    Args:
        locale: One of `LOCALES`.

    Returns:
        For each of `patterns(locale)` its tokens.
    """
    return tuple(_tokens(pattern) for pattern in patterns(locale))


def write_date(date: datetime.date, locale: str, pattern: str) -> str:
    """Write a date without noise: what Babel's `format_date` gives, many times faster.

    Args:
        date: The date.
        locale: One of `LOCALES`.
        pattern: One of `patterns(locale)`, or another CLDR pattern of the fields `d M y G E c`.

    Returns:
        The date in Latin digits.

    Example:
        >>> write_date(datetime.date(2021, 3, 5), "fr_FR", "EEEE d MMMM y")
        'vendredi 5 mars 2021'
    """
    return "".join(written(token, date, locale) for token in _tokens(pattern))


def written(token: Token, date: datetime.date, locale: str) -> str:
    """Write one token of a pattern.

    Args:
        token: The token.
        date: The date.
        locale: One of `LOCALES`.

    Returns:
        Its text, figures in Latin digits.
    """
    is_field, value = token
    if not is_field:
        return value
    if value in NUMERIC:
        number = {"d": date.day, "M": date.month, "y": date.year}[value[0]]
        return f"{number % 100:02}" if value == "yy" else f"{number:0{len(value)}}"
    index = {"M": date.month - 1, "L": date.month - 1, "E": date.weekday(), "c": date.weekday(), "G": 0}[value[0]]
    return names_of(locale, value)[index]


def is_month_name(token: Token) -> bool:
    """Tell whether a token is the month as a word.

    Args:
        token: The token.

    Returns:
        Whether it is.
    """
    return token.is_field and token.value[0] in "ML" and token.value not in NUMERIC


@functools.cache
def names_of(locale: str, field: str) -> tuple[str, ...]:
    """List the names that a field may have.

    Args:
        locale: One of `LOCALES`.
        field: A CLDR field that is written as a word, such as `MMM`.

    Returns:
        12 months, 7 weekdays from Monday, or the one era.
    """
    context = "stand-alone" if field[0] in "Lc" else "format"
    width = _WIDTHS[max(3, len(field))]
    if field[0] in "ML":
        names = get_month_names(width, context, locale)
        return tuple(names[month] for month in range(1, 13))
    if field[0] in "Ec":
        names = get_day_names(width, context, locale)
        return tuple(names[weekday] for weekday in range(7))
    return (get_era_names(width, locale)[1],)


@functools.cache
def _tokens(pattern: str) -> tuple[Token, ...]:
    """Take a CLDR pattern apart."""
    return tuple(
        Token(True, value[0] * value[1]) if kind == "field" else Token(False, value)
        for kind, value in tokenize_pattern(pattern)
    )
