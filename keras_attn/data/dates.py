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
import random
from typing import NamedTuple

from keras_attn.data.date_noise import noisy_case, noisy_spaces, noisy_tokens
from keras_attn.data.date_readings import FIRST_DATE, LAST_DATE, readings
from keras_attn.data.locale_dates import LOCALES, token_patterns, written

SPLITS: tuple[str, ...] = ("train", "validation", "test")

# First digit of the locale's own digits, and how often it is used. CLDR's default in Egypt is its own digits.
_NATIVE_DIGITS = {"ar_EG": ("٠", 0.5), "hi_IN": ("०", 0.2), "th_TH": ("๐", 0.2)}


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


@functools.cache
def _dates_of(split: str) -> tuple[datetime.date, ...]:
    """All days of a split, in order."""
    if split not in SPLITS:
        nearest = difflib.get_close_matches(split, SPLITS, n=1, cutoff=0)[0]
        raise ValueError(f"The split must be one of {SPLITS}; did you mean {nearest!r}? Received: split={split!r}")
    days = (LAST_DATE - FIRST_DATE).days + 1
    dates = (FIRST_DATE + datetime.timedelta(day) for day in range(days))
    return tuple(date for date in dates if split_of(date) == split)


def _noisy_text(date: datetime.date, locale: str, chance: random.Random) -> str:
    """Write a date in a random pattern of the locale, with noise and, unless it can do without, with the tag."""
    tokens = chance.choice(token_patterns(locale))
    clean = chance.random() < 0.25
    if clean:
        text = "".join(written(token, date, locale) for token in tokens)
    else:
        text = noisy_spaces(noisy_case(noisy_tokens(tokens, date, locale, chance), locale, chance), chance)
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
