"""Measures against scikit-learn on lists of names."""

import numpy as np
import pytest
from sklearn import metrics

from keras_attn.tasks.classification_measures import Measures

RANDOM = np.random.default_rng(0)
NAMES = ["a", "b", "c", "never"]
RIGHT = RANDOM.choice(3, 200)
SCORES = RANDOM.dirichlet([1, 1, 1], 200) + 0.8 * np.eye(3)[RIGHT] * RANDOM.random((200, 1))
SCORES = np.pad(SCORES / SCORES.sum(axis=1, keepdims=True), ((0, 0), (0, 1)))
MEASURES = Measures(NAMES, np.eye(4)[RIGHT], SCORES)
SAID = SCORES.argmax(axis=1)


def test_one_label():
    summary = MEASURES.summary()
    assert summary["accuracy"] == pytest.approx(100 * metrics.accuracy_score(RIGHT, SAID))
    assert summary["macro_f1"] == pytest.approx(100 * metrics.f1_score(RIGHT, SAID, average="macro"))
    assert np.array_equal(MEASURES.confusion()[:3, :3], metrics.confusion_matrix(RIGHT, SAID))
    rows = metrics.precision_recall_fscore_support(RIGHT, SAID)
    for i, row in enumerate(MEASURES.per_class()[:3]):
        assert [row["precision"], row["recall"], row["f1"]] == pytest.approx([100 * column[i] for column in rows[:3]])
        assert row["class"] == NAMES[i] and row["count"] == rows[3][i]
    assert MEASURES.per_class()[3] == {"class": "never", "precision": 0.0, "recall": 0.0, "f1": 0.0, "count": 0}


def test_abstaining():
    confidences = SCORES.max(axis=1)
    answered, right = MEASURES.coverage(0.7)
    assert answered == (confidences >= 0.7).mean()
    assert right == pytest.approx((SAID == RIGHT)[confidences >= 0.7].mean())
    assert MEASURES.coverage(1.1) == (0.0, 1.0)


def test_several_labels():
    targets = RANDOM.random((200, 3)) < 0.4
    scores = np.clip(targets * 0.5 + RANDOM.random((200, 3)) * 0.6, 0, 1)
    measures = Measures(NAMES[:3], targets.astype("float32"), scores, multi_label=True)
    said, summary = scores >= 0.5, measures.summary()
    assert summary["accuracy"] == pytest.approx(100 * metrics.accuracy_score(targets, said))
    for average in ("macro", "micro"):
        assert summary[f"{average}_f1"] == pytest.approx(100 * metrics.f1_score(targets, said, average=average))
    least_sure = [min(max(p, 1 - p) for p in row) for row in scores]
    np.testing.assert_allclose(measures.confidences(), least_sure)
