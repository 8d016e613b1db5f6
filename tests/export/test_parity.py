"""What passes as the same answers and numbers, and what does not."""

import numpy as np
import pytest

from keras_attn.export import ExportError, check_numbers, check_parity

EXPECTED = (["ab", "cd", ""], [-1.0, -2.0, 0.0])


def test_the_same_answers():
    found = check_parity((["ab", "cd", ""], [-1.0005, -2.0, 0.0]), EXPECTED)
    assert found == "3 of 3 answers are those of the task; their scores differ by 0.0002 on average."


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ((["ab", "xx", ""], [-1.0, -2.0, 0.0]), r"Received: 'xx' \(score -2.0000\) in place of 'cd' \(-2.0000\)"),
        ((["ab", "cd", ""], [-1.0, -2.5, 0.0]), r"Received: 'cd' \(score -2.5000\) in place of 'cd' \(-2.0000\)"),
        ((["ab", "cd", ""], [-1.0, float("nan"), 0.0]), "does not answer as the task does, and was not put in place"),
    ],
)
def test_other_answers(answers, message):
    with pytest.raises(ExportError, match=message):
        check_parity(answers, EXPECTED)


def test_fewer_bits_may_turn_a_word_but_not_the_scores():
    assert check_parity((["ab", "xx", ""], [-1.1, -2.1, 0.0]), EXPECTED, exact=False).startswith("2 of 3 answers")
    for score in (-2.5, float("nan")):
        with pytest.raises(ExportError, match="'cd'"):
            check_parity((["ab", "cd", ""], [-1.0, score, 0.0]), EXPECTED, exact=False)


def test_numbers():
    expected = np.array([[1.0, -30.0]])
    assert check_numbers(expected + 0.002, expected).endswith("differ from the task's by 2.0e-03 at most.")
    for wrong in (expected + 0.004, expected * np.nan):
        with pytest.raises(ExportError, match=r"Received: a difference of"):
            check_numbers(wrong, expected)
