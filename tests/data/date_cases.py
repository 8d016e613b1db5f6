"""Many written dates, made once, and what is left of them without case, accents and what stands between."""

import functools
import itertools
import re
import unicodedata

from keras_attn.data import DatePair, date_pairs

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
