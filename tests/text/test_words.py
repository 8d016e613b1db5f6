"""Words against Python's own search, and in the graph as outside of it."""

import random

import pytest
import tensorflow as tf

from keras_attn.text import split_words

regex = pytest.importorskip("regex")
LETTERS = r"[[\p{L}\p{M}\p{N}_]--[\p{Han}\p{Hiragana}\p{Katakana}]]+"
ORACLES = {
    "signs": regex.compile(rf"(?V1){LETTERS}(?:['’.,:/@&\-]{LETTERS})*|[^\s\p{{Z}}]"),
    "spaces": regex.compile(r"[^\s\p{Z}]+"),
}
TEXTS = [
    "",
    " \t ",
    "To O'Brien, at 3:30 (2,000.50 km)... a@b.org -- well-known!",
    "東京に行くA日 x",
    "मेरा नाम cafe\u0301 👍🏽\u00a0y\u3000z",
    "_a_b 'quoted' d'",
]


def found(texts, rule):
    words, starts, ends = split_words(texts, rule)
    rows = zip(words.to_list(), starts.to_list(), ends.to_list(), strict=True)
    return [[(word.decode(), start, end) for word, start, end in zip(*row, strict=True)] for row in rows]


@pytest.mark.parametrize("rule", ORACLES)
def test_words_and_where_they_stand(rule):
    draw = random.Random(0)
    made = ["".join(draw.choices("aé日か1_'’.,-@ \n\u2003😀\u0301", k=12)) for _ in range(100)]
    texts = [*TEXTS, *made]
    for text, words in zip(texts, found(texts, rule), strict=True):
        assert words == [(match[0], *match.span()) for match in ORACLES[rule].finditer(text)], text
        assert all(text[start:end] == word for word, start, end in words)


def test_some_by_hand():
    words = [[word for word, *_ in row] for row in found(TEXTS, "signs")]
    assert words[2][:5] == ["To", "O'Brien", ",", "at", "3:30"] and words[2][-4:] == ["-", "-", "well-known", "!"]
    assert words[3] == ["東", "京", "に", "行", "く", "A", "日", "x"]


def test_bytes_that_are_no_utf8_are_one_sign():
    words, starts, _ = split_words(tf.constant([b"a\xffb c"]))
    assert [word.decode() for word in words[0].numpy()] == ["a", "\ufffd", "b", "c"]
    assert starts[0].numpy().tolist() == [0, 1, 2, 4]


def test_in_a_graph():
    call = tf.function(split_words, input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)
    for inside, outside in zip(call(tf.constant(TEXTS)), split_words(TEXTS), strict=True):
        assert inside.to_list() == outside.to_list()
    assert call(tf.constant([], tf.string))[0].to_list() == []


def test_errors():
    with pytest.raises(ValueError, match=r"`rule` must be one of 'signs', 'spaces'\. Received: rule='words'"):
        split_words(["a"], "words")
