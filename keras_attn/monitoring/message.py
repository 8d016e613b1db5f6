"""Messages of a stream: one JSON object a line, with a time and a text."""

import datetime
import hashlib
import json
import math
import re
from typing import NamedTuple

_LATEST = 1e11  # seconds since 1970; the year 5138, and below every time in milliseconds since 1973
_EPOCH_DIGITS = re.compile(r"\d{9,11}(\.\d*)?")


class Message(NamedTuple):
    """One message.

    Args:
        time: When it was written, in seconds since 1970 (UTC).
        text: What it says.
        key: Eight bytes that tell it from others: of its id, or where it has none of its time and text.
    """

    time: float
    text: str
    key: bytes


class MalformedMessageError(ValueError):
    """A line is no message.

    Args:
        reason: What is wrong, in one word: "utf-8", "json", "time", "text" or "id".
    """

    def __init__(self, reason):
        super().__init__(reason)
        self.reason = reason


def parse_message(line, time_column="time", text_column="text", id_column="id"):
    """Reads a message.

    The time is a number of seconds since 1970 or a text in ISO 8601; one without a zone is taken as UTC, whatever the
    zone of the machine is. The id is a text or a whole number, and may be missing or null.

    Args:
        line: Bytes of one JSON object.
        time_column: Name of the time in it.
        text_column: Name of the text.
        id_column: Name of the id.

    Returns:
        A `Message`.

    Raises:
        MalformedMessageError: Its `reason` says what is wrong.

    Example:
        >>> from keras_attn.monitoring import parse_message
        >>> message = parse_message(b'{"time": "1970-01-01T01:00:00+01:00", "text": "Hello"}')
        >>> message.time, message.text
        (0.0, 'Hello')
    """
    try:
        row = json.loads(line.decode("utf-8").removeprefix("\ufeff"))
    except UnicodeDecodeError:
        raise MalformedMessageError("utf-8") from None
    except (ValueError, RecursionError):
        raise MalformedMessageError("json") from None
    if not isinstance(row, dict):
        raise MalformedMessageError("json")
    text = row.get(text_column)
    if not isinstance(text, str) or not text.strip():
        raise MalformedMessageError("text")
    try:
        encoded = text.encode("utf-8")
    except UnicodeEncodeError:  # half of a surrogate pair, written as \ud83d
        raise MalformedMessageError("text") from None
    time = _seconds(row.get(time_column))
    return Message(time, text, _key(row.get(id_column), time, encoded))


def _seconds(value):
    try:
        if isinstance(value, str):
            value = value.strip()
            if _EPOCH_DIGITS.fullmatch(value):
                seconds = float(value)
            else:
                moment = datetime.datetime.fromisoformat(value)
                seconds = (moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)).timestamp()
        elif isinstance(value, int | float) and not isinstance(value, bool):
            seconds = float(value)
        else:
            seconds = math.nan
    except (ValueError, OverflowError):
        seconds = math.nan
    if not 0 <= seconds < _LATEST:
        raise MalformedMessageError("time")
    return seconds


def _key(identity, time, text):
    if identity is None:
        content = b"%r\n%b" % (time, text)
    elif isinstance(identity, str | int) and not isinstance(identity, bool):
        content = b"id %b" % str(identity).encode("utf-8", "surrogatepass")
    else:
        raise MalformedMessageError("id")
    return hashlib.blake2b(content, digest_size=8).digest()
