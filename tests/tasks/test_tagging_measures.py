"""Figures against counting by hand; seqeval and scikit-learn count for the task."""

import builtins
import sys

import pytest

from keras_attn.data import TaggedText
from keras_attn.tasks.tagging_measures import TagMeasures, check_seqeval

RIGHT = TaggedText(
    [["w"] * 5, ["w"] * 3, ["w"] * 2],
    [["B-x", "I-x", "O", "B-y", "O"], ["B-x", "B-x", "O"], ["O", "O"]],
    ["a", "b", "b"],
)
TAGS = [["B-x", "I-x", "O", "B-x", "O"], ["B-x", "I-x", "O"], ["O", "O"]]


def test_by_hand():
    # Entities: right 4 (x 3, y 1); answered 3 (all x), of them 1 is right.
    found = TagMeasures(RIGHT, TAGS, ["a", "b", "a"]).summary()
    assert found["precision"] == pytest.approx(100 / 3) and found["recall"] == pytest.approx(25)
    assert found["f1"] == pytest.approx(200 / 7)
    assert found["macro_f1"] == pytest.approx((100 / 3 + 0) / 2)
    assert found["token_accuracy"] == pytest.approx(80) and found["sentence_accuracy"] == pytest.approx(100 / 3)
    assert found["label_accuracy"] == pytest.approx(200 / 3)


def test_each_type():
    rows = {row["type"]: row for row in TagMeasures(RIGHT, TAGS).per_type()}
    assert rows["x"] == {
        "type": "x",
        **dict.fromkeys(("precision", "recall", "f1"), pytest.approx(100 / 3)),
        "count": 3,
    }
    assert rows["y"] == {"type": "y", "precision": 0, "recall": 0, "f1": 0, "count": 1}
    assert "label_accuracy" not in TagMeasures(RIGHT, TAGS).summary()


def test_without_any_entity():
    nothing = TaggedText([["a", "b"]], [["O", "O"]])
    found = TagMeasures(nothing, [["O", "O"]])
    assert found.summary()["f1"] == 0.0 and found.summary()["token_accuracy"] == 100.0 and found.per_type() == []
    assert TagMeasures(nothing, [["O", "B-x"]]).summary()["precision"] == 0.0


def test_without_seqeval(monkeypatch):
    importer = builtins.__import__

    def refuse(name, *more):
        if name.startswith("seqeval"):
            raise ImportError(name)
        return importer(name, *more)

    monkeypatch.delitem(sys.modules, "seqeval", raising=False)
    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(RuntimeError, match=r"pip install 'keras_attn\[tagging\]'"):
        check_seqeval()
