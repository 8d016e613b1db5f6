"""What may be said: which tags, in which order, and what is left out for being unknown."""

import itertools

import pytest

from keras_attn.data import TaggedText
from keras_attn.data.tag_schemes import to_bio
from keras_attn.tasks.tagging_labels import TagSet

DATA = TaggedText(
    [["to", "Rome"], ["home"], ["on", "May", "1"]],
    [["O", "B-city"], ["O"], ["O", "B-day", "I-day"]],
    ["ask", "ask", "tell"],
)


def test_names_are_those_of_the_data():
    found = TagSet.of(DATA)
    assert found == TagSet(["city", "day"], ["ask", "tell"])
    assert found.tags == ["O", "B-city", "I-city", "B-day", "I-day"]
    assert found.tag_ids(DATA) == [[0, 1], [0], [0, 3, 4]] and found.label_ids(DATA) == [0, 0, 1]
    assert TagSet(["city"]).label_ids(DATA) is None


def test_what_is_allowed_is_what_needs_no_repair():
    found = TagSet.of(DATA)
    for (i, before), (j, tag) in itertools.product(enumerate(found.tags), repeat=2):
        opened = ["B" + before[1:], before] if before[0] == "I" else [before]
        assert found.allowed_steps()[i][j] is (to_bio([*opened, tag])[1] == 0), (before, tag)
    assert found.allowed_starts() == [to_bio([tag])[1] == 0 for tag in found.tags]


def test_unknown_types_and_labels_are_left_out_and_counted():
    others = TaggedText(
        [["a"], ["b"], ["c"], ["d"]], [["B-city"], ["B-food"], ["O"], ["O"]], ["ask", "ask", "shout", "tell"], ["x"], 3
    )
    known, unknown = TagSet.of(DATA).known(others)
    assert known.words == [["a"], ["d"]] and known.labels == ["ask", "tell"] and unknown == {"food": 1, "shout": 1}
    assert known.skipped == ["x"] and known.repairs == 3
    known, unknown = TagSet(["city"]).known(others)
    assert known.words == [["a"], ["c"], ["d"]] and known.labels is None and unknown == {"food": 1}


def test_errors(tmp_path):
    with pytest.raises(ValueError, match="all tags of the training's 1 sentences are O"):
        TagSet.of(TaggedText([["a"]], [["O"]]))
    with pytest.raises(ValueError, match=r"two or more.*Received: labels=\['x'\]"):
        TagSet.of(TaggedText([["a"]], [["B-y"]], ["x"]))
    with pytest.raises(ValueError, match=r"must these: .* Received: labels=None"):
        TagSet.of(DATA).known(TaggedText([["a"]], [["O"]]))
    with pytest.raises(ValueError, match=r"No sentence has types and labels.*Received: 'food'"):
        TagSet(["city"]).known(TaggedText([["a"]], [["B-food"]]))
    with pytest.raises(ValueError, match=r"tags\.json is missing or damaged"):
        TagSet.load(tmp_path)


def test_save_and_load(tmp_path):
    TagSet.of(DATA).save(tmp_path)
    assert TagSet.load(tmp_path) == TagSet.of(DATA)
