import json

import numpy as np
import pytest

from keras_attn.tasks import SignalSettings
from keras_attn.tasks.signal_labels import LabelGoal
from tests.tasks.signal_cases import made

DATA = made(30, 1)


def outputs(seed=1):
    shares = np.random.default_rng(seed).dirichlet(np.ones(3), 30)
    targets = np.stack(LabelGoal.of(SignalSettings(), DATA).targets(DATA))
    return list((shares + targets) / 2)


def test_targets_and_answers():
    goal = LabelGoal.of(SignalSettings(), DATA)
    assert goal.labels.classes == {"label": ["spike", "square", "wave"]}
    np.testing.assert_array_equal(np.stack(goal.targets(DATA))[:3], np.eye(3))
    answers = goal.answers([np.array([0.2, 0.5, 0.3])])
    assert goal.plain(answers[0]) == "square" and answers[0].confidence == 0.5
    assert goal.line(answers[0], as_json=False) == "square\t0.5000"
    assert json.loads(goal.line(answers[0], as_json=True))["scores"] == {"square": 0.5, "wave": 0.3, "spike": 0.2}
    assert goal.answers([]) == [] and goal.steps(np.array([3])) is None


def test_calibration_is_kept_and_moves_the_scores(tmp_path):
    goal = LabelGoal.of(SignalSettings(), DATA)
    before = outputs()
    after = goal.finish(DATA, before, SignalSettings())
    temperature = goal.calibration["label"]["temperature"]
    powers = np.stack(before) ** (1 / temperature)
    np.testing.assert_allclose(np.stack(after), powers / powers.sum(axis=1, keepdims=True), atol=1e-5)
    goal.save(tmp_path)
    again = LabelGoal.load(tmp_path)
    assert again.calibration == goal.calibration and again.labels == goal.labels


def test_what_a_saved_model_answers():
    goal = LabelGoal.of(SignalSettings(), DATA)
    goal.calibration = {"label": {"temperature": 1.0, "threshold": 0.6}}
    found = goal.signature_outputs(np.array([[0.1, 0.7, 0.2], [0.5, 0.3, 0.2]], "float32"))
    assert found["label"].numpy().tolist() == [b"square", b"spike"]
    assert found["is_confident"].numpy().tolist() == [True, False]
    texts, scores = goal.texts_and_scores(found)
    assert texts == ["square", "spike"] and scores == pytest.approx([0.7, 0.5])
    assert goal.texts_and_scores(goal.answers([np.array([0.1, 0.7, 0.2])])) == (["square"], [pytest.approx(0.7)])


def test_the_sections_of_a_report(tmp_path):
    goal = LabelGoal.of(SignalSettings(), DATA)
    after = goal.finish(DATA, outputs(), SignalSettings())
    text = "\n".join(goal.sections(tmp_path, DATA, after, ["a note"]))
    for part in ("## Figures", "- accuracy: ", "- a note", "| spike |", "How sure it is"):
        assert part in text
    assert "% of the signals" in text and "baseline" not in text and (tmp_path / "confusion.png").exists()
