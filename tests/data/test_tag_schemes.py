"""Schemes against the entities that seqeval reads in each."""

import random

import pytest

from keras_attn.data.tag_schemes import scheme_of, spans, split_tag, to_bio

scheme = pytest.importorskip("seqeval.scheme")


def entities(tags, reader):
    """What seqeval, strict, reads in valid tags: type, first word, and the word behind the last."""
    found = scheme.Entities([tags], reader).entities[0]
    return [(entity.tag, entity.start, entity.end) for entity in found]


def drawn(seed):
    """Tags of a random sentence in BIOES, no repair needed."""
    draw, tags = random.Random(seed), []
    for _ in range(draw.randrange(1, 6)):
        name, length = draw.choice("xy"), draw.randrange(4)
        tags += [f"S-{name}"] if length == 1 else [f"B-{name}", *[f"I-{name}"] * (length - 2), f"E-{name}"]
        if length == 0:
            tags[-2:] = ["O"]
    return tags


def in_iob1(tags):
    bio, before, found = to_bio(tags, "bioes")[0], "O", []
    for tag in bio:
        found.append(tag if tag[0] != "B" or before[2:] == tag[2:] else f"I{tag[1:]}")
        before = tag
    return found


@pytest.mark.parametrize("seed", range(40))
def test_the_entities_stay_what_they_are(seed):
    tags = drawn(seed)
    expected = entities(tags, scheme.IOBES)
    bilou = [tag.replace("E-", "L-").replace("S-", "U-") for tag in tags]
    for given, way, reader in (
        (tags, "bioes", scheme.IOBES),
        (bilou, "bioes", scheme.BILOU),
        (in_iob1(tags), "iob1", scheme.IOB1),
    ):
        assert entities(given, reader) == expected
        bio, repairs = to_bio(given, way)
        assert repairs == 0 and entities(bio, scheme.IOB2) == expected == spans(bio)
        assert to_bio(bio) == (bio, 0)


@pytest.mark.parametrize(
    ("tags", "way", "expected", "repairs"),
    [
        (["I-x", "I-x", "I-y"], "bio", ["B-x", "I-x", "B-y"], 2),
        (["B-x", "O", "I-x"], "bio", ["B-x", "O", "B-x"], 1),
        (["S-x", "I-x", "E-x", "E-x"], "bioes", ["B-x", "B-x", "I-x", "B-x"], 2),
        ([], "bio", [], 0),
    ],
)
def test_repairs_are_counted(tags, way, expected, repairs):
    assert to_bio(tags, way) == (expected, repairs)


def test_the_scheme_is_found_out():
    assert scheme_of([["O"], ["B-x", "I-x"]]) == "bio"
    assert scheme_of([["O"], ["B-x", "L-x"]]) == "bioes"
    assert scheme_of([["I-x", "B-x"], ["O", "I-x"]]) == "iob1"
    assert scheme_of([["I-x", "O", "B-x"]]) == "bio"  # with a repair
    assert scheme_of([["O", "O"]]) == "bio"


@pytest.mark.parametrize("tag", ["", "B-", "B", "X-y", "NOUN", "-x", "o"])
def test_what_is_no_tag(tag):
    assert split_tag(tag) is None


def test_a_type_may_hold_a_dash():
    assert split_tag("I-a-b") == ("I", "a-b")
