import numpy as np
import pytest

from keras_attn.tasks import Entity, Tagged

TEXT = "send 7 iced tea  to San Jose for Paris"


def test_entities_stand_where_they_say():
    words, starts, ends = ["to", "San", "José", "ok"], [0, 4, 9, 14], [2, 7, 13, 16]
    found = Tagged("to  San  José, ok", words, ["O", "B-city", "I-city", "O"], starts, ends, 0.5)
    assert found.entities() == [Entity("city", "San  José", 4, 13)]
    assert found.line() == "to San/B-city José/I-city ok"


def test_texts_and_words_give_the_same_tags(tagging):
    by_text, by_words = (tagging.task.answers([given])[0] for given in (TEXT, TEXT.split()))
    assert by_text.words == by_words.words and by_text.tags == by_words.tags
    assert by_text.score == pytest.approx(by_words.score, rel=1e-4)
    for found in (by_text, by_words):
        assert all(found.text[a:b] == w for w, a, b in zip(found.words, found.starts, found.ends, strict=True))
    assert by_words.text == TEXT.replace("  ", " ")
    assert {(e.type, e.text) for e in by_text.entities()} == {
        ("count", "7"),
        ("drink", "iced tea"),
        ("city", "San Jose"),
        ("person", "Paris"),
    }
    assert by_text.label == "order" and by_text.label_score > 0.5


def test_each_text_has_its_own_answer_whatever_stands_beside_it(tagging):
    texts = [TEXT, "", "does Austin take coffee to Sydney ?", "for Paris", "\ud83d half a pair"]
    together, alone = tagging.task.answers(texts, batch_size=3), [tagging.task.answers([text])[0] for text in texts]
    assert [(a.words, a.tags, a.label) for a in together] == [(b.words, b.tags, b.label) for b in alone]
    np.testing.assert_allclose([a.score for a in together], [b.score for b in alone], atol=1e-4)
    assert together[1].words == [] and together[1].score == 1.0


def test_given_words_behind_the_last_that_is_read_are_o(tagging):
    words = ["tea"] * 40
    found = tagging.task.answers([words])[0]
    assert found.words == words and len(found.tags) == 40 and found.tags[24:] == ["O"] * 16
    assert len(tagging.task.answers([" ".join(words)])[0].words) == 24  # max_length


def test_where_words_look(tagging):
    shown = tagging.task.explain(TEXT)
    assert shown.source == TEXT.split() and shown.target[1] == "7/B-count" and shown.scores.shape == (1, 2, 9, 9)
    np.testing.assert_allclose(shown.scores.sum(axis=-1), 1.0, atol=1e-5)
    for word in ("San", 5):
        weights = tagging.task.explain(TEXT, word)
        assert [text for text, _ in weights.words()] == TEXT.split() and weights.title == "San/B-city looks at"
        np.testing.assert_allclose(weights.weights, shown.select()[5], atol=1e-6)
    for word in ("Rome", 9, -1):
        with pytest.raises(ValueError, match="The text has no such word"):
            tagging.task.explain(TEXT, word)
