"""Which dates a text may mean that does not say which country wrote it.

In layouts the letters D, M, Y and T stand for the day, the month, the year and the two-digit year; plain text is in
small letters, so they can't be mistaken for it.
"""

import datetime
import functools
import itertools
import re
import unicodedata
from collections.abc import Iterator

from keras_attn.data.locale_dates import LOCALES, NUMERIC, ORDINALS, Token, is_month_name, names_of, token_patterns

PIVOT = 50
FIRST_DATE = datetime.date(1950, 1, 1)
LAST_DATE = datetime.date(2049, 12, 31)

_FIELD_WIDTHS = {"D": (1, 2), "M": (1, 2), "Y": (4,), "T": (2,)}
_FIELD_LETTERS = {"d": "D", "dd": "D", "M": "M", "MM": "M", "y": "Y", "yy": "T"}
_Layouts = dict[str, set[tuple[int, tuple[str, ...]]]]


def readings(text: str) -> frozenset[datetime.date]:
    """Find every date that some locale could have meant by a text without a tag.

    Compared are letters and digits only; case, spaces, punctuation, accents and leading zeros do not count. A text
    is held against all patterns of all locales, with every name of a month and a weekday, with English and French
    ordinals, and its digits are cut in every way that fits. Weekdays are not used to rule a date out. So the answer
    may hold a date too many, but lacks none: with one reading, the text alone decides.

    Args:
        text: A date as written, without tag.

    Returns:
        The possible dates; empty for a text that no pattern gives.

    Example:
        >>> sorted(date.isoformat() for date in readings("5 Lip 2021"))
        ['2021-06-05', '2021-07-05']
        >>> [date.isoformat() for date in readings("5. märz 2021")]
        ['2021-03-05']
    """
    plain = _plain(text)
    runs = re.findall("[0-9]+", plain)
    return frozenset(
        date
        for month, layout in _layouts().get(re.sub("[0-9]+", "0", plain), ())
        for cuts in itertools.product(*map(_cuts, runs, layout))
        if (date := _date({"M": month} | {field: value for cut in cuts for field, value in cut}))
    )


class _PlainCharacters(dict):
    """Translation table: letters and marks stay, digits become Latin, everything else and accents go."""

    def __missing__(self, codepoint: int) -> str:
        character = chr(codepoint)
        kind = unicodedata.category(character)[0]
        plain = character if kind in "LM" and not 0x300 <= codepoint <= 0x36F else ""
        self[codepoint] = str(unicodedata.decimal(character, plain))
        return self[codepoint]


_PLAIN_CHARACTERS = _PlainCharacters({ord("ı"): "i"})


def _plain(text: str) -> str:
    """Reduce a text to its letters and digits."""
    return unicodedata.normalize("NFKD", text.casefold()).translate(_PLAIN_CHARACTERS)


@functools.cache
def _layouts() -> _Layouts:
    """Index all that can be written: letters of the text -> months (0: in figures) and what its numbers may be."""
    index: _Layouts = {}
    for locale in LOCALES:
        for tokens in token_patterns(locale):
            for month, plain in _plain_forms(tokens, locale):
                runs = tuple(re.findall("[0-9DMYT]+", plain))
                index.setdefault(re.sub("[0-9DMYT]+", "0", plain), set()).add((month, runs))
    return index


def _plain_forms(tokens: tuple[Token, ...], locale: str) -> Iterator[tuple[int, str]]:
    """Write a pattern with every name of a month and a weekday, and letters in place of its numbers."""
    is_named = any(map(is_month_name, tokens))
    choices = []
    for token in tokens:
        if not token.is_field:
            choices.append([(0, _plain(token.value))])
        elif token.value in NUMERIC:
            letter = _FIELD_LETTERS[token.value]
            endings = ("", *ORDINALS.get(locale, ())) if letter == "D" and is_named else ("",)
            choices.append([(0, letter + ending) for ending in endings])
        else:
            names = map(_plain, names_of(locale, token.value))
            is_month = is_month_name(token)
            choices.append([(number if is_month else 0, name) for number, name in enumerate(names, start=1)])
    for parts in itertools.product(*choices):
        yield sum(month for month, _ in parts), "".join(part for _, part in parts)


@functools.lru_cache(maxsize=2**16)
def _cuts(digits: str, fields: str) -> tuple[tuple[tuple[str, int], ...], ...]:
    """Cut a run of digits into the fields of a layout, in every way that fits; a digit in a layout is itself."""
    if not fields:
        return ((),) if not digits else ()
    field, rest = fields[0], fields[1:]
    if field in "0123456789":
        return _cuts(digits[1:], rest) if digits[:1] == field else ()
    return tuple(
        ((field, int(digits[:width])), *cut)
        for width in _FIELD_WIDTHS[field]
        if len(digits) >= width
        for cut in _cuts(digits[width:], rest)
    )


def _date(fields: dict[str, int]) -> datetime.date | None:
    """The date with these fields, if there is one in the calendar between the first and the last."""
    year = fields["Y"] if "Y" in fields else fields["T"] + (2000 if fields["T"] < PIVOT else 1900)
    try:
        date = datetime.date(year, fields["M"], fields["D"])
    except ValueError:
        return None
    return date if FIRST_DATE <= date <= LAST_DATE else None
