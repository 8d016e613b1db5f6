import numpy as np
import pytest

from keras_attn.tasks.classification_answers import Asked, predictions_of
from keras_attn.tasks.classification_labels import Labels


def test_scores_are_read():
    labels = Labels({"topic": ["a", "b", "c"], "tags": ["x", "y"]}, ("tags",))
    scores = {"topic": np.array([[0.2, 0.7, 0.1], [0.4, 0.3, 0.3]]), "tags": np.array([[0.9, 0.6], [0.1, 0.2]])}
    first, second = predictions_of(scores, labels, {"topic": {"threshold": 0.5}, "tags": {"threshold": 0.7}})
    assert first["topic"] == ("b", 0.7, {"b": 0.7, "a": 0.2, "c": 0.1}, True)
    assert second["topic"].label == "a" and not second["topic"].is_confident
    assert first["tags"].label == ("x", "y") and first["tags"].confidence == 0.6 and not first["tags"].is_confident
    assert (
        second["tags"].label == () and second["tags"].confidence == pytest.approx(0.8) and second["tags"].is_confident
    )


def test_batches_do_not_change_the_order_of_answers(classifier):
    asked, texts = Asked(classifier.task.classifier()), [*classifier.validation.texts[:9], "", "boat"]
    done = []
    scores, unknown = asked.scores(texts, batch_size=4, progress=done.append)
    assert done == [4, 8, 11] and scores["topic"].shape == (11, 2) and unknown.shape == (11,)
    for row in (0, 5, 9):
        alone, _ = asked.scores([texts[row]])
        np.testing.assert_allclose(alone["mood"][0], scores["mood"][row], atol=1e-5)
