import json

import numpy as np
import pytest

from keras_attn.data import LabelledSignals
from keras_attn.tasks import SignalSettings
from keras_attn.tasks.signal_values import ValueGoal, with_next_values
from tests.tasks.signal_cases import made, noisy


def test_targets_have_mean_0_and_variance_1():
    data = noisy(20, 1)
    goal = ValueGoal.of(SignalSettings(output="signal"), data)
    values = np.concatenate(goal.targets(data))
    assert values.mean() == pytest.approx(0, abs=1e-5) and values.std() == pytest.approx(1, abs=1e-4)


def test_outputs_are_brought_back():
    goal = ValueGoal([3.0], [4.0])
    inputs = {"signals": np.array([[[0.0], [1.5]]], "float32"), "mask": np.array([[True, True]])}
    found = goal.outputs(lambda inputs, training: inputs["signals"] * 1.0, inputs)
    np.testing.assert_allclose(found, [[[3.0], [6.0]]])


def test_at_padding_there_is_no_value():
    """Else an export, whose answers are padded, would not be the task's: its answers end where the signals do."""
    goal = ValueGoal([3.0], [4.0])
    inputs = {"signals": np.array([[[1.5], [0.0]], [[1.0], [2.0]]], "float32")}
    inputs["mask"] = np.array([[True, False], [True, True]])
    found = goal.outputs(lambda inputs, training: inputs["signals"] * 1.0, inputs)
    np.testing.assert_allclose(found, [[[6.0], [0.0]], [[5.0], [7.0]]])
    padded = goal.texts_and_scores(goal.signature_outputs(found))
    assert padded == goal.texts_and_scores([found[0, :1].numpy(), found[1].numpy()]) == (["", ""], [36.0, 74.0])


def test_decibels_by_hand():
    goal = ValueGoal([0.0], [1.0])
    target, signal = np.array([[3.0], [4.0]]), np.array([[3.0], [4.5]])  # power 25, wrong 0.25: a hundredth
    data = LabelledSignals([signal], {}, [target])
    found = goal.figures(data, [np.array([[3.0], [4.05]])])
    assert found == pytest.approx({"mse": 0.00125, "snr": 40.0, "snr_before": 20.0})


def test_lines_and_keeping(tmp_path):
    goal = ValueGoal([0.0, 1.0], [1.0, 2.0])
    values = np.array([[1.0, 2.0], [3.0, 4.5]])
    assert goal.line(values, False) == "1,3;2,4.5" and json.loads(goal.line(values, True)) == {
        "values": values.tolist()
    }
    goal.save(tmp_path)
    assert (ValueGoal.load(tmp_path).mean, ValueGoal.load(tmp_path).variance) == (goal.mean, goal.variance)


def test_next_values():
    data = LabelledSignals(
        [np.arange(4.0)[:, None], np.ones((1, 1)), np.arange(2.0)[:, None]], {"label": ["a", "b", "c"]}
    )
    found = with_next_values(data)
    assert [signal.ravel().tolist() for signal in found.signals] == [[0, 1, 2], [0]]
    assert [target.ravel().tolist() for target in found.targets] == [[1, 2, 3], [1]]
    assert found.labels == {"label": ["a", "c"]}
    with pytest.raises(ValueError, match="two steps or more"):
        with_next_values(data.select([1]))


def test_what_does_not_fit():
    goal = ValueGoal([0.0, 1.0], [1.0, 2.0])
    with pytest.raises(ValueError, match=r"test signals need targets of 2 channels\. Received: channels=1"):
        goal.usable(noisy(3, 1), "test")
    with pytest.raises(ValueError, match=r"need targets of 2 channels\. Received: channels=None"):
        goal.usable(made(3, 1), "test")
