"""The search with caches against the whole model fed with its own output, and what goes in and out of it."""

import numpy as np
import pytest
import tensorflow as tf

from keras_attn.decoding import Beam, Greedy, MinLength, Shortlist
from keras_attn.tasks.translator import Translator
from keras_attn.text import END_ID, START_ID

WORDS = ["abcd", "b", "ddca", "", "ac", "dcbadcba"]


@pytest.fixture(scope="module", params=["trained", pytest.param("trained_rnn", marks=pytest.mark.long)])
def task(request):
    """The Transformer, and the recurrent translator."""
    return request.getfixturevalue(request.param).task


@pytest.fixture(scope="module")
def translator(task):
    return Translator(task.model, task.tokenizer, task.settings.max_length)


def log_softmax(logits):
    logits = np.asarray(logits, "float64")
    logits = logits - logits.max()
    return logits - np.log(np.exp(logits).sum())


def greedy_without_cache(model, source, most, bias=0.0):
    """Runs the whole model once a token, on one row; gives ids, and the sum of their log-probabilities."""
    ids, total = [START_ID], 0.0
    while len(ids) <= most and ids[-1] != END_ID:
        logits = model({"source": source, "target": np.array([ids], "int32")}, training=False)
        log_probabilities = log_softmax(logits[0, -1] + bias)
        ids.append(int(log_probabilities.argmax()))
        total += log_probabilities[ids[-1]]
    return ids[1:], total


def test_cached_equals_uncached(task, translator):
    source = translator.source_ids(tf.constant(WORDS))
    result = translator.search(source, Greedy(0.6))
    for row, word in enumerate(WORDS):  # each by itself: padding and the other rows have no influence
        alone = task.tokenizer.tokenize([word]).to_list()[0] + [END_ID]
        ids, total = greedy_without_cache(task.model, np.array([alone], "int32"), min(2 * len(alone) + 10, 16))
        found = result.ids.numpy()[row, 0]
        assert found[: len(ids)].tolist() == ids and not found[len(ids) :].any()
        assert float(result.scores[row, 0]) == pytest.approx(total / ((5 + len(ids)) / 6) ** 0.6, abs=1e-4)


def test_a_shortlist_leaves_the_rest_out(task):
    """Each text has other candidates, which the other texts of the batch don't change; scores are among them."""
    vocabulary_size = task.tokenizer.vocabulary_size
    translations = np.random.default_rng(1).integers(4, vocabulary_size, [vocabulary_size, 1]).astype("int32")
    translator = Translator(task.model, task.tokenizer, task.settings.max_length, Shortlist(translations, []))
    result = translator.search(translator.source_ids(tf.constant(WORDS)), Greedy(0.0))
    for row, word in enumerate(WORDS):
        alone = task.tokenizer.tokenize([word]).to_list()[0] + [END_ID]
        allowed = np.full(vocabulary_size, -np.inf)
        allowed[[0, 1, 2, 3, *translations[[0, *alone], 0]]] = 0.0
        ids, total = greedy_without_cache(task.model, np.array([alone], "int32"), min(2 * len(alone) + 10, 16), allowed)
        found = result.ids.numpy()[row, 0]
        assert found[: len(ids)].tolist() == ids and not found[len(ids) :].any()
        assert float(result.scores[row, 0]) == pytest.approx(total, abs=1e-4)


def test_a_shortlist_of_everything_changes_nothing_and_rules_search_everything(task, translator):
    source, vocabulary_size = translator.source_ids(tf.constant(WORDS)), task.tokenizer.vocabulary_size
    every = Shortlist(np.zeros((vocabulary_size, 1)), range(vocabulary_size))
    nothing = Shortlist(np.zeros((vocabulary_size, 1)), [])
    for short, rules in ((every, []), (nothing, [MinLength(1)])):
        found = Translator(task.model, task.tokenizer, task.settings.max_length, short).search(source, Beam(3), rules)
        expected = translator.search(source, Beam(3), rules)
        assert np.array_equal(found.ids, expected.ids)
        np.testing.assert_allclose(found.scores, expected.scores, atol=1e-5)


def beam_by_hand(model, source, size, most):
    """Beam search that runs the whole model for every hypothesis, and never stops early; the best by GNMT's penalty."""
    live, pool = [([], 0.0)], []
    for length in range(1, most + 1):
        found = []
        for ids, total in live:
            logits = model({"source": source, "target": np.array([[START_ID, *ids]], "int32")}, training=False)
            found += [([*ids, i], total + value) for i, value in enumerate(log_softmax(logits[0, -1]))]
        found = sorted(found, key=lambda pair: -pair[1])[: 2 * size]
        live = [pair for pair in found if pair[0][-1] != END_ID][:size]
        ended = [pair for pair in found if pair[0][-1] == END_ID] + (live if length == most else [])
        pool += [(ids, total / ((5 + length) / 6)) for ids, total in ended]
        pool = sorted(pool, key=lambda pair: -pair[1])[:size]
    return pool


def test_a_beam_is_that_of_the_whole_model_by_hand(task, translator):
    result = translator.search(translator.source_ids(tf.constant(WORDS[:3])), Beam(3, 1.0, 3))
    for row, word in enumerate(WORDS[:3]):
        alone = np.array([task.tokenizer.tokenize([word]).to_list()[0] + [END_ID]], "int32")
        for place, (ids, score) in enumerate(beam_by_hand(task.model, alone, 3, min(2 * alone.size + 10, 16))):
            found = result.ids.numpy()[row, place]
            assert found[: len(ids)].tolist() == ids and not found[len(ids) :].any()
            assert float(result.scores[row, place]) == pytest.approx(score, abs=1e-4)


def score_of(model, source, ids):
    """Sum of the log-probabilities of given ids, from one pass over all of them."""
    logits = model({"source": source, "target": np.array([[START_ID, *ids[:-1]]], "int32")}, training=False)
    return sum(log_softmax(logits[0, t])[i] for t, i in enumerate(ids))


def test_the_scores_of_a_beam_are_those_of_the_whole_model(task, translator):
    source = translator.source_ids(tf.constant(["abca"]))
    result = translator.search(source, Beam(4, 1.0, 4))
    for ids, score in zip(result.ids.numpy()[0], result.scores.numpy()[0], strict=True):
        ids = [int(i) for i in ids if i]
        expected = score_of(task.model, source.numpy(), ids) / ((5 + len(ids)) / 6)
        assert float(score) == pytest.approx(expected, abs=1e-4)


def test_source_ids(task, translator):
    first, *_ = (task.tokenizer.tokenize([letter]).to_list()[0][0] for letter in "a")
    ids = translator.source_ids(tf.constant(["a", "aaa", "", "a" * 99]))
    assert ids.dtype == tf.int32 and ids.shape == (4, 16)
    expected = [[first, END_ID], [first] * 3 + [END_ID], [END_ID], [first] * 15 + [END_ID]]
    assert ids.numpy().tolist() == [row + [0] * (16 - len(row)) for row in expected]


@pytest.mark.parametrize("strategy", [Greedy(), Beam(3, 1.0, 2)])
def test_translate(translator, strategy):
    texts, scores = translator.translate(tf.constant(["", "ab", ""]), strategy)
    results = 1 if isinstance(strategy, Greedy) else 2
    assert texts.shape == scores.shape == (3, results)
    assert texts.dtype == tf.string and scores.dtype == tf.float32
    assert texts.numpy()[0].tolist() == texts.numpy()[2].tolist() == [b""] * results
    assert texts.numpy()[1, 0] == b"ba"


def test_cross_attention_ignores_padding(task, translator):
    num_heads = task.settings.num_heads if task.settings.architecture == "transformer" else 1
    source = translator.source_ids(tf.constant(["abcd", "b"]))
    target = tf.constant([[5, 6, 2], [4, 2, 0]])
    (scores,) = translator.cross_attention(source, target)
    assert scores.shape == (2, num_heads, 3, 5)
    np.testing.assert_allclose(tf.reduce_sum(scores, axis=-1), np.ones((2, num_heads, 3)), atol=1e-5)
    assert not scores.numpy()[1, :, :, 2:].any()
    (alone,) = translator.cross_attention(source[1:, :2], target[1:, :2])
    np.testing.assert_allclose(scores[1:, :, :2, :2], alone, atol=1e-5)


def test_it_keeps_every_weight(task, translator):
    assert len(translator.variables) == len(task.model.variables)


@pytest.mark.parametrize(("strategy", "results"), [(Greedy(), 1), (Beam(2, num_results=2), 2)], ids=["greedy", "beam"])
def test_no_texts_give_no_answers(translator, strategy, results):
    translate = tf.function(
        lambda texts: translator.translate(texts, strategy),
        input_signature=[tf.TensorSpec([None], tf.string)],
        autograph=False,
    )
    texts, scores = translate(tf.constant([], tf.string))
    assert tuple(texts.shape) == tuple(scores.shape) == (0, results)
    texts, scores = translate(tf.constant(["", "ab"]))
    assert texts[0].numpy().tolist() == [b""] * results and not scores[0].numpy().any()
