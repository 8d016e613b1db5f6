"""Dates as people in many countries write them, paired with ISO 8601: the data of the project's own demo.

The writings come from CLDR (through Babel): the short, medium, long and full formats of every locale, the day
formats CLDR lists beside them, and ISO 8601 itself, all in the Gregorian calendar. Ordinary noise is added on top.

What a text means is fixed by four rules:

1. **The tag.** `[de_DE] 5. März 2021` is read as that locale writes dates: the tag decides the order of day, month
   and year and the language of the names.
2. **The pivot.** A two-digit year below `PIVOT` (00-49) is 2000-2049, one from `PIVOT` on (50-99) is 1950-1999.
   Every date lies between `FIRST_DATE` and `LAST_DATE`, so that a two-digit year names exactly one of them.
3. **No tag.** A text may stand without its tag only where it has one reading (see `readings`): where no locale
   could have written the same letters and digits, case, spaces and punctuation aside, for another date. `5 lip 2021`
   always keeps its tag (July in Polish, June in Croatian), and so does `5/3/2021`; `5 March 2021` and
   `2021-03-05` need none.
4. **The splits.** A day of the calendar belongs to one split in all locales (see `split_of`), so that no text of
   one split occurs in another, and a test set is made of unseen dates.
"""

import datetime
import difflib
import functools
import hashlib
import itertools
import random
import re
import unicodedata
from collections.abc import Iterator
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
SPLITS: tuple[str, ...] = ("train", "validation", "test")
PIVOT = 50
FIRST_DATE = datetime.date(1950, 1, 1)
LAST_DATE = datetime.date(2049, 12, 31)

_NUMERIC = {"d", "dd", "M", "MM", "y", "yy"}
_WIDTHS = {3: "abbreviated", 4: "wide"}
_SKELETONS = ("yMMMd", "yMMMEd", "yMd", "yMEd", "yMMMMd", "yMMMMEd")
_ALSO_WRITTEN = {
    "en_US": ("d MMMM y", "d MMM y", "EEEE, d MMMM y"),
    "en_GB": ("MMMM d, y", "MMM d, y", "EEEE, MMMM d, y"),
}
# First digit of the locale's own digits, and how often it is used. CLDR's default in Egypt is its own digits.
_NATIVE_DIGITS = {"ar_EG": ("٠", 0.5), "hi_IN": ("०", 0.2), "th_TH": ("๐", 0.2)}
_ORDINALS = {"en_US": ("st", "nd", "rd", "th"), "en_GB": ("st", "nd", "rd", "th"), "fr_FR": ("er",)}


class DatePair(NamedTuple):
    """A written date and what it means.

    Attributes:
        text: The date as written, with noise; led by `[locale]` unless the text alone decides.
        iso: The date in ISO 8601, such as `2021-03-05`.
        locale: The locale that wrote the text, one of `LOCALES`.
    """

    text: str
    iso: str
    locale: str


class _Token(NamedTuple):
    """A piece of a pattern: a CLDR field such as `MMM`, or literal text."""

    is_field: bool
    value: str


def date_pairs(count: int, seed: int, split: str = "train") -> list[DatePair]:
    """Write dates of one split in random locales, formats and noise.

    The days of the split are dealt out like cards, all of them before one comes again: up to the size of the split
    every pair has a date of its own. The same arguments give the same pairs (with the same version of Babel, whose
    CLDR data they come from).

    Args:
        count: How many pairs to make; no text comes twice.
        seed: Seed of the random choices.
        split: `"train"`, `"validation"` or `"test"`: the part of the calendar to draw from (see `split_of`).

    Returns:
        `count` pairs of a text and its ISO 8601 date.

    Raises:
        ValueError: If `count` is negative or more than the split has texts for, or `split` is unknown.

    Example:
        >>> pairs = date_pairs(3, seed=1)
        >>> [len(pair.iso) for pair in pairs]
        [10, 10, 10]
        >>> pairs == date_pairs(3, seed=1)
        True
    """
    if count < 0:
        raise ValueError(f"The number of pairs must be 0 or more. Received: count={count}")
    chance = random.Random(f"{split} {seed}")
    dates = list(_dates_of(split))
    pairs: dict[str, DatePair] = {}
    while len(pairs) < count:
        known = len(pairs)
        chance.shuffle(dates)
        for date in dates:
            if len(pairs) == count:
                break
            locale = chance.choice(LOCALES)
            text = _noisy_text(date, locale, chance)
            pairs.setdefault(text, DatePair(text, date.isoformat(), locale))
        if len(pairs) == known:
            raise ValueError(
                f"After {known} pairs a whole pass over the days of the {split!r} split gave no new text; "
                f"ask for fewer pairs. Received: count={count}"
            )
    return list(pairs.values())


def split_of(date: datetime.date) -> str:
    """Tell which split a day belongs to: a sixteenth of all days each to test and validation, the rest to train.

    A hash of the ISO date decides, so the answer is the same in every run, seed and locale.

    Args:
        date: The day.

    Returns:
        `"train"`, `"validation"` or `"test"`.

    Example:
        >>> split_of(datetime.date(2021, 3, 5))
        'train'
    """
    remainder = hashlib.sha256(date.isoformat().encode()).digest()[0] % 16
    return {0: "test", 1: "validation"}.get(remainder, "train")


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
    return "".join(_written(token, date, locale) for token in _tokens(pattern))


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


@functools.cache
def _dates_of(split: str) -> tuple[datetime.date, ...]:
    """All days of a split, in order."""
    if split not in SPLITS:
        nearest = difflib.get_close_matches(split, SPLITS, n=1, cutoff=0)[0]
        raise ValueError(f"The split must be one of {SPLITS}; did you mean {nearest!r}? Received: split={split!r}")
    days = (LAST_DATE - FIRST_DATE).days + 1
    dates = (FIRST_DATE + datetime.timedelta(day) for day in range(days))
    return tuple(date for date in dates if split_of(date) == split)


# Writing.


@functools.cache
def _tokens(pattern: str) -> tuple[_Token, ...]:
    """Take a CLDR pattern apart."""
    return tuple(
        _Token(True, value[0] * value[1]) if kind == "field" else _Token(False, value)
        for kind, value in tokenize_pattern(pattern)
    )


@functools.cache
def _locale_patterns(locale: str) -> tuple[tuple[_Token, ...], ...]:
    return tuple(_tokens(pattern) for pattern in patterns(locale))


@functools.cache
def _names(locale: str, field: str) -> tuple[str, ...]:
    """The names that a field may have: 12 months, 7 weekdays from Monday, or the era."""
    context = "stand-alone" if field[0] in "Lc" else "format"
    width = _WIDTHS[max(3, len(field))]
    if field[0] in "ML":
        names = get_month_names(width, context, locale)
        return tuple(names[month] for month in range(1, 13))
    if field[0] in "Ec":
        names = get_day_names(width, context, locale)
        return tuple(names[weekday] for weekday in range(7))
    return (get_era_names(width, locale)[1],)


def _written(token: _Token, date: datetime.date, locale: str) -> str:
    """Write one token of a pattern."""
    is_field, value = token
    if not is_field:
        return value
    if value in _NUMERIC:
        number = {"d": date.day, "M": date.month, "y": date.year}[value[0]]
        return f"{number % 100:02}" if value == "yy" else f"{number:0{len(value)}}"
    index = {"M": date.month - 1, "L": date.month - 1, "E": date.weekday(), "c": date.weekday(), "G": 0}[value[0]]
    return _names(locale, value)[index]


def _is_month_name(token: _Token) -> bool:
    return token.is_field and token.value[0] in "ML" and token.value not in _NUMERIC


# Noise: none of it changes the meaning.


def _noisy_text(date: datetime.date, locale: str, chance: random.Random) -> str:
    """Write a date in a random pattern of the locale, with noise and, unless it can do without, with the tag."""
    tokens = chance.choice(_locale_patterns(locale))
    clean = chance.random() < 0.25
    if clean:
        text = "".join(_written(token, date, locale) for token in tokens)
    else:
        text = _noisy_spaces(_noisy_case(_noisy_tokens(tokens, date, locale, chance), locale, chance), chance)
    if locale in _NATIVE_DIGITS:
        zero, frequency = _NATIVE_DIGITS[locale]
        if chance.random() < frequency:
            text = text.translate({ord("0") + digit: chr(ord(zero) + digit) for digit in range(10)})
    if chance.random() < 0.5 and readings(text) == {date}:
        tagged = text
    else:
        tagged = f"[{locale}]{' ' if clean else chance.choice(['', ' ', ' ', ' ', '  '])}{text}"
    if not clean and chance.random() < 0.15:
        tagged = chance.choice([" ", "  ", ""]) + tagged + chance.choice([" ", "  "])
    return tagged


def _noisy_tokens(tokens: tuple[_Token, ...], date: datetime.date, locale: str, chance: random.Random) -> str:
    """Write a date with other zeros, separators and commas, with ordinals and without the dots of abbreviations."""
    is_named = any(map(_is_month_name, tokens))
    is_ordinal = is_named and locale in _ORDINALS and chance.random() < 0.4
    if chance.random() < 0.25:
        tokens = _other_zeros(tokens, chance)
    if not is_named and chance.random() < 0.4:
        tokens = _other_separators(tokens, chance.choice("/-."))
    drops_commas, drops_dots = chance.random() < 0.3, chance.random() < 0.4
    parts = []
    for token in tokens:
        part = _written(token, date, locale)
        if is_ordinal and token.is_field and token.value in ("d", "dd"):
            part = _ordinal(date.day, locale, part)
        if drops_commas and not token.is_field:
            part = re.sub("[,،]", "", part)
        if drops_dots and (token.is_field or is_named):  # Never the dots of 5.3.2021.
            part = part.replace(".", "")
        parts.append(part)
    return "".join(parts)


def _other_zeros(tokens: tuple[_Token, ...], chance: random.Random) -> tuple[_Token, ...]:
    """Write day and month all with, or all without, leading zeros."""
    width = chance.choice([1, 2])
    return tuple(
        _Token(True, value[0] * width) if is_field and value in ("d", "dd", "M", "MM") else _Token(is_field, value)
        for is_field, value in tokens
    )


def _other_separators(tokens: tuple[_Token, ...], separator: str) -> tuple[_Token, ...]:
    """Put `separator` between day, month and year in figures, where the locale has a slash, a dash or a dot."""
    result = list(tokens)
    for index in range(1, len(tokens)):
        before, token = tokens[index - 1 : index + 1]
        follows_number = before.is_field and before.value in _NUMERIC
        if token.is_field or not follows_number:
            continue
        ends = index + 1 == len(tokens) or tokens[index + 1].value not in _NUMERIC
        if ends:
            result[index] = _Token(False, token.value.removeprefix("."))
        elif token.value.strip(" \u200f") in ("/", "-", "."):
            result[index] = _Token(False, separator)
    return tuple(result)


def _ordinal(day: int, locale: str, written: str) -> str:
    """The day with its ordinal ending: 1st, 22nd, 13th; in French on the first alone, 1er."""
    if locale == "fr_FR":
        return "1er" if day == 1 else written
    ending = "th" if day in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")
    return f"{day}{ending}"


def _noisy_case(text: str, locale: str, chance: random.Random) -> str:
    """Write all in capitals or all in small letters, as the language does it."""
    draw = chance.random()
    if draw < 0.12:
        if locale == "tr_TR":
            text = text.replace("i", "İ")
        upper = text.upper()
        if locale == "el_GR":  # Capitals carry no accent, but keep the two dots.
            upper = unicodedata.normalize("NFC", unicodedata.normalize("NFD", upper).replace("\u0301", ""))
        return upper
    if draw < 0.32:
        if locale == "tr_TR":
            text = text.replace("I", "ı").replace("İ", "i")
        return text.lower()
    return text


def _noisy_spaces(text: str, chance: random.Random) -> str:
    """Type plain spaces, double some, leave out some that nothing hangs on, and set some around separators."""
    if chance.random() < 0.7:
        text = text.replace("\u202f", " ").replace("\u200f", "")
    draw = chance.random()
    if draw < 0.1:
        return re.sub(" ", lambda _: chance.choice([" ", "  "]), text)
    if draw < 0.2:
        return "".join(
            character
            for index, character in enumerate(text)
            if character != " " or _needs_space(text[index - 1], text[index + 1 : index + 2])
        )
    if draw < 0.25:
        return re.sub(r"(?<=[0-9])([/.-])(?=[0-9])", r" \1 ", text)
    return text


def _needs_space(before: str, after: str) -> bool:
    """Whether two characters would run together without the space: two letters or two digits."""
    kinds = [unicodedata.category(character)[0].replace("M", "L") for character in (before, after) if character]
    return kinds in (["L", "L"], ["N", "N"])


# Reading: which dates a text without tag may mean. In layouts the letters D, M, Y and T stand for the day, the month,
# the year and the two-digit year; plain text is in small letters, so they can't be mistaken for it.

_FIELD_WIDTHS = {"D": (1, 2), "M": (1, 2), "Y": (4,), "T": (2,)}
_FIELD_LETTERS = {"d": "D", "dd": "D", "M": "M", "MM": "M", "y": "Y", "yy": "T"}
_Layouts = dict[str, set[tuple[int, tuple[str, ...]]]]


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
        for tokens in _locale_patterns(locale):
            for month, plain in _plain_forms(tokens, locale):
                runs = tuple(re.findall("[0-9DMYT]+", plain))
                index.setdefault(re.sub("[0-9DMYT]+", "0", plain), set()).add((month, runs))
    return index


def _plain_forms(tokens: tuple[_Token, ...], locale: str) -> Iterator[tuple[int, str]]:
    """Write a pattern with every name of a month and a weekday, and letters in place of its numbers."""
    is_named = any(map(_is_month_name, tokens))
    choices = []
    for token in tokens:
        if not token.is_field:
            choices.append([(0, _plain(token.value))])
        elif token.value in _NUMERIC:
            letter = _FIELD_LETTERS[token.value]
            endings = ("", *_ORDINALS.get(locale, ())) if letter == "D" and is_named else ("",)
            choices.append([(0, letter + ending) for ending in endings])
        else:
            names = map(_plain, _names(locale, token.value))
            is_month = _is_month_name(token)
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
