"""Ordinary noise in written dates; none of it changes what they mean."""

import datetime
import random
import re
import unicodedata

from keras_attn.data.locale_dates import NUMERIC, ORDINALS, Token, is_month_name, written


def noisy_tokens(tokens: tuple[Token, ...], date: datetime.date, locale: str, chance: random.Random) -> str:
    """Write a date with other zeros, separators and commas, with ordinals and without the dots of abbreviations.

    Args:
        tokens: A pattern of the locale.
        date: The date.
        locale: One of `LOCALES`.
        chance: The random choices.

    Returns:
        The date as it might be typed, in Latin digits.
    """
    is_named = any(map(is_month_name, tokens))
    is_ordinal = is_named and locale in ORDINALS and chance.random() < 0.4
    if chance.random() < 0.25:
        tokens = _other_zeros(tokens, chance)
    if not is_named and chance.random() < 0.4:
        tokens = _other_separators(tokens, chance.choice("/-."))
    drops_commas, drops_dots = chance.random() < 0.3, chance.random() < 0.4
    parts = []
    for token in tokens:
        part = written(token, date, locale)
        if is_ordinal and token.is_field and token.value in ("d", "dd"):
            part = _ordinal(date.day, locale, part)
        if drops_commas and not token.is_field:
            part = re.sub("[,،]", "", part)
        if drops_dots and (token.is_field or is_named):  # Never the dots of 5.3.2021.
            part = part.replace(".", "")
        parts.append(part)
    return "".join(parts)


def noisy_case(text: str, locale: str, chance: random.Random) -> str:
    """Write all in capitals or all in small letters, as the language does it, or leave it.

    Args:
        text: A written date.
        locale: One of `LOCALES`.
        chance: The random choices.

    Returns:
        Text.
    """
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


def noisy_spaces(text: str, chance: random.Random) -> str:
    """Type plain spaces, double some, leave out some that nothing hangs on, and set some around separators.

    Args:
        text: A written date.
        chance: The random choices.

    Returns:
        Text.
    """
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


def _other_zeros(tokens: tuple[Token, ...], chance: random.Random) -> tuple[Token, ...]:
    """Write day and month all with, or all without, leading zeros."""
    width = chance.choice([1, 2])
    return tuple(
        Token(True, value[0] * width) if is_field and value in ("d", "dd", "M", "MM") else Token(is_field, value)
        for is_field, value in tokens
    )


def _other_separators(tokens: tuple[Token, ...], separator: str) -> tuple[Token, ...]:
    """Put `separator` between day, month and year in figures, where the locale has a slash, a dash or a dot."""
    result = list(tokens)
    for index in range(1, len(tokens)):
        before, token = tokens[index - 1 : index + 1]
        follows_number = before.is_field and before.value in NUMERIC
        if token.is_field or not follows_number:
            continue
        ends = index + 1 == len(tokens) or tokens[index + 1].value not in NUMERIC
        if ends:
            result[index] = Token(False, token.value.removeprefix("."))
        elif token.value.strip(" \u200f") in ("/", "-", "."):
            result[index] = Token(False, separator)
    return tuple(result)


def _ordinal(day: int, locale: str, plain: str) -> str:
    """The day with its ordinal ending: 1st, 22nd, 13th; in French on the first alone, 1er."""
    if locale == "fr_FR":
        return "1er" if day == 1 else plain
    ending = "th" if day in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")
    return f"{day}{ending}"


def _needs_space(before: str, after: str) -> bool:
    """Whether two characters would run together without the space: two letters or two digits."""
    kinds = [unicodedata.category(character)[0].replace("M", "L") for character in (before, after) if character]
    return kinds in (["L", "L"], ["N", "N"])
