import numpy as np
import pytest
from sklearn.utils.class_weight import compute_sample_weight

from keras_attn.data import LabelledText
from keras_attn.tasks.classification_labels import Labels, balanced_weights

DATA = LabelledText(["a", "b", "c"], {"topic": ["sea", "food", "sea"], "tags": [("x", "y"), (), ("y",)]})


def test_classes_and_targets():
    labels = Labels.of(DATA)
    assert labels.classes == {"topic": ["food", "sea"], "tags": ["x", "y"]} and labels.multi_label == ("tags",)
    assert labels.outputs() == {"topic": "head_0", "tags": "head_1"} and labels.counts == [2, 2]
    targets = labels.targets(DATA)
    assert targets["topic"].tolist() == [[0, 1], [1, 0], [0, 1]]
    assert targets["tags"].tolist() == [[1, 1], [0, 0], [0, 1]]


def test_texts_of_unknown_labels_are_left_out():
    other = LabelledText(
        ["d", "e", "f", "g"], {"topic": ["sea", "car", "car", "food"], "tags": [("x",), ("z",), (), ("z", "w")]}
    )
    known, unknown = Labels.of(DATA).known(other)
    assert known.texts == ["d"] and known.labels == {"topic": ["sea"], "tags": [("x",)]}
    assert unknown == {"car": 2, "z": 2, "w": 1}


def test_one_tag_is_a_decision_and_one_class_is_not():
    assert Labels.of(LabelledText(["a", "b"], {"tags": [("x",), ()]})).classes == {"tags": ["x"]}
    with pytest.raises(ValueError, match=r"the column 'topic' .* Received: labels=\['sea'\]"):
        Labels.of(LabelledText(["a", "b"], {"topic": ["sea", "sea"]}))


def test_they_are_saved(tmp_path):
    labels = Labels.of(DATA)
    labels.save(tmp_path)
    assert Labels.load(tmp_path) == labels
    (tmp_path / "classes.json").write_text("{}", "utf-8")
    with pytest.raises(ValueError, match=r"classes\.json is missing or damaged"):
        Labels.load(tmp_path)
    with pytest.raises(ValueError, match=r"is missing or damaged"):
        Labels.load(tmp_path / "nowhere")


def test_balanced_weights_are_scikit_learns():
    classes = np.random.default_rng(0).choice(4, 100, p=[0.6, 0.2, 0.15, 0.05])
    expected = compute_sample_weight("balanced", classes)
    np.testing.assert_allclose(balanced_weights(np.eye(4)[classes]), expected, rtol=1e-6)
