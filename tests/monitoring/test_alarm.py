"""A rule over a whole stream: false alarms, delays, silence, and going on after a stop."""

import json
import math
import random

import numpy as np
import pytest

from keras_attn.monitoring import Alarm, AlertRule, WindowCounts, share_limit

HEADS = {"mood": ["bad", "good"], "topic": ["price", "size"]}
WINDOW = 600  # seconds; a message a second


def make(text="bad: rate 2x", error=0.01, window=WINDOW):
    counts = WindowCounts(HEADS, window)
    return counts, Alarm(AlertRule.parse(text, HEADS), counts, error)


def watch(moods, text="bad: rate 2x", error=0.01, topics=None):
    """Gives the alerts with the number of the message that raised each."""
    counts, alarm = make(text, error)
    alerts = []
    for number, bad in enumerate(moods):
        labels = ("bad" if bad else "good", topics[number] if topics else "price")
        counts.add(number, labels)
        alert = alarm.look(number, labels)
        if alert:
            alerts.append((number, alert))
    return alerts


def moods(*parts, seed=0):
    """Independent messages: (how many, share of bad ones), one part after another."""
    draw = np.random.default_rng(seed)
    return np.concatenate([draw.random(count) < share for count, share in parts]).tolist()


@pytest.mark.parametrize("text", ["bad: rate 2x", "bad: share 10%"])
def test_shuffled_streams_have_as_few_false_alarms_as_promised(text):
    """The same messages in random order: exactly a tenth is bad, and there is nothing to be found."""
    order = random.Random(11)
    stream, alarms = [True] * 400 + [False] * 3600, 0
    for _ in range(60):
        order.shuffle(stream)
        alarms += bool(watch(stream, text, error=0.1))
    assert alarms <= 0.1 * 60


@pytest.mark.parametrize("share, most", [(0.2, 900), (0.3, 300), (0.5, 120)])
def test_planted_rises_are_seen(share, most):
    """A tenth is bad in 6000 messages before; the window of 600 messages need not be full of the rise."""
    delays = []
    for seed in range(15):
        alerts = watch(moods((6000, 0.1), (3000, share), seed=seed))
        assert alerts and alerts[0][0] >= 6000
        delays.append(alerts[0][0] - 6000)
    assert np.median(delays) < most


def test_a_class_that_was_never_seen_before():
    (first, alert), *_ = watch([False] * 3000 + [True, False] * 100)
    assert 3000 < first < 3060 and alert["baseline"] == 0


def test_what_an_alert_says():
    stream = [number % 10 == 0 for number in range(3000)] + [True] * 100
    ((number, alert),) = watch(stream)
    assert json.loads(json.dumps(alert)) == alert
    assert alert["time"] == f"1970-01-01T00:50:{number - 3000:02d}+00:00"
    assert alert["since"] == "1970-01-01T00:50:00+00:00"
    assert (alert["share"], alert["count"], alert["messages"]) == (1.0, number - 2999, number - 2999)
    assert (alert["class"], alert["among"], alert["baseline"]) == ({"mood": "bad"}, {}, 0.1)
    seen = number + 1 - 2450  # the window: this slice of 50 s and eleven before it
    assert alert["window_share"] == pytest.approx(sum(stream[2450 : number + 1]) / seen)
    assert alert["evidence"] >= 200 and alert["window_seconds"] == WINDOW


def test_no_alert_before_there_is_a_baseline():
    assert not watch(moods((300, 0.01), (290, 0.9)))
    assert watch(moods((300, 0.01), (290, 0.9)), "bad: share 30%")  # which needs none


def test_a_falling_share_is_no_alert():
    assert not watch(moods((3000, 0.4), (3000, 0.1)))


def test_a_slow_rise_does_not_become_its_own_baseline():
    """Seeing it takes several windows, and the baseline of the alert is still the share of a twentieth before it."""
    baselines = []
    for seed in range(10):
        alerts = watch(moods((3000, 0.05), (6000, 0.1), seed=seed))
        baselines += [alert["baseline"] for number, alert in alerts[:1] if number > 3000 + 2 * WINDOW]
        assert alerts
    assert len(baselines) >= 5 and max(baselines) < 0.065


def test_one_alert_a_rise_and_another_for_the_next():
    alerts = watch(moods((4000, 0.05), (3000, 0.4), (3000, 0.05), (2000, 0.6)))
    assert len(alerts) == 2
    assert 4000 < alerts[0][0] < 4200 and 10_000 < alerts[1][0] < 10_200


def test_a_share_that_stays_up_becomes_the_baseline():
    """Silent for 26 windows; then four times the share that was normal is normal, and half of all is a rise."""
    raised = 27 * WINDOW + 3000
    alerts = watch(moods((3000, 0.05), (raised, 0.2), (2000, 0.5)))
    assert len(alerts) == 2
    assert 3000 < alerts[0][0] < 3300 and 3000 + raised < alerts[1][0] < 3400 + raised
    assert 0.15 < alerts[1][1]["baseline"] < 0.25


def test_one_class_among_those_of_another():
    """Bad ones rise among those about the price alone, where they were rare; among all they stay a half."""
    draw = np.random.default_rng(2)
    topics = ["price" if draw.random() < 0.2 else "size" for _ in range(8000)]
    stream = [
        draw.random() < (0.8 if number >= 6000 else 0.1) if topic == "price" else draw.random() < 0.5
        for number, topic in enumerate(topics)
    ]
    (number, alert), *_ = watch(stream, "bad in price: rate 2x", topics=topics)
    assert 6000 < number < 6150 and alert["among"] == {"topic": "price"}
    assert alert["messages"] < (number - 5990) / 2
    assert not watch(stream, "bad in size: rate 2x", topics=topics)


def test_the_error_is_spent_as_written():
    """Half on the test and half on the baselines, of which the n-th gets 1/(1 + ln n) - 1/(1 + ln(n + 1))."""

    def part(number):
        return 1 / (1 + math.log(number)) - 1 / (1 + math.log(number + 1))

    counts, alarm = make(error=0.04)
    for number in range(4 * WINDOW + 1):
        labels = ("bad" if number % 10 == 0 else "good", "price")
        counts.add(number, labels)
        alarm.look(number, labels)
    assert alarm.test.error == pytest.approx(0.02 * part(1))
    # Baselines: the first window, at its end and (the same) at the second's; two at the third's; three at the fourth's.
    limit = share_limit(180, 1800, 0.02 * part(3))
    before, events = alarm.test.stakes, alarm.test.events
    alarm.test.update(True)
    expected = [
        stake * share / limit + part(events + 2)
        for stake, share in zip(before, (max(0.2, limit), 2 * limit), strict=True)
    ]
    assert alarm.test.stakes == pytest.approx(expected)


@pytest.mark.parametrize("cut", [100, 2500, 4100, 5200])
def test_a_restored_alarm_goes_on_as_the_old_one(cut):
    stream = moods((4000, 0.05), (2000, 0.4), (3000, 0.05), (1000, 0.6), seed=cut)
    expected = watch(stream)
    counts, alarm = make()
    found = []
    for number, bad in enumerate(stream):
        if number == cut:
            states = json.loads(json.dumps((counts.state(), alarm.state())))
            counts, alarm = make()
            counts.restore(states[0])
            alarm.restore(states[1])
        labels = ("bad" if bad else "good", "price")
        counts.add(number, labels)
        alert = alarm.look(number, labels)
        if alert:
            found.append((number, alert))
    assert found == expected and len(found) == 2
