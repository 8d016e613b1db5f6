"""The test's evidence beside its definition written out, its promise counted exactly and by simulation."""

import itertools
import json
import math

import numpy as np
import pytest

from keras_attn.monitoring import ShareTest, portion, share_limit


def test_the_portions_add_up_to_one():
    """A sum of differences: what is left after n is 1 / (1 + ln(n + 1))."""
    for count in (1, 10, 1000):
        parts = [portion(number) for number in range(1, count + 1)]
        assert math.isclose(sum(parts), 1 - 1 / (1 + math.log(count + 1)), rel_tol=1e-12)
        assert parts == sorted(parts, reverse=True)


@pytest.mark.parametrize("trials", [1, 7, 60, 400])
@pytest.mark.parametrize("share", [0.003, 0.1, 0.5, 0.97])
@pytest.mark.parametrize("error", [0.2, 0.01, 1e-5])
def test_the_limit_is_too_low_as_seldom_as_it_says(trials, share, error):
    """The exact probability, by the binomial distribution."""

    def probability(events):
        return math.comb(trials, events) * share**events * (1 - share) ** (trials - events)

    too_low = [events for events in range(trials + 1) if share_limit(events, trials, error) < share]
    assert sum(probability(events) for events in too_low) <= error


def test_limits_by_hand():
    assert math.isclose(share_limit(0, 50, 0.02), 1 - 0.02 ** (1 / 50), rel_tol=1e-9)
    assert share_limit(50, 50, 0.02) == 1.0
    assert share_limit(0, 0, 0.02) == 1.0
    found = share_limit(30, 200, 0.02)
    entropy = 0.15 * math.log(0.15 / found) + 0.85 * math.log(0.85 / (1 - found))
    assert found > 0.15 and math.isclose(200 * entropy, math.log(50), rel_tol=1e-9)


def evidence(outcomes, null, shares):
    """The definition: a sum over the begins (the first message, and each after one of the class), and what waits."""
    begins = [0, *(place + 1 for place, happened in enumerate(outcomes) if happened)]
    weights = [1 / (1 + math.log(m)) - 1 / (1 + math.log(m + 1)) for m in range(1, len(begins) + 1)]
    total = 0.0
    for share in shares:
        ratios = np.where(outcomes, share / null, (1 - share) / (1 - null))
        total += sum(weight * np.prod(ratios[begin:]) for begin, weight in zip(begins, weights, strict=True))
    return total / len(shares) + 1 - sum(weights)


def test_the_evidence_beside_its_definition():
    outcomes = np.random.default_rng(3).random(150) < 0.35
    test = ShareTest(error=1e-9)
    test.bet(0.25, [0.4, 0.6])
    for count, happened in enumerate(outcomes, start=1):
        test.update(bool(happened))
        if count % 7 == 0:
            assert math.isclose(test.evidence(), evidence(outcomes[:count], 0.25, [0.4, 0.6]), rel_tol=1e-9)


def test_the_hypothesis_expects_one():
    """Over all sequences of 10 messages, weighted by their probability at the limit; below it, less."""
    expected = {0.3: 0.0, 0.2: 0.0}
    for outcomes in itertools.product([False, True], repeat=10):
        test = ShareTest(error=1e-9)
        test.bet(0.3, [0.45, 0.7])
        for happened in outcomes:
            test.update(happened)
        for share in expected:
            expected[share] += share ** sum(outcomes) * (1 - share) ** (10 - sum(outcomes)) * test.evidence()
    assert math.isclose(expected[0.3], 1.0, rel_tol=1e-12)
    assert expected[0.2] < 0.99


def first_alarm(outcomes, error, null, shares):
    test = ShareTest(error)
    test.bet(null, shares)
    return next((count for count, happened in enumerate(outcomes, start=1) if test.update(happened)), None)


def test_false_alarms_of_whole_streams_are_as_rare_as_promised():
    draw = np.random.default_rng(5)
    streams = (draw.random((400, 1500)) < 0.1).tolist()
    alarms = sum(first_alarm(stream, 0.2, 0.1, [0.2]) is not None for stream in streams)
    assert 0 < alarms <= 0.2 * 400  # not none: a test that never alarms would pass the second half


def test_a_rise_is_seen_soon():
    """ln(1/error) + ln(m) + 2 ln(1 + ln(m)), m = 200, at KL(0.2 || 0.1) = 0.0444 a message, is 357 messages."""
    draw = np.random.default_rng(7)
    delays = []
    for _ in range(50):
        outcomes = np.concatenate([draw.random(2000) < 0.1, draw.random(3000) < 0.2]).tolist()
        delays.append(first_alarm(outcomes, 0.001, 0.1, [0.2]) - 2000)
    assert min(delays) > 0 and np.median(delays) < 450


def test_where_the_rise_began():
    outcomes = [number % 10 == 0 for number in range(2000)] + [True, False] * 60
    test = ShareTest(error=0.01)
    test.bet(0.1, [0.3])
    count = next(count for count, happened in enumerate(outcomes, start=1) if test.update(happened))
    _, events, messages = test.rise
    assert 2000 < count < 2080
    assert abs(count - messages - 2000) <= 1 and abs(events - messages / 2) <= 1


def test_no_bet_on_a_share_that_is_no_rise():
    for null, shares in ((0.3, [0.2]), (0.3, [0.3]), (1.0, [1.0])):
        test = ShareTest(error=0.5)
        test.bet(null, shares)
        assert not any(test.update(True) for _ in range(1000))
        assert math.isclose(test.evidence(), 1.0)


def test_restored():
    outcomes = (np.random.default_rng(1).random(300) < 0.3).tolist()
    whole, second = ShareTest(1e-9), ShareTest(0.5)
    whole.bet(0.2, [0.4])
    for happened in outcomes[:100]:
        whole.update(happened)
    second.restore(json.loads(json.dumps(whole.state())))
    second.bet(0.2, [0.4])
    for happened in outcomes[100:]:
        assert whole.update(happened) == second.update(happened)
    assert whole.evidence() == second.evidence() and whole.rise == second.rise
