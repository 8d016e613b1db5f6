import json

import numpy as np
import pytest

from keras_attn.data import LabelledSignals
from keras_attn.tasks import SignalSettings
from keras_attn.tasks.signal_texts import TextGoal, Transcription
from tests.tasks.signal_cases import beeps


def steps(*ids):
    """Log-probabilities that are nearly sure."""
    return np.log(np.eye(3, dtype="float32")[list(ids)] * 0.97 + 0.01)


def test_letters_targets_and_rows():
    goal = TextGoal.of(SignalSettings(output="text", reduction=4), beeps(20, 1))
    assert goal.letters == ["a", "b"] and goal.steps(np.array([1, 4, 5])).tolist() == [1, 1, 2]
    data = LabelledSignals([np.zeros((3, 1))] * 3, {"label": ["ab", "xa", "b"]})
    known, notes = goal.usable(data, "test")
    assert known.labels["label"] == ["ab", "b"]
    assert notes == ["1 test signals left out, for letters that no training text has: ['x']."]
    assert [ids.tolist() for ids in goal.targets(known)] == [[1, 2], [2]]
    with pytest.raises(ValueError, match=r"of letters that the training had\. Received: test texts=\['xa'\]"):
        goal.usable(data.select([1]), "test")


def test_answers_of_different_lengths():
    goal = TextGoal("ab", 1, beam_size=4)
    long, short = goal.answers([steps(0, 1, 1, 0, 1, 2, 2), steps(2)])
    assert (long.text, short.text) == ("aab", "b")
    assert short.score == pytest.approx(np.log(0.98 / 1.0), abs=0.02) and goal.plain(short) == "b"
    alone = goal.answers([steps(2)])[0]
    assert alone.score == pytest.approx(short.score, abs=1e-4)  # the padding is a sure blank
    assert json.loads(goal.line(short, True))["text"] == goal.line(short, False) == "b"
    assert goal.texts_and_scores([Transcription("b", -1.0)]) == (["b"], [-1.0])


def test_figures_by_hand(tmp_path):
    goal = TextGoal("ab", 1, beam_size=4)
    data = LabelledSignals([np.zeros((3, 1))] * 2, {"label": ["ab", "bb"]})
    outputs = [steps(1, 0, 2), steps(2, 2, 1)]  # "ab" and "ba"
    found = goal.figures(data, outputs)
    assert found == pytest.approx({"letter_error_rate": 25.0, "letter_accuracy": 75.0, "text_accuracy": 50.0})
    text = "\n".join(goal.sections(tmp_path, data, outputs, ["a note"]))
    assert "## Wrong answers: 1 of 2" in text and "| bb | ba |" in text and "- a note" in text


def test_it_is_kept(tmp_path):
    TextGoal("ab", 2, 5).save(tmp_path)
    again = TextGoal.load(tmp_path)
    assert (again.letters, again.reduction, again.beam_size) == (["a", "b"], 2, 5)
