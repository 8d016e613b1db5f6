"""The choice, with a goal whose answers are known beforehand in place of trained models."""

import numpy as np
import pytest

from keras_attn.tasks import SignalSettings, signal_choice
from keras_attn.tasks.signal_choice import Choice, choose
from keras_attn.tasks.signal_labels import LabelGoal
from tests.tasks.signal_cases import made

DATA = made(30, 1)
GOAL = LabelGoal.of(SignalSettings(), DATA)
RIGHT = np.stack(GOAL.targets(DATA)).argmax(axis=1)


def answers(wrong):
    said = RIGHT.copy()
    said[wrong] = (said[wrong] + 1) % 3
    return list(np.eye(3, dtype="float32")[said] * 0.7 + 0.1)


def chosen(monkeypatch, first, second, seen=None):
    def outputs_of(goal, settings, data, arrays, figures, is_raw, folds):
        for train, test in folds:  # every class in each fold, none in both parts
            assert not set(train) & set(test) and np.bincount(RIGHT[test]).min() >= 3
        assert settings.members == 1 and settings.epochs == 4
        (seen if seen is not None else []).append(settings.num_layers)
        return answers(first if settings.num_layers == 0 else second)

    monkeypatch.setattr(signal_choice, "_outputs_of", outputs_of)
    settings = SignalSettings(num_layers=0, members=3, epochs=12, folds=3)
    return choose(GOAL, settings, DATA, DATA.signals, None, True)


def test_a_block_more_must_win_by_more_than_chance(monkeypatch, capsys):
    choice = chosen(monkeypatch, first=[0, 1, 2], second=[])  # 3 gained, none lost: 3 > sqrt(3)
    assert choice.changes == {"num_layers": 1}
    assert [row["accuracy"] for row in choice.rows] == pytest.approx([90.0, 100.0])
    assert choice.rows[1]["loss"] == pytest.approx(-np.log(0.8), abs=1e-5)
    np.testing.assert_array_equal(np.stack(choice.outputs), np.stack(answers([])))
    assert "3 folds, one block more: accuracy 100.00, loss 0.2231" in capsys.readouterr().err
    choice = chosen(monkeypatch, first=[0, 1, 2], second=[0, 5])  # 2 gained, 1 lost: 1 < sqrt(3)
    assert choice.changes == {} and len(choice.rows) == 2
    np.testing.assert_array_equal(np.stack(choice.outputs), np.stack(answers([0, 1, 2])))


def test_where_it_cannot_win_it_is_not_tried(monkeypatch):
    seen = []
    assert chosen(monkeypatch, first=[4], second=[], seen=seen).changes == {} and seen == [0]


def test_a_class_of_one_signal_has_no_folds():
    data = made(4, 1)  # two spikes, one square, one wave
    goal = LabelGoal.of(SignalSettings(), data)
    assert choose(goal, SignalSettings(), data, data.signals, None, True) == Choice({}, [], [])


def test_it_is_kept(tmp_path):
    choice = Choice({"num_layers": 1}, [{"setting": "as set", "accuracy": 90.0, "loss": 0.5}], answers([1]))
    assert Choice.load(tmp_path) is None
    choice.save(tmp_path)
    again = Choice.load(tmp_path)
    assert (again.changes, again.rows) == (choice.changes, choice.rows)
    np.testing.assert_allclose(np.stack(again.outputs), np.stack(choice.outputs))
