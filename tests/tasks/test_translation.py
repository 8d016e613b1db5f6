"""Translation from pairs to an exported model, on a small translator that has learnt to write words backwards."""

import importlib.util
import shutil

import keras
import numpy as np
import pytest
import sacrebleu
import tensorflow as tf

from keras_attn.data import ParallelText
from keras_attn.decoding import Greedy
from keras_attn.tasks import Translation
from keras_attn.tasks.training_run import TrainingRun
from keras_attn.tasks.translator import Translator
from keras_attn.text import load_tokenizer
from keras_attn.training import CheckpointError, RunFolder, RunRecorder


def test_it_has_learnt_its_language(trained, words):
    answers = trained.task.predict(words.unseen)
    right = sum(answer == word[::-1] for answer, word in zip(answers, words.unseen, strict=True))
    assert right / len(words.unseen) > 0.8
    assert trained.metrics["val_loss"] < 0.3 and trained.metrics.keys() == {"val_loss"}
    lines = RunFolder(trained.run).metrics()
    assert [line["epoch"] for line in lines] == [1, 2] and lines[1]["step"] == 2 * lines[0]["step"]
    report = (trained.run / "report.md").read_text("utf-8")
    assert "Translation(preset='tiny').fit(..., run=" in report and (trained.run / "learning_curve.png").exists()


def test_one_text_at_a_time_gives_the_same(task, words):
    together = task.nbest(words.unseen, 2)
    for texts, expected in ((words.unseen[7:8], together[7:8]), (words.unseen[9:10], together[9:10])):
        for answers, wanted in zip(task.nbest(texts, 2), expected, strict=True):
            assert [answer.text for answer in answers] == [answer.text for answer in wanted]
            np.testing.assert_allclose([a.score for a in answers], [w.score for w in wanted], atol=1e-5)
    assert task.predict(words.unseen, batch_size=7) == [answers[0].text for answers in together]


def test_nbest_is_sorted_and_begins_with_predict(task, words):
    answers = task.nbest(words.unseen, 3)
    assert [row[0].text for row in answers] == task.predict(words.unseen)
    for row in answers:
        assert len(row) == 3 and row[0].score >= row[1].score >= row[2].score and row[0].score <= 0
        assert len({answer.text for answer in row}) == 3
    with pytest.raises(ValueError, match="Received: beam_size=3, num_results=4"):
        task.nbest(words.unseen, 4, beam_size=3)
    assert len(task.nbest(words.unseen[:1], 5, beam_size=6)[0]) == 5
    assert task.nbest(words.unseen[:1], 5) == task.nbest(words.unseen[:1], 5, beam_size=5)


def test_a_greedy_answer_is_that_of_a_search_of_one(task, words):
    greedy = task.predict(words.unseen, beam_size=1)
    translator = task._translator()
    result = translator.search(translator.source_ids(tf.constant(words.unseen)), Greedy())
    assert greedy == [text.decode() for text in task.tokenizer.detokenize(result.ids[:, 0]).numpy()]


def test_odd_texts(task):
    very_long = "abcd" * 25_000
    texts = ["", "ab", very_long, "a\x00b", "zzz", "日本 🙂", ""]
    answers = task.predict(texts)
    assert answers[0] == answers[-1] == "" and answers[1] == "ba"
    assert all(isinstance(answer, str) and len(answer) <= task.settings.max_length for answer in answers)
    assert answers[2] == task.predict([very_long[: task.settings.max_length - 1]])[0]
    assert task.predict([]) == []


@pytest.mark.parametrize("call", ["predict", "nbest"])
def test_a_single_text_is_refused(task, call):
    arguments = ("abc",) if call == "predict" else ("abc", 2)
    with pytest.raises(ValueError, match=r"predict\(\[text\]\)\. Received: texts='abc'"):
        getattr(task, call)(*arguments)


def test_evaluate_is_sacrebleu(trained, words):
    metrics = trained.task.evaluate(trained.pairs(words.unseen), beam_size=1)
    answers, references = trained.task.predict(words.unseen, beam_size=1), [word[::-1] for word in words.unseen]
    assert metrics["chrf"] == sacrebleu.corpus_chrf(answers, [references]).score
    right = [answer == reference for answer, reference in zip(answers, references, strict=True)]
    assert metrics["exact_match"] == pytest.approx(100 * sum(right) / len(right))
    assert metrics.keys() == {"bleu", "bleu_tokenized", "chrf", "exact_match"}


def test_score_is_sacrebleu():
    answers = ["the cat sat on the mat , he said .", "a dog's house is small", "same here at last"]
    references = ["the cat sat on a mat, he said.", "a dog's house is not small", "same here at last"]
    scores = Translation("tiny").score(answers, references)
    raw = sacrebleu.corpus_bleu(answers, [references]).score
    tokenized = sacrebleu.corpus_bleu(answers, [references], tokenize="none", force=True).score
    assert scores["bleu"] == raw and scores["bleu_tokenized"] == tokenized and 0 < tokenized < raw < 100
    assert scores["chrf"] == sacrebleu.corpus_chrf(answers, [references]).score
    assert scores["exact_match"] == pytest.approx(100 / 3)


def test_signatures_say_how_it_was_measured():
    signatures = Translation("tiny").signatures()
    assert signatures.keys() == {"bleu", "bleu_tokenized", "chrf"}
    assert "tok:13a" in signatures["bleu"] and "tok:none" in signatures["bleu_tokenized"]
    assert all(f"version:{sacrebleu.__version__}" in signature for signature in signatures.values())


def test_explain(task):
    attention = task.explain("dcba")
    answer = task.predict(["dcba"])[0]
    assert attention.source == [*"dcba", "<end>"] and attention.target == [*answer, "<end>"]
    assert attention.scores.shape == (1, 2, len(answer) + 1, 5)
    np.testing.assert_allclose(attention.scores.sum(-1), 1.0, atol=1e-5)
    translator = task._translator()
    source = translator.source_ids(tf.constant(["dcba"]))
    target = tf.constant([[*task.tokenizer.tokenize([answer]).to_list()[0], 2]])
    (expected,) = translator.cross_attention(source, target)
    np.testing.assert_allclose(attention.scores[0], expected[0], atol=1e-6)


@pytest.mark.long
def test_resume_goes_on_where_it_stopped(trained, words, tmp_path):
    run = shutil.copytree(trained.run, tmp_path / "run")
    before = RunFolder(run).metrics()
    task = Translation("tiny", **{**trained.settings, "epochs": 3})
    data, validation = trained.pairs(words.train * 20), trained.pairs(words.unseen)
    assert task.fit(data, validation, run=run, resume=True, max_minutes=1e-6) == trained.metrics
    assert RunFolder(run).metrics() == before  # the time was used up long ago
    seconds = RunFolder(run).load_checkpoint("last")[1]["seconds"]
    task.fit(data, validation, run=run, resume=True, max_minutes=seconds / 60 + 1e-5)  # time for one step
    lines = RunFolder(run).metrics()
    assert lines[:2] == before and (lines[2]["epoch"], lines[2]["step"]) == (3, before[1]["step"] + 1)
    # One step further the loss is that of a trained model, at the schedule's next rate (1-based step, 30 of warm-up).
    assert lines[2]["loss"] < 5 * before[1]["loss"] + 0.1
    assert lines[2]["learning_rate"] == pytest.approx(0.01 * (30 / (lines[2]["step"] + 1)) ** 0.5, rel=1e-4)
    assert len(task.predict(words.unseen[:3])) == 3


def test_resume_with_other_settings_is_refused(trained, words):
    other = {**trained.settings, "dropout": 0.5, "hidden_dim": 64, "epochs": 9}
    pairs = trained.pairs(words.unseen)
    with pytest.raises(ValueError, match=r"other settings.*Received: hidden_dim=64, dropout=0.5$"):
        Translation("tiny", **other).fit(pairs, pairs, run=trained.run, resume=True)


def test_resume_with_other_data_is_refused(trained, words):
    pairs = trained.pairs(words.unseen)
    with pytest.raises(ValueError, match=r"other data \(pairs: 5600\).*Received: pairs=60$"):
        Translation("tiny", **trained.settings).fit(pairs, pairs, run=trained.run, resume=True)
    others = trained.pairs([*(words.train * 20)[1:], "dddd"])
    with pytest.raises(ValueError, match=r"other data \(data: [0-9a-f]{16}\).*Received: data='[0-9a-f]{16}'$"):
        Translation("tiny", **trained.settings).fit(others, pairs, run=trained.run, resume=True)


def test_a_used_folder_is_refused(trained, words):
    before = {path: path.stat().st_mtime_ns for path in trained.run.rglob("*")}
    pairs = trained.pairs(words.unseen)
    with pytest.raises(FileExistsError, match=r"already holds a run.*resume=True"):
        Translation("tiny", **trained.settings).fit(pairs, pairs, run=trained.run)
    assert {path: path.stat().st_mtime_ns for path in trained.run.rglob("*")} == before


def test_files_of_different_lengths(trained, tmp_path):
    for name, count in (("a", 3), ("b", 2)):
        (tmp_path / name).write_text("word\n" * count, "utf-8")
    files = (tmp_path / "a", tmp_path / "b")
    with pytest.raises(ValueError, match=r"/a has 3, .*/b has 2.*Received: files="):
        Translation("tiny", **trained.settings).fit(files, files, run=tmp_path / "run")
    with pytest.raises(ValueError, match=r"/a has 3, .*/b has 2.*Received: files="):
        trained.task.evaluate(files)
    assert not (tmp_path / "run").exists()


def test_rows_left_out_are_told(trained, tmp_path, capsys):
    file = tmp_path / "pairs.tsv"
    file.write_text("ab\tba\n\tx\nabc\tcba\n", "utf-8")
    assert trained.task.evaluate(file).keys() == {"bleu", "bleu_tokenized", "chrf", "exact_match"}
    printed = capsys.readouterr()
    assert printed.out == "" and "1 test rows left out:" in printed.err and f"{file}:2" in printed.err


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"tokenizer": "bpe", "vocabulary_size": 5000}, "Received: vocabulary_size=5000"),
        ({"tokenizer": "unigram", "vocabulary_size": 5000}, "Received: vocabulary_size=5000"),
        ({"batch_tokens": 10}, "Received: batch_tokens=10"),
        ({"num_heads": 5}, "Received: .*num_heads=5"),
        ({"warmup_steps": 0}, "Received: .*warmup_steps=0"),
        ({"label_smoothing": 1.0}, "Received: label_smoothing=1.0"),
    ],
)
def test_settings_that_do_not_fit_leave_no_folder(trained, words, tmp_path, setting, message):
    pairs = trained.pairs(words.unseen)
    with pytest.raises(ValueError, match=message):
        Translation("tiny", **{**trained.settings, **setting}).fit(pairs, pairs, run=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_ctrl_c_leaves_a_run_that_says_so(trained, words, tmp_path, monkeypatch):
    stopped = []
    monkeypatch.setattr("keras_attn.tasks.training_run.ProgressBar.stop", lambda self: stopped.append(self))

    def interrupt(self, epoch, logs=None):
        raise KeyboardInterrupt

    monkeypatch.setattr(RunRecorder, "on_epoch_begin", interrupt)
    pairs, run = trained.pairs(words.unseen), tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        Translation("tiny", **trained.settings).fit(pairs, pairs, run=run)
    assert len(stopped) == 1  # the terminal is given back
    assert RunFolder(run).config()["task"] == "translation" and (run / "tokenizer").is_dir()
    with pytest.raises(CheckpointError, match=r"holds no checkpoint"):
        Translation.load(run)


def test_validations_share_one_trace_of_the_search(trained, words, tmp_path, monkeypatch):
    traces, found = [], []
    find = Translator.find

    def counted(self, *arguments):
        traces.append(arguments)
        return find(self, *arguments)

    def fit(model, *_, callbacks, **__):
        for _ in range(3):
            found.append(callbacks[0].evaluate())
            model.set_weights(trained.task.model.get_weights())  # the search sees the new weights all the same

    monkeypatch.setattr(Translator, "find", counted)
    monkeypatch.setattr(keras.Model, "fit", fit)
    task, pairs = Translation("tiny", **{**trained.settings, "monitor": "exact_match"}), trained.pairs(words.unseen)
    trained.task.tokenizer.save(tmp_path / "tokenizer")
    loaded = load_tokenizer(tmp_path / "tokenizer")
    monkeypatch.setattr("keras_attn.tasks.translation.train_tokenizer", lambda *_: loaded)
    with pytest.raises(CheckpointError):
        task.fit(pairs, pairs, run=tmp_path / "run")
    assert len(traces) == 1 and found[0]["exact_match"] < 50 < found[1]["exact_match"] == found[2]["exact_match"]


def test_texts_that_are_cut_are_counted(trained, words, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(TrainingRun, "fit", lambda *_: None)
    pairs = ParallelText([*words.unseen, "a" * 40, "b" * 16], [*words.unseen, "a" * 40, "b" * 15])
    with pytest.raises(CheckpointError):
        Translation("tiny", **trained.settings).fit(pairs, pairs, run=tmp_path / "run")
    assert "3 texts are longer than 16 tokens and were cut (max_length)." in capsys.readouterr().err


def test_tensorboard(trained, words, tmp_path, monkeypatch):
    pairs = trained.pairs(words.unseen)
    settings = {**trained.settings, "epochs": 1}
    if importlib.util.find_spec("tensorboard"):
        Translation("tiny", **settings).fit(pairs, pairs, run=tmp_path / "run", tensorboard=True)
        (file,) = (tmp_path / "run" / "tensorboard" / "train").glob("events.out.tfevents.*")
        tags = {value.tag for event in tf.compat.v1.train.summary_iterator(str(file)) for value in event.summary.value}
        assert {"epoch_loss", "epoch_gradient_norm", "epoch_tokens_per_second", "epoch_learning_rate"} <= tags
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(RuntimeError, match=r"pip install 'keras_attn\[tensorboard\]'\. Received: tensorboard=True"):
        Translation("tiny", **settings).fit(pairs, pairs, run=tmp_path / "other", tensorboard=True)
    assert not (tmp_path / "other").exists()


def test_an_unknown_setting_or_preset():
    with pytest.raises(ValueError, match=r"Did you mean `dropout`\?.*Received: dropuot=0.1"):
        Translation("tiny", dropuot=0.1)
    with pytest.raises(ValueError, match=r"Did you mean `base`\?.*Received: preset='bsae'"):
        Translation("bsae")
