"""Classification from labelled texts to a run folder, its report and its answers."""

import shutil
import warnings

import numpy as np
import pytest
import sklearn.metrics

from keras_attn.data import LabelledText
from keras_attn.tasks import Classification, load_task
from keras_attn.training import RunFolder, RunRecorder
from tests.tasks.classification_cases import SMALL, made


def test_it_has_learnt_both_heads_and_says_what_the_baseline_does(classifier):
    assert classifier.metrics["accuracy"] > 95 and classifier.metrics["macro_f1"] > 95
    assert classifier.metrics["baseline_accuracy"] > 95
    found = classifier.task.predict(["the lovely soup was warm", "the cold wave was dull"])
    assert found == [{"topic": "food", "mood": "nice"}, {"topic": "sea", "mood": "nasty"}]


def test_evaluate_is_scikit_learn(classifier):
    test = made(120, 3, ("topic", "mood"))
    noisy = LabelledText(test.texts, {**test.labels, "topic": ["food"] * 30 + test.labels["topic"][30:]})
    metrics = classifier.task.evaluate(noisy)
    answers = classifier.task.predict(noisy.texts)
    for head in ("topic", "mood"):
        right, said = noisy.labels[head], [answer[head] for answer in answers]
        assert metrics[f"{head}/accuracy"] == pytest.approx(100 * sklearn.metrics.accuracy_score(right, said))
        macro = 100 * sklearn.metrics.f1_score(right, said, average="macro")
        assert metrics[f"{head}/macro_f1"] == pytest.approx(macro)
    assert metrics["accuracy"] == pytest.approx((metrics["topic/accuracy"] + metrics["mood/accuracy"]) / 2)
    assert metrics["topic/accuracy"] < 95 < metrics["mood/accuracy"]
    assert metrics["left_out"] == 0 and metrics["topic/baseline_accuracy"] < 95


def test_texts_of_the_training_and_unknown_labels_are_counted(classifier, capsys):
    known = LabelledText(
        [classifier.data.texts[0].upper(), "a fine boat of the year", "a fine boat of the year"],
        {"topic": [classifier.data.labels["topic"][0], "sea", "sea"], "mood": ["nice"] * 3},
    )
    more = LabelledText([*known.texts, "a car"], {"topic": [*known.labels["topic"], "car"], "mood": ["nice"] * 4})
    metrics = classifier.task.evaluate(more)
    assert (metrics["left_out"], metrics["in_training"], metrics["repeated"]) == (1, 1, 1)
    errors = capsys.readouterr().err
    assert "1 test texts left out, for unknown labels: 'car' (1)." in errors
    assert "1 of 3 test texts were in the training." in errors
    with pytest.raises(ValueError, match=r"No text has labels that the training had.*topic=\['car'\]"):
        classifier.task.evaluate(LabelledText(["a car"], {"topic": ["car"], "mood": ["nice"]}))
    with pytest.raises(ValueError, match=r"The heads must be \['topic', 'mood'\].*Received: heads=\['topic'\]"):
        classifier.task.evaluate(LabelledText(["a car"], {"topic": ["sea"]}))


def test_predictions_are_sorted_probabilities(classifier):
    texts = classifier.validation.texts[:20]
    scores, predictions = classifier.task.scores(texts), classifier.task.classify(texts, batch_size=7)
    for row, found in enumerate(predictions):
        for head, prediction in found.items():
            array = scores[head][row]
            assert list(prediction.scores.values()) == sorted(prediction.scores.values(), reverse=True)
            assert prediction.label == next(iter(prediction.scores)) and sum(
                prediction.scores.values()
            ) == pytest.approx(1)
            assert prediction.confidence == pytest.approx(array.max(), abs=1e-5)
            threshold = classifier.task.calibration[head]["threshold"]
            assert prediction.is_confident == (prediction.confidence >= threshold)


def test_the_scores_are_the_models_at_the_temperature(classifier):
    texts, task = classifier.validation.texts[:5], classifier.task
    ids = task.tokenizer.tokenize(texts).to_list()
    for text, row in enumerate(ids):
        logits = task.model(np.array([[*row, 2]]))
        for head, output in (("topic", "head_0"), ("mood", "head_1")):
            scaled = np.exp(np.array(logits[output])[0] / task.calibration[head]["temperature"])
            np.testing.assert_allclose(task.scores(texts)[head][text], scaled / scaled.sum(), rtol=1e-4, atol=1e-6)


def test_the_report_tells_everything(classifier):
    report = (classifier.run / "report.md").read_text("utf-8")
    for part in ("## Against the baseline", "## The data", "## topic", "## mood", "### How sure it is", "Temperature"):
        assert part in report
    assert "300 training texts, 80 validation texts." in report and "validation texts are in the training too" in report
    assert "| class | precision | recall | f1 | count |" in report
    for name in ("confusion-1.png", "confusion-2.png", "learning_curve.png"):
        assert (classifier.run / name).read_bytes().startswith(b"\x89PNG")
    assert "Classification(preset='tiny').fit(..., run=" in report


def test_a_report_on_other_texts_marks_the_worst_mistakes(classifier, tmp_path):
    test = made(60, 5, ("topic", "mood"))
    wrong = LabelledText(test.texts, {**test.labels, "topic": ["sea"] * 60})
    classifier.task.evaluate(wrong, report=tmp_path / "page")
    report = (tmp_path / "page" / "report.md").read_text("utf-8")
    mistakes = report[report.index("### The worst mistakes") :]
    assert "| sea | food |" in mistakes
    food = [text for text, topic in zip(test.texts, test.labels["topic"], strict=True) if topic == "food"]
    marked = {classifier.task.explain(text).marked() for text in food}
    assert sum(f"| {text} |" in mistakes for text in marked) >= 5
    assert (tmp_path / "page" / "confusion-1.png").exists()


def test_explain_looks_at_what_the_weights_say(classifier):
    found = classifier.task.explain("the lovely soup was warm")
    assert [word for word, _ in found.words()] == ["the", "lovely", "soup", "was", "warm"]
    assert 0 < sum(found.weights) <= 1 and "topic: food (" in found.title and "mood: nice (" in found.title
    weights = dict(found.words())
    assert weights["soup"] > weights["the"] and weights["lovely"] > weights["was"]
    with pytest.raises(ValueError, match=r"nothing to explain in an empty text\. Received: text=' '"):
        classifier.task.explain(" ")


def test_it_reloads_to_the_same_answers(classifier, tmp_path):
    texts = classifier.validation.texts
    again = load_task(classifier.run)
    assert type(again) is Classification
    classifier.task.save(tmp_path / "saved")
    for task in (again, Classification.load(tmp_path / "saved")):
        assert task.evaluate(classifier.data)["in_training"] == len(classifier.data.texts)
        assert task.classify(texts) == classifier.task.classify(texts)
        assert task.explain(texts[0]).weights == classifier.task.explain(texts[0]).weights
        own, other = (each.baseline.scores(texts)["topic"] for each in (task, classifier.task))
        assert np.array_equal(own, other)


def test_odd_texts(classifier):
    texts = ["", "soup", "soup \x00", "b\ud83d", "soup " * 2_000_000]
    found = classifier.task.predict(texts)
    assert len(found) == 5 and found[1]["topic"] == found[4]["topic"] == "food"
    cut = "soup " * (SMALL["max_length"] - 1)
    assert classifier.task.classify([texts[4]]) == classifier.task.classify([cut])
    assert classifier.task.predict([]) == []
    with pytest.raises(ValueError, match=r"predict\(\[text\]\)\. Received: texts='soup'"):
        classifier.task.predict("soup")


def test_a_script_never_seen_is_warned_of(classifier):
    with pytest.warns(UserWarning, match="1 of 2 texts are mostly of characters that no training text had"):
        classifier.task.predict(["the soup", "суп был хорош"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        classifier.task.predict(["the soup"])


def test_it_must_be_trained_first():
    for verb, argument in (
        ("predict", ["a"]),
        ("evaluate", made(5, 1)),
        ("explain", "a"),
        ("export", "x"),
        ("save", "x"),
    ):
        with pytest.raises(RuntimeError, match="This classification task is not trained"):
            getattr(Classification("tiny", label_columns=("topic",)), verb)(argument)


def fitted(tmp_path, data, validation, **settings):
    task = Classification("tiny", **{**SMALL, "label_columns": tuple(data.labels), **settings})
    return task, task.fit(data, validation, run=tmp_path / "run")


def test_several_labels_a_text(tmp_path):
    data, validation = made(300, 1, ("both",)), made(80, 2, ("both",))
    task, metrics = fitted(tmp_path, data, validation, learning_rate=0.05)
    assert metrics["accuracy"] > 90 and metrics["baseline_accuracy"] > 90
    assert task.predict(["the lovely soup was warm", "the dull boat was cold"]) == [("food", "nice"), ("sea",)]
    measured = task.evaluate(validation)
    truth = np.array([[name in labels for name in ("food", "nice", "sea")] for labels in validation.labels["both"]])
    said = np.array([[name in labels for name in ("food", "nice", "sea")] for labels in task.predict(validation.texts)])
    assert measured["micro_f1"] == pytest.approx(100 * sklearn.metrics.f1_score(truth, said, average="micro"))
    assert measured["accuracy"] == pytest.approx(100 * sklearn.metrics.accuracy_score(truth, said))
    loaded = Classification.load(tmp_path / "run")
    assert loaded.classify(validation.texts[:3]) == task.classify(validation.texts[:3])


def test_what_cannot_be_learnt_from(tmp_path):
    data = made(50, 1)
    one = LabelledText(data.texts, {"topic": ["food"] * 50})
    with pytest.raises(ValueError, match=r"nothing to tell apart: the column 'topic' .*Received: labels=\['food'\]"):
        fitted(tmp_path, one, data)
    others = LabelledText(data.texts, {"topic": ["car"] * 50})
    with pytest.raises(ValueError, match="No text has labels that the training had"):
        fitted(tmp_path, data, others)
    several = made(50, 1, ("both",))
    with pytest.raises(ValueError, match=r"leave `class_weights` off\. Received: class_weights='balanced'"):
        fitted(tmp_path, several, several, class_weights="balanced")
    assert not (tmp_path / "run").exists()


def test_rows_left_out_are_counted_in_the_report(tmp_path, capsys):
    rows = [f"{label},{text}\n" for text, label in zip(*_columns(made(60, 1)), strict=True)]
    (tmp_path / "train.csv").write_text("topic,text\n" + "".join(rows) + "food\nfood,\n", "utf-8")
    (tmp_path / "valid.csv").write_text("text,topic\na fine soup,food\na boat,sea\na car,car\n", "utf-8")
    task = Classification("tiny", **{**SMALL, "label_columns": ("topic",), "epochs": 1})
    task.fit(tmp_path / "train.csv", tmp_path / "valid.csv", run=tmp_path / "run")
    errors, report = capsys.readouterr().err, (tmp_path / "run" / "report.md").read_text("utf-8")
    assert f"2 training rows left out:\n  {tmp_path / 'train.csv'}:62: skipped, 1 columns in place of 2" in errors
    assert "1 validation texts left out, for labels that no training text has: 'car' (1)." in errors
    for text in ("2 training rows left out, the first: ", "1 validation texts left out"):
        assert text in report
    assert task.evaluate(tmp_path / "valid.csv")["left_out"] == 1


def _columns(data):
    return data.texts, data.labels["topic"]


def test_chinese_and_japanese(tmp_path):
    words = {"food": ["汤", "面包", "りんご", "奶酪"], "sea": ["船", "波浪", "みなと", "帆"]}
    texts, labels = [], []
    for i in range(120):
        topic = ("food", "sea")[i % 2]
        texts.append(f"今天的{words[topic][i // 2 % 4]}很{'好' if i % 3 else '差'}{'。' * (i % 4)}")
        labels.append(topic)
    data = LabelledText(texts, {"topic": labels})
    task, metrics = fitted(tmp_path, data, data, tokenizer="character")
    assert metrics["accuracy"] > 95 and metrics["baseline_accuracy"] > 95
    assert task.predict(["みなとの船", "好りんご"]) == ["sea", "food"]
    words = [word for word, _ in task.explain("今天的船很好").words()]
    assert words == [*"今天的船很好"]


def test_it_goes_on_where_it_stopped(classifier, tmp_path):
    run = shutil.copytree(classifier.run, tmp_path / "run")
    settings = {**SMALL, "label_columns": ("topic", "mood"), "epochs": 4}
    before = RunFolder(run).metrics()
    for name in ("training_texts.npy", "classes.json"):  # as if it was killed when it had begun
        (run / name).unlink()
    metrics = Classification("tiny", **settings).fit(classifier.data, classifier.validation, run=run, resume=True)
    assert metrics == pytest.approx(classifier.metrics) and RunFolder(run).metrics() == before
    assert Classification.load(run).evaluate(classifier.data)["in_training"] == len(classifier.data)
    with pytest.raises(ValueError, match=r"other settings.*Received: hidden_dim=32"):
        Classification("tiny", **{**settings, "hidden_dim": 32}).fit(
            classifier.data, classifier.validation, run=run, resume=True
        )
    with pytest.raises(ValueError, match=r"other data \(texts: 300\).*Received: texts=80"):
        Classification("tiny", **settings).fit(classifier.validation, classifier.validation, run=run, resume=True)
    with pytest.raises(FileExistsError, match="already holds a run"):
        Classification("tiny", **settings).fit(classifier.data, classifier.validation, run=run)


@pytest.mark.long
def test_a_training_that_is_stopped_and_resumed_ends_as_an_undisturbed_one(classifier, tmp_path, monkeypatch):
    settings = {**SMALL, "label_columns": ("topic", "mood")}
    begin = RunRecorder.on_epoch_begin

    def stop(self, epoch, logs=None):
        begin(self, epoch, logs)
        if epoch == 2:
            raise KeyboardInterrupt

    task, run = Classification("tiny", **settings), tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr(RunRecorder, "on_epoch_begin", stop)
        with pytest.raises(KeyboardInterrupt):
            task.fit(classifier.data, classifier.validation, run=run)
    assert task.model is None and task.labels is None  # it stays what it was
    task.fit(classifier.data, classifier.validation, run=run, resume=True)
    assert [line["epoch"] for line in RunFolder(run).metrics()] == [1, 2, 3, 4]
    for own, other in zip(task.model.get_weights(), classifier.task.model.get_weights(), strict=True):
        np.testing.assert_allclose(own, other, atol=1e-5)
