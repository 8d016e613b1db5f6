import numpy as np
import pytest

from keras_attn.data import LabelledText
from keras_attn.tasks import Classification
from keras_attn.tasks.classification_measures import Measures
from keras_attn.tasks.classification_training import (
    figures,
    look_through,
    make_batches,
    train_baseline,
)
from keras_attn.text import ByteTokenizer
from tests.tasks.classification_cases import SMALL, made


def test_what_there_is_to_say_of_the_data():
    data = LabelledText(["a b", "A  B", "c", "d"], {"label": ["x", "x", "y", "y"]}, ["file:3: skipped, empty row"])
    validation = LabelledText(["a b", "e", "f"], {"label": ["x", "z", "y"]})
    labels, known, notes = look_through(data, validation)
    assert labels.classes == {"label": ["x", "y"]} and known.texts == ["a b", "f"]
    assert notes == [
        "4 training texts, 2 validation texts.",
        "1 validation texts left out, for labels that no training text has: 'z' (1).",
        "1 validation texts are in the training too; 1 training texts repeat others.",
        "1 training rows left out, the first: file:3: skipped, empty row.",
    ]


def test_batches_weigh_rare_classes_in_the_training_alone():
    data = LabelledText(["a", "bb", "ccc", "dddd"], {"label": ["x", "x", "x", "y"]})
    settings = {**SMALL, "tokenizer": "byte", "lowercase": False, "class_weights": "balanced"}
    task = Classification("tiny", **settings)
    task.labels, _, _ = look_through(data, data)
    task.tokenizer = ByteTokenizer()
    ids, targets, weights = make_batches(task, data, shuffle=True)[0]
    expected = np.where(targets["head_0"][:, 1] == 1, 2.0, 4 / 6)
    np.testing.assert_allclose(weights["head_0"], expected, rtol=1e-6)
    assert sorted(np.count_nonzero(ids, axis=1)) == [2, 3, 4, 5]
    assert len(make_batches(task, data, shuffle=False)[0]) == 2


def test_the_calibration_was_found_on_the_validation(classifier):
    task, found = classifier.task, classifier.task.calibration
    scores = task.scores(classifier.validation.texts)
    for head, measures in task.measured(classifier.validation, scores).items():
        assert measures.calibration_error() == pytest.approx(found[head]["ece"], abs=1e-4)
        answered, right = measures.coverage(found[head]["threshold"] - 1e-6)
        assert answered == pytest.approx(found[head]["answered"]) and right >= task.settings.answer_accuracy
        losses = [_loss(measures, t) for t in (0.9, 1.0, 1.1)]
        assert losses[1] == min(losses)


def _loss(measures, factor):
    """Cross-entropy at a multiple of the temperature, with a chance of 1 in N + 2 for the other of two classes."""
    powers = np.maximum(measures.scores.astype("float64"), 1e-30) ** (1 / factor)
    log_shares = np.log(powers / powers.sum(axis=1, keepdims=True))
    count = len(powers)
    targets = (measures.targets * count + 1) / (count + 2)  # 1 becomes (N + 1) / (N + 2), 0 becomes 1 / (N + 2)
    return -(targets * log_shares).sum(axis=1).mean()


def test_the_better_baseline_is_kept():
    task = Classification("tiny", label_columns=("topic",))
    data, validation = made(60, 1), made(30, 2)
    task.labels, _, _ = look_through(data, validation)
    kept = train_baseline(task, data, validation)
    assert figures(task.measured(validation, kept.scores(validation.texts)))["accuracy"] > 90


def test_figures_of_several_heads():
    right = Measures(["a", "b"], np.eye(2), np.eye(2))
    wrong = Measures(["a", "b"], np.eye(2), np.eye(2)[::-1])
    found = figures({"one": right, "two": wrong}, "baseline_")
    assert found["baseline_accuracy"] == 50.0 and found["one/baseline_accuracy"] == 100.0
    assert figures({"one": right})["macro_f1"] == 100.0
