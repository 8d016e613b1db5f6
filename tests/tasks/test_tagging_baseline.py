"""The baselines: counted by hand, and what a window must see."""

import pytest

from keras_attn.data import TaggedText
from keras_attn.tasks.tagging_baseline import BASELINES, FrequentTags, LinearTags
from tests.tasks.tagging_cases import made


def test_the_most_frequent_tag():
    data = TaggedText([["a", "b"], ["a", "c"], ["a", "b"]], [["B-x", "I-x"], ["B-x", "O"], ["O", "I-x"]])
    assert FrequentTags.train(data).tag([["a", "b", "c", "new"], ["b"], []]) == [["B-x", "I-x", "O", "O"], ["B-x"], []]


def test_the_window_tells_apart_what_the_word_does_not():
    data, test = made(300, 1), made(60, 5)
    accuracy = {}
    for kind in BASELINES:
        pairs = [
            (a, b)
            for right, own in zip(test.tags, kind.train(data).tag(test.words), strict=True)
            for a, b in zip(right, own, strict=True)
        ]
        accuracy[kind.name] = sum(a == b for a, b in pairs) / len(pairs)
    assert accuracy["frequent"] < 0.9 and accuracy["linear"] > 0.99


@pytest.mark.parametrize("kind", BASELINES)
@pytest.mark.parametrize("tags", [["O", "B-x"], ["O", "O"], ["B-x", "B-y"]])
def test_few_tags_and_a_trip_through_files(kind, tags, tmp_path):
    data = TaggedText([["a", "b"]] * 4, [tags] * 4)
    assert kind.load(tmp_path) is None
    kind.train(data).save(tmp_path)
    assert kind.load(tmp_path).tag([["a", "b"], []]) == [tags, []]


def test_nothing_to_tag():
    assert LinearTags.train(made(20, 1)).tag([[], []]) == [[], []]
