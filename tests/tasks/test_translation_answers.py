"""What a search can be told, on translators that have learnt to write words of a, b, c and d backwards."""

import numpy as np
import pytest
import tensorflow as tf

from keras_attn.tasks import Translation
from keras_attn.text import END_ID, START_ID

WORDS = ["abcd", "b", "ddca", "", "ac", "dcba"]


def log_softmax(logits):
    logits = np.asarray(logits, "float64")
    logits = logits - logits.max(-1, keepdims=True)
    return logits - np.log(np.exp(logits).sum(-1, keepdims=True))


def token_scores_by_hand(task, source, target):
    """One pass of the whole model over one pair, without padding."""
    ids = [task.tokenizer.tokenize([text]).to_list()[0] + [END_ID] for text in (source, target)]
    inputs = {"source": np.array([ids[0]], "int32"), "target": np.array([[START_ID, *ids[1][:-1]]], "int32")}
    logits = task.model(inputs, training=False)
    return log_softmax(logits[0])[np.arange(len(ids[1])), ids[1]]


@pytest.mark.parametrize("kind", ["trained", pytest.param("trained_rnn", marks=pytest.mark.long)])
def test_scores_of_pairs_are_sums_of_the_log_softmax(kind, request):
    task = request.getfixturevalue(kind).task
    targets = ["dcba", "a", "", "dd", "cab", "abcdabcd"]
    scores = task.score_pairs(WORDS, targets, batch_size=4)
    for source, target, found in zip(WORDS, targets, scores, strict=True):
        expected = token_scores_by_hand(task, source, target)
        np.testing.assert_allclose(found.token_scores, expected, atol=1e-4)
        assert found.score == pytest.approx(expected.sum(), abs=1e-4)
        assert found.tokens == [*target, "<end>"]


def test_scores_of_pairs_cut_what_is_too_long_and_say_so(task):
    with pytest.warns(UserWarning, match="2 texts are longer than 15 tokens and were cut"):
        scores = task.score_pairs(["ab", "a" * 30], ["a" * 16, "ba"])
    assert len(scores[0].tokens) == 16 and np.isfinite(scores[0].score)
    with pytest.raises(ValueError, match="sources of length 1, targets of length 2"):
        task.score_pairs(["a"], ["a", "b"])
    assert task.score_pairs([], []) == []


@pytest.mark.parametrize("kind", ["trained", pytest.param("trained_rnn", marks=pytest.mark.long)])
def test_details_are_those_of_the_whole_model(kind, request):
    task = request.getfixturevalue(kind).task
    translator, checked = task._translator(), 0
    for word, answers in zip(WORDS, task.nbest(WORDS, 4, details=True), strict=True):
        for answer in answers:
            assert answer.source_tokens == [*word, "<end>"]
            if not word:
                assert answer.tokens == answer.token_scores == [] and answer.alignment.shape == (0, 1)
                continue
            length = len(answer.tokens)
            assert len(answer.token_scores) == length and answer.alignment.shape == (length, len(word) + 1)
            if answer.tokens != [*answer.text, "<end>"]:
                continue  # cut, or with a piece that is no text
            checked += 1
            total = answer.score * ((5 + length) / 6) ** task.settings.length_penalty
            assert sum(answer.token_scores) == pytest.approx(total, abs=1e-4)
            np.testing.assert_allclose(answer.token_scores, token_scores_by_hand(task, word, answer.text), atol=1e-4)
            source, target = translator.source_ids([word]), translator.source_ids([answer.text])
            (layer,) = translator.cross_attention(source, target)
            np.testing.assert_allclose(answer.alignment, layer[0].numpy().mean(0), atol=1e-5)
    assert checked >= 10


def test_prefixes(task, monkeypatch):
    answers = task.predict(WORDS, prefix="cc")
    monkeypatch.setattr(tf, "function", None)  # they share a trace: tracing anew would fail
    assert all(answer.startswith("cc") for answer, word in zip(answers, WORDS, strict=True) if word)
    assert answers[3] == "" and len({*answers}) > 2
    each = task.predict(WORDS, prefix=["cc", "", "a", "b", "", "dcb"])
    assert each[0] == answers[0] and each[5].startswith("dcb")
    assert [each[1], each[4]] == ["b", "ca"]
    with pytest.raises(ValueError, match="Received: 2 prefixes for 6 texts"):
        task.predict(WORDS, prefix=["a", "b"])


def test_required_and_banned_texts(task, words):
    for answer in task.predict(words.unseen, require=["cc", "ad"]):
        assert "cc" in answer and "ad" in answer and len(answer) <= 16
    for row in task.nbest(words.unseen, 3, require=["db"], ban=["a", "bc"], prefix="c", no_repeat_ngram=1):
        for answer in row:
            assert answer.text[0] == "c" and "db" in answer.text and len({*answer.text}) == len(answer.text)
            assert "a" not in answer.text and "bc" not in answer.text


@pytest.mark.long
def test_lengths_and_repetition(task, words):
    assert {len(answer) for answer in task.predict(words.unseen, min_length=5, max_length=6)} <= {5, 6}
    for answer in task.predict(["aaaa", "abab", "dddd"], no_repeat_ngram=2, repetition_penalty=1.5):
        pairs = [answer[i : i + 2] for i in range(len(answer) - 1)]
        assert len({*pairs}) == len(pairs)
    assert task.predict(["aaaa"]) == ["aaaa"] != task.predict(["aaaa"], repetition_penalty=50.0)


@pytest.mark.long
def test_samples_follow_their_seed_and_no_batch(task, words):
    texts = words.unseen[:20]
    drawn = task.nbest(texts, 4, sample=True, temperature=2.0, seed=1)
    again = task.nbest(texts, 4, batch_size=3, sample=True, temperature=2.0, seed=1)
    assert [[answer.text for answer in row] for row in drawn] == [[answer.text for answer in row] for row in again]
    assert any(len({answer.text for answer in row}) > 1 for row in drawn)
    assert task.predict(texts, sample=True, top_k=1) == task.predict(texts, beam_size=1)


def test_the_coverage_penalty_ranks_the_nbest_again(task, words):
    beta = 3.0
    found = task.nbest(words.unseen, 2, beam_size=4, coverage_penalty=beta)
    changed = 0
    for row, all_four in zip(found, task.nbest(words.unseen, 4, details=True), strict=True):
        scores = [
            answer.score + beta * np.log(np.clip(answer.alignment.sum(0), 1e-6, 1.0)).sum() for answer in all_four
        ]
        order = np.argsort(scores)[::-1]
        np.testing.assert_allclose([answer.score for answer in row], np.sort(scores)[::-1][:2], atol=1e-3)
        assert row[0].text == all_four[order[0]].text
        changed += order[0] != 0
    assert changed


def test_where_nothing_is_allowed_there_is_no_answer_and_a_warning(task):
    with pytest.warns(UserWarning, match="2 texts have no answer that the options allow"):
        answers = task.predict(["ab", "", "b"], min_length=5, ban=["a", "b", "c", "d", "ba"], beam_size=1, max_length=6)
    assert answers == ["", "", ""]
    rows = task.nbest(["ab"], 2, require=["aa"], ban=["ca", "da", "ba"], prefix="c")
    assert rows == [[]]


def test_odd_texts(task):
    texts = ["", "a\udc80b", "日本 🙂", "a" * 100_000, " ", "\x00"]
    for options in ({"beam_size": 50, "coverage_penalty": 0.2}, {"sample": True, "require": ["ab"]}):
        answers = task.nbest(texts, 2, **options)
        assert [bool(row) for row in answers] == [True] * 6 and answers[0][0].text == ""
        assert all(np.isfinite(answer.score) for row in answers for answer in row)
    with pytest.raises(ValueError, match=r"of type str. Received: texts\[1\]=b'a'"):
        task.predict(["a", b"a"])


@pytest.fixture(scope="module")
def ensemble(trained, trained_rnn):
    return Translation.ensemble([trained.run, trained_rnn.run])


def test_an_ensemble_means_log_probabilities(ensemble, trained, trained_rnn, words):
    """By running both models whole, once a token."""
    members = [trained.task, trained_rnn.task]
    for word in words.unseen[:4]:
        source = np.array([trained.task.tokenizer.tokenize([word]).to_list()[0] + [END_ID]], "int32")
        ids, scores = [START_ID], []
        while ids[-1] != END_ID and len(ids) <= 16:
            inputs = {"source": source, "target": np.array([ids], "int32")}
            log_probs = [log_softmax(member.model(inputs, training=False)[0, -1]) for member in members]
            mean = log_softmax(np.mean(log_probs, axis=0))
            ids.append(int(mean.argmax()))
            scores.append(mean[ids[-1]])
        (answer,) = ensemble.nbest([word], 1, beam_size=1, length_penalty=0.0)[0]
        assert answer.score == pytest.approx(sum(scores), abs=1e-4)
        if ids[-1] == END_ID:
            (given,) = ensemble.score_pairs([word], [answer.text])
            assert given.tokens == trained.task.tokenizer.pieces(ids[1:])
            np.testing.assert_allclose(given.token_scores, scores, atol=1e-4)


def test_an_ensemble_is_a_task(ensemble, trained, words):
    assert ensemble.evaluate(trained.pairs(words.unseen), beam_size=1, length_penalty=0.0)["exact_match"] > 50
    explained = ensemble.explain("abcd")
    assert explained.source == [*"abcd", "<end>"] and explained.scores.shape == (2, 1, len(explained.target), 5)


def test_an_ensemble_refuses_what_it_cannot_be(ensemble, trained, tmp_path):
    with pytest.raises(RuntimeError, match="Received: a task made by `ensemble`"):
        ensemble.save(tmp_path / "saved")
    with pytest.raises(ValueError, match="Received: folders=\\[\\]"):
        Translation.ensemble([])
    with pytest.raises(FileNotFoundError, match="no run folder"):
        Translation.ensemble([trained.run, tmp_path])
    task = Translation.load(trained.run)
    task.save(tmp_path / "other")
    settings = tmp_path / "other" / "tokenizer" / "tokenizer.json"
    settings.write_text(settings.read_text("utf-8") + "\n", "utf-8")
    with pytest.raises(ValueError, match=r"one vocabulary.*Received: '.*other', which differs from '"):
        Translation.ensemble([trained.run, tmp_path / "other"])
