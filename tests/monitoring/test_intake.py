"""What is let in, and what is counted and left out."""

import json
import random

import pytest

from keras_attn.monitoring import Intake


def line(time, identity=None, text="x"):
    return json.dumps({"time": time, "text": text, "id": identity}).encode()


def test_each_fate_is_counted():
    intake = Intake(lateness=10)
    lines = [line(100, 1), line(90, 2), line(89.9, 3), line(90, 2), line(1061, 4), line(1060, 5), b"  ", b"{", None]
    taken = intake.take(lines, now=1000)
    assert [message.time for message in taken] == [100, 90, 1060]
    assert intake.counts == {"messages": 3, "late": 1, "ahead": 1, "repeated": 1, "malformed": 2}
    assert intake.malformed == {"json": 1, "length": 1}


def test_without_an_id_time_and_text_count():
    intake = Intake(lateness=10)
    taken = intake.take([line(1, text="a"), line(1, text="b"), line(1, text="a"), line(2, text="a")], now=10)
    assert [(message.time, message.text) for message in taken] == [(1, "a"), (1, "b"), (2, "a")]
    assert intake.counts["repeated"] == 1


def test_the_memory_is_bounded():
    intake = Intake(lateness=1000, memory=3)
    assert len(intake.take([line(1, number) for number in (1, 2, 3, 4)], now=1)) == 4
    assert not intake.take([line(1, number) for number in (2, 3, 4)], now=1)
    assert len(intake.take([line(1, 1)], now=1)) == 1  # forgotten


@pytest.mark.parametrize("cut", [0, 1, 250, 499])
def test_a_restored_intake_goes_on_as_the_old_one(cut):
    draw = random.Random(cut)
    lines = [line(draw.randrange(100) + number, draw.randrange(200)) for number in range(500)]
    whole, first, second = (Intake(lateness=50, memory=100) for _ in range(3))
    expected = whole.take(lines, now=1e9)
    taken = first.take(lines[:cut], now=1e9)
    second.restore(json.loads(json.dumps(first.state())))
    assert taken + second.take(lines[cut:], now=1e9) == expected
    assert second.counts == whole.counts and whole.counts["late"] and whole.counts["repeated"]
