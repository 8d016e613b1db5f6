"""The schedules against their formulas in plain Python."""

import math

import pytest

from keras_attn.training import InverseSquareRoot, WarmupCosine


@pytest.mark.parametrize(("learning_rate", "warmup_steps"), [(0.005, 2000), (1.0, 1), (0.3, 7)])
def test_formula(learning_rate, warmup_steps):
    schedule = InverseSquareRoot(learning_rate, warmup_steps)
    for done in (0, 1, 2, 5, 6, 7, 1998, 1999, 2000, 100_000):
        step = done + 1
        if step < warmup_steps:
            expected = learning_rate * step / warmup_steps
        else:
            expected = learning_rate / math.sqrt(step) * math.sqrt(warmup_steps)
        assert float(schedule(done)) == pytest.approx(expected, rel=1e-6)


def test_the_highest_rate_is_reached_at_the_end_of_the_rise():
    rates = [float(InverseSquareRoot(0.5, 9)(step)) for step in range(30)]
    assert rates.index(max(rates)) == 8 and max(rates) == pytest.approx(0.5)
    assert rates[:9] == sorted(rates[:9]) and rates[8:] == sorted(rates[8:], reverse=True)


def test_the_published_form():
    width, warmup_steps = 512, 4000
    schedule = InverseSquareRoot((width * warmup_steps) ** -0.5, warmup_steps)
    for step in (1, 100, 4000, 50_000):
        expected = width**-0.5 * min(step**-0.5, step * warmup_steps**-1.5)
        assert float(schedule(step - 1)) == pytest.approx(expected, rel=1e-6)


def test_config_round_trip():
    schedule = InverseSquareRoot(0.3, 7)
    assert float(InverseSquareRoot.from_config(schedule.get_config())(20)) == float(schedule(20))


@pytest.mark.parametrize(("learning_rate", "warmup_steps"), [(0.0, 10), (-1.0, 10), (0.1, 0)])
def test_what_is_not_positive_is_refused(learning_rate, warmup_steps):
    received = f"Received: learning_rate={learning_rate}, warmup_steps={warmup_steps}"
    with pytest.raises(ValueError, match=received):
        InverseSquareRoot(learning_rate, warmup_steps)


@pytest.mark.parametrize(("warmup_steps", "total_steps", "final_rate"), [(7, 30, 0.0), (0, 12, 0.05), (100, 2000, 0.1)])
def test_cosine_formula(warmup_steps, total_steps, final_rate):
    schedule = WarmupCosine(0.3, warmup_steps, total_steps, final_rate)
    for done in (0, 1, 5, 6, 7, 11, 29, 99, 100, 1999, 5000):
        step = done + 1
        if step <= warmup_steps:
            expected = 0.3 * step / warmup_steps
        else:
            angle = math.pi * min((step - warmup_steps) / (total_steps - warmup_steps), 1)
            expected = final_rate + (0.3 - final_rate) * (1 + math.cos(angle)) / 2
        assert float(schedule(done)) == pytest.approx(expected, rel=1e-5, abs=1e-7)
    again = WarmupCosine.from_config(schedule.get_config())
    assert float(again(9)) == float(schedule(9))


@pytest.mark.parametrize(
    "change", [{"learning_rate": 0.0}, {"final_rate": 0.3}, {"final_rate": -0.1}, {"warmup_steps": 9}]
)
def test_a_cosine_that_does_not_fall_is_refused(change):
    with pytest.raises(ValueError, match="Received: learning_rate="):
        WarmupCosine(**{"learning_rate": 0.3, "warmup_steps": 2, "total_steps": 9, **change})
