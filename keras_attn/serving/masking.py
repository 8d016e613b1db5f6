"""Hiding what points to a person in texts that are logged."""

import re

_EMAIL = re.compile(r"[\w.+%-]{1,64}@(?:[\w-]{1,63}\.){1,8}[\w-]{2,63}")
_DIGITS = re.compile(r"[+(]{0,2}\d(?:[ ().\-/\u00a0\u2010-\u2013]{0,3}\d){6,}")


def mask(text):
    """Hides e-mail addresses, and numbers that may be those of a phone or a card: of seven digits or more.

    Args:
        text: Text.

    Returns:
        The text with `[email]`, `[card]` and `[phone]` in their places.

    Example:
        >>> from keras_attn.serving.masking import mask
        >>> mask("Ada, ada@example.org, +49 (30) 1234-567, 4111 1111 1111 1111, 12 apples")
        'Ada, [email], [phone], [card], 12 apples'
    """
    return _DIGITS.sub(_mask_number, _EMAIL.sub("[email]", text))


def _mask_number(match):
    digits = sum(character.isdigit() for character in match.group())
    return "[card]" if digits >= 13 else "[phone]"
