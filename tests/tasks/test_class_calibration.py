import dataclasses

import numpy as np
import pytest

from keras_attn.tasks.class_calibration import calibrate
from keras_attn.tasks.classification_measures import Measures


def overconfident(count=4000, factor=2.0, seed=1):
    """Scores whose logits are `factor` times those by which the labels were drawn."""
    draw = np.random.default_rng(seed)
    logits = draw.normal(size=(count, 3)) * 1.5
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = np.array([draw.choice(3, p=row) for row in shares])
    scaled = np.exp(factor * logits)
    return Measures(["a", "b", "c"], np.eye(3)[labels], scaled / scaled.sum(axis=1, keepdims=True))


def test_it_finds_the_temperature_that_the_scores_were_made_with():
    measures = overconfident()
    found = calibrate({"x": measures}, answer_accuracy=0.9)["x"]
    assert found["temperature"] == pytest.approx(2.0, rel=0.1) and found["ece"] < 0.03 < found["ece_before"]
    logits = np.log(measures.scores) / found["temperature"]
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    given = shares.max(axis=1) >= found["threshold"]
    assert given.mean() == pytest.approx(found["answered"]) and 0.1 < found["answered"] < 1
    assert measures.is_right()[given].mean() >= 0.9


def test_several_labels_and_a_perfect_classifier():
    several = dataclasses.replace(overconfident(500), multi_label=True)
    assert calibrate({"x": several}, 0.9)["x"]["temperature"] > 1
    right = Measures(["a", "b"], np.eye(2)[[0, 1] * 5], np.eye(2)[[0, 1] * 5] * 0.98 + 0.01)
    found = calibrate({"x": right}, 0.95)["x"]
    assert 0.05 < found["temperature"] < 20 and found["answered"] == 1.0
    assert found["accuracy"] == 1.0
    wrong = dataclasses.replace(right, scores=np.vstack([right.scores[:9], [[0.9, 0.1]]]))
    assert calibrate({"x": wrong}, 0.95)["x"]["accuracy"] == pytest.approx(0.9)
