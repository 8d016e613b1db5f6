"""Counts in sliding windows, beside a loop over all messages."""

import json
import random

import pytest

from keras_attn.monitoring import WindowCounts, parse_duration

BAD = {"mood": "bad"}


@pytest.mark.parametrize(
    "text, seconds",
    [("30s", 30), ("15m", 900), ("1h", 3600), ("1.5h", 5400), ("7d", 604_800), ("2w", 1_209_600), ("45", 45), (45, 45)],
)
def test_durations(text, seconds):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "h", "0m", "-1h", "1y", "1h30m", "nan", None])
def test_wrong_durations(text):
    with pytest.raises(ValueError, match=r"as in 30s, 15m, 1h or 7d.*Received: duration="):
        parse_duration(text)


def messages(count, seed=0):
    """Messages of 77 windows of 12 s, up to 11 s late."""
    draw = random.Random(seed)
    for number in range(count):
        time = 1000 + 924 * number / count
        yield time - 11 * (draw.random() < 0.1), (draw.choice(["bad", "good", "dull"]), draw.choice(["x", "y"]))


def brute(seen, start, end, labels, among):
    among_them = [found for time, found in seen if start <= time < end and (not among or found[1] == among["topic"])]
    return sum(found[0] == labels["mood"] for found in among_them), len(among_them)


@pytest.mark.parametrize("among", [{}, {"topic": "y"}])
def test_windows_and_baselines_beside_a_loop(among):
    """A window of 12 s has slices of 1 s; the first message is at 1000."""
    counts, seen = WindowCounts(["mood", "topic"], window=12, baseline_windows=5), []
    for number, (time, labels) in enumerate(messages(3000)):
        counts.add(time, labels)
        seen.append((time, labels))
        if number % 97:
            continue
        now = int(max(time for time, _ in seen))
        done = (now - 1000) // 12
        assert counts.windows_done() == done
        assert counts.in_window(BAD, among) == brute(seen, now - 11, now + 1, BAD, among)
        end = max(1, done - 1)
        start = 1000 + 12 * max(0, end - 5)
        expected = brute(seen, start, 1000 + 12 * end, BAD, among) if done else (0, 0)
        assert counts.in_baseline(BAD, among) == expected


def test_old_slices_become_totals_and_nothing_is_lost():
    counts = WindowCounts(["mood", "topic"], window=12, baseline_windows=5)
    for time, labels in messages(3000):
        counts.add(time, labels)
    assert len(counts.slices) <= 12 * 7 and len(counts.older) >= 69
    totals = counts.totals()
    for place, head in enumerate(("mood", "topic")):
        found = [labels[place] for _, labels in messages(3000)]
        assert totals[head] == {label: found.count(label) for label in set(found)}


def test_the_totals_are_bounded():
    counts = WindowCounts(["mood"], window=12, baseline_windows=1)
    for window in range(1200):
        counts.add(12 * window, ("bad",))
    assert len(counts.older) == 1000 and min(counts.older) > 190


def test_a_gap_empties_the_window():
    counts = WindowCounts(["mood"], window=12)
    counts.add(0, ("bad",))
    counts.add(1e6, ("good",))
    assert counts.in_window(BAD, {}) == (0, 1)
    assert counts.in_baseline(BAD, {}) == (0, 0)


def test_nothing_yet():
    counts = WindowCounts(["mood"], window=12)
    assert counts.in_window(BAD, {}) == counts.in_baseline(BAD, {}) == (0, 0)


def test_restored():
    counts, other = WindowCounts(["mood", "topic"], 12, 5), WindowCounts(["mood", "topic"], 12, 5)
    rows = list(messages(2000))
    for time, labels in rows[:1500]:
        counts.add(time, labels)
    other.restore(json.loads(json.dumps(counts.state())))
    for time, labels in rows[1500:]:
        counts.add(time, labels)
        other.add(time, labels)
    assert other.slices == counts.slices and other.older == counts.older and other.totals() == counts.totals()


def test_several_labels_of_one_head():
    counts, other = WindowCounts(["mood", "topics"], 12), WindowCounts(["mood", "topics"], 12)
    for labels in (("bad", ("price", "size")), ("good", ("price",)), ("bad", ())):
        counts.add(0, labels)
    other.restore(json.loads(json.dumps(counts.state())))
    other.add(1, ("bad", ("price", "size")))
    counts.add(1, ("bad", ("price", "size")))
    assert other.slices == counts.slices
    assert counts.in_window({"topics": "price"}, {}) == (3, 4)
    assert counts.in_window(BAD, {"topics": "size"}) == (2, 2)
    assert counts.totals() == {"mood": {"bad": 3, "good": 1}, "topics": {"price": 3, "size": 2}}
