"""Reading messages: times by hand calculation, and every way in which a line can be no message."""

import json

import pytest

from keras_attn.monitoring import MalformedMessageError, parse_message

DAY = 19_723 * 86_400  # 2024-01-01 00:00 UTC: 54 years of 365 days and 13 leap days


def line(**row):
    return json.dumps(row).encode()


@pytest.mark.parametrize(
    "value, seconds",
    [
        ("2024-01-01T00:00:10Z", DAY + 10),
        ("2024-01-01T00:00:10", DAY + 10),  # no zone: UTC
        ("2024-01-01 01:00:10.5+01:00", DAY + 10.5),
        ("2023-12-31T19:00:00-05:00", DAY),
        ("2024-01-01", DAY),
        (DAY, DAY),
        (DAY + 0.25, DAY + 0.25),
        (f" {DAY}.5 ", DAY + 0.5),
        (0, 0),
    ],
)
def test_times(value, seconds, monkeypatch):
    monkeypatch.setenv("TZ", "America/New_York")
    assert parse_message(line(time=value, text="x")).time == seconds


@pytest.mark.parametrize(
    "content, reason",
    [
        (b'{"time": 1, "text": "\xff"}', "utf-8"),
        (b'{"time": 1, "text": "x"', "json"),
        (b"[1, 2]", "json"),
        (b"[" * 100_000, "json"),
        (b'{"time": ' + b"1" * 5000 + b', "text": "x"}', "json"),  # more digits than Python reads
        (line(time=1), "text"),
        (line(time=1, text=None), "text"),
        (line(time=1, text=" \n"), "text"),
        (b'{"time": 1, "text": "\\ud83d"}', "text"),
        (line(text="x"), "time"),
        (line(time=None, text="x"), "time"),
        (line(time=True, text="x"), "time"),
        (line(time="yesterday", text="x"), "time"),
        (line(time="2024-01-01T23:59:60Z", text="x"), "time"),
        (line(time=1000 * DAY, text="x"), "time"),  # milliseconds
        (line(time=-1, text="x"), "time"),
        (line(time=float("nan"), text="x"), "time"),
        (line(time=10**400, text="x"), "time"),
        (line(time=1, text="x", id=[1]), "id"),
        (line(time=1, text="x", id=True), "id"),
    ],
)
def test_malformed(content, reason):
    with pytest.raises(MalformedMessageError) as caught:
        parse_message(content)
    assert caught.value.reason == reason


def test_keys_tell_messages_apart():
    def key(**row):
        return parse_message(line(**{"time": 1, "text": "x", **row})).key

    assert key(id=7) == key(id=7, time=2, text="y") == key(id="7")
    assert key(id=7) != key(id=8)
    assert key() == key(id=None) == key(time=1.0)
    assert len({key(), key(time=2), key(text="y"), key(id=1)}) == 4
    assert key(id="\ud83d") != key(id="?")  # half of a surrogate pair, as JSON allows


def test_other_names_and_a_byte_order_mark():
    content = b"\xef\xbb\xbf" + line(at=5, body="gr\u00fcn", nr="a")
    message = parse_message(content, time_column="at", text_column="body", id_column="nr")
    assert (message.time, message.text) == (5.0, "gr\u00fcn")
