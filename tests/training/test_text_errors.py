"""Distances counted by hand, and the properties of a distance."""

import functools

import numpy as np
import pytest

from keras_attn.training import edit_distance, error_rate


@pytest.mark.parametrize(
    ("answer", "right", "changes"),
    [
        ("", "", 0),
        ("", "abc", 3),
        ("abc", "", 3),
        ("352", "352", 0),
        ("35", "352", 1),
        ("3352", "352", 1),
        ("342", "352", 1),
        ("kitten", "sitting", 3),
        ("flaw", "lawn", 2),
        ("ab", "ba", 2),
    ],
)
def test_by_hand(answer, right, changes):
    assert edit_distance(answer, right) == changes == edit_distance(list(right), list(answer))


def test_it_is_the_recursion_of_its_definition():
    @functools.cache
    def distance(a, b):
        if not a or not b:
            return len(a) + len(b)
        return min(distance(a[1:], b) + 1, distance(a, b[1:]) + 1, distance(a[1:], b[1:]) + (a[0] != b[0]))

    random = np.random.default_rng(1)
    for _ in range(50):
        a, b = ("".join(random.choice(list("abc"), random.integers(0, 7))) for _ in range(2))
        assert edit_distance(a, b) == distance(a, b)


def test_rates_are_over_all_symbols():
    assert error_rate(["12", "", "789"], ["13", "4", "78"]) == pytest.approx(3 / 5)  # 1 + 1 + 1 of 2 + 1 + 2
    assert error_rate(["12"], [""]) == 2.0 and error_rate([], []) == 0.0
