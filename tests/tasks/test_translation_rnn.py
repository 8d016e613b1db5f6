"""The recurrent translator from pairs to an exported model."""

import shutil

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_text  # noqa: F401 registers the tokenizer's ops

from keras_attn.tasks import Translation
from keras_attn.tasks.translation_model import build_model
from keras_attn.training import RunFolder

# Beside the trained one's GRU and general score; tests/models/test_rnn_seq2seq.py has them all.
KINDS = [
    {"cell": "lstm", "attention": "cosine", "num_layers": 2},
    {"cell": "simple", "attention": "additive", "use_previous_state": True},
]


@pytest.fixture(scope="module")
def task(trained_rnn):
    return trained_rnn.task


def served(task, texts, folder):
    """What the exported model answers, and the ops it is made of."""
    version = task.export(folder)
    ops = (version / "ops.txt").read_text("utf-8").splitlines()
    answers = tf.saved_model.load(version).signatures["serving_default"](text=tf.constant(texts))
    return [text.decode() for text in answers["text"].numpy()], answers["score"].numpy(), ops


def test_it_has_learnt_its_language(task, trained_rnn, words):
    metrics = task.evaluate(trained_rnn.pairs(words.unseen))
    assert metrics["exact_match"] > 80
    assert trained_rnn.metrics["val_loss"] < 0.5


def test_one_text_at_a_time_gives_the_same(task, words):
    together = task.nbest(words.unseen[:12], 2)
    for i in (3, 7):
        for answer, wanted in zip(*task.nbest(words.unseen[i : i + 1], 2), together[i], strict=True):
            assert answer.text == wanted.text and answer.score == pytest.approx(wanted.score, abs=1e-5)
    assert task.predict(["", "ab", ""], beam_size=1) == ["", "ba", ""] and task.predict([]) == []


def test_explain(task):
    attention = task.explain("dcba")
    answer = task.predict(["dcba"])[0]
    assert attention.source == [*"dcba", "<end>"] and attention.target == [*answer, "<end>"]
    assert attention.scores.shape == (1, 1, len(answer) + 1, 5)
    np.testing.assert_allclose(attention.scores.sum(-1), 1.0, atol=1e-5)
    looked = attention.scores[0, 0, :4].argmax(-1)
    assert looked[0] > looked[-1]  # it reads from right to left


def test_a_loaded_task_answers_the_same(task, trained_rnn, words, tmp_path):
    task.save(tmp_path / "saved")
    expected = task.nbest(words.unseen, 2)
    for folder in (trained_rnn.run, tmp_path / "saved"):
        assert Translation.load(folder).nbest(words.unseen, 2) == expected


def test_an_export_answers_like_predict(task, words, tmp_path):
    texts = [*words.unseen[:12], "", "a" * 100, "zz 日本"]
    answers, scores, ops = served(task, texts, tmp_path / "reverser")
    expected = [answers[0] for answers in task.nbest(texts, 1)]
    assert answers == [answer.text for answer in expected]
    np.testing.assert_allclose(scores, [answer.score for answer in expected], atol=1e-4)
    assert "While" in ops or "StatelessWhile" in ops
    assert not [op for op in ops if op.startswith("Xla")]


@pytest.mark.long
def test_resume_goes_on_where_it_stopped(trained_rnn, words, tmp_path):
    run = shutil.copytree(trained_rnn.run, tmp_path / "run")
    before, state = RunFolder(run).metrics(), RunFolder(run).load_checkpoint("last")[1]
    task = Translation("tiny", **{**trained_rnn.settings, "epochs": 2})
    data, validation = trained_rnn.pairs(words.train * 20), trained_rnn.pairs(words.unseen)
    task.fit(data, validation, run=run, resume=True, max_minutes=state["seconds"] / 60 + 1e-5)  # time for one step
    lines = RunFolder(run).metrics()
    assert lines[:1] == before and (lines[1]["epoch"], lines[1]["step"]) == (2, before[0]["step"] + 1)
    assert lines[1]["loss"] < before[0]["loss"]


@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: "-".join(map(str, kind.values())))
def test_every_kind_answers_explains_and_exports(kind, trained_rnn, words, tmp_path):
    settings = {**trained_rnn.settings, "num_layers": 1, **kind}
    task = Translation("tiny", **settings)
    task.tokenizer = trained_rnn.task.tokenizer
    task.model = build_model(task.settings, task.tokenizer.vocabulary_size)  # untrained: its answers are long
    texts = words.unseen[:5]
    expected = [answers[0] for answers in task.nbest(texts, 1)]
    answers, scores, _ = served(task, texts, tmp_path / "exported")
    assert answers == [answer.text for answer in expected]
    np.testing.assert_allclose(scores, [answer.score for answer in expected], atol=1e-4)
    np.testing.assert_allclose(task.explain(texts[0]).scores.sum(-1), 1.0, atol=1e-5)
