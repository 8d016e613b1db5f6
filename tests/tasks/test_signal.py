"""Signals from arrays to a run folder, its report and its answers."""

import shutil

import numpy as np
import pytest
import sklearn.metrics

from keras_attn.data import LabelledSignals
from keras_attn.tasks import Signal, load_task
from keras_attn.training import RunFolder
from tests.tasks.signal_cases import SMALL, beeps, made, noisy, write_tsv


def test_it_has_learnt(signal_task):
    assert signal_task.metrics["accuracy"] > 95 and signal_task.metrics["macro_f1"] > 95
    test = made(30, 3)
    assert signal_task.task.predict(test.signals)[:3] == ["spike", "square", "wave"]


def test_evaluate_is_scikit_learn(signal_task):
    test = made(60, 4)
    noisy = LabelledSignals(test.signals, {"label": ["wave"] * 15 + test.labels["label"][15:]})
    metrics = signal_task.task.evaluate(noisy)
    answers = signal_task.task.predict(noisy.signals)
    assert metrics["accuracy"] == pytest.approx(100 * sklearn.metrics.accuracy_score(noisy.labels["label"], answers))
    macro = 100 * sklearn.metrics.f1_score(noisy.labels["label"], answers, average="macro")
    assert metrics["macro_f1"] == pytest.approx(macro) and metrics["left_out"] == 0 and metrics["accuracy"] < 90


def test_unknown_labels_are_counted(signal_task, capsys):
    test = made(9, 5)
    more = LabelledSignals(test.signals, {"label": [*test.labels["label"][:8], "noise"]}, skipped=["x:1: skipped, odd"])
    assert signal_task.task.evaluate(more)["left_out"] == 1
    said = capsys.readouterr().err
    assert "1 test signals left out, for labels that no training signal has: 'noise' (1)." in said
    assert "1 test signals left out, the first: x:1: skipped, odd." in said


def test_predictions_are_the_members_mean_at_the_temperature(signal_task):
    task, signal = signal_task.task, signal_task.validation.signals[0]
    inputs = {"signals": signal[None], "mask": np.ones((1, len(signal)), bool)}
    logits = np.array(task.model(inputs)[0], "float64")  # [M, C]
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    scaled = shares.mean(axis=0) ** (1 / task.goal.calibration["label"]["temperature"])
    (answer,) = task.answers([signal])
    expected = dict(zip(("spike", "square", "wave"), scaled / scaled.sum(), strict=True))
    assert answer.scores == pytest.approx(expected, abs=1e-5)
    assert answer.is_confident == (answer.confidence >= task.goal.calibration["label"]["threshold"])


def test_what_is_asked_together_has_no_influence(signal_task):
    task, signals = signal_task.task, signal_task.validation.signals[:9]
    together = task.answers(signals, batch_size=4)
    alone = [task.answers([signal])[0] for signal in signals]
    for one, other in zip(together, alone, strict=True):
        assert one.label == other.label and one.confidence == pytest.approx(other.confidence, abs=1e-5)


def test_explain_tells_where(signal_task):
    found = signal_task.task.explain(signal_task.validation.signals[0])
    assert found.weights.sum() == pytest.approx(1, abs=1e-5) and found.title.startswith("spike (")
    assert found.unit == "step" and found.values.shape == signal_task.validation.signals[0].shape


def test_the_report(signal_task, tmp_path):
    report = (signal_task.run / "report.md").read_text("utf-8")
    for part in ("## Figures", "90 training signals, 45 validation signals.", "| class |", "## Where it looked"):
        assert part in report
    for name in ("confusion.png", "where.png", "learning_curve.png"):
        assert (signal_task.run / name).read_bytes().startswith(b"\x89PNG")
    signal_task.task.evaluate(made(9, 6), report=tmp_path / "page")
    assert "# 9 signals" in (tmp_path / "page" / "report.md").read_text("utf-8")
    assert (tmp_path / "page" / "where.png").exists()


def test_it_reloads_to_the_same_answers(signal_task, tmp_path):
    signals = signal_task.validation.signals
    again = load_task(signal_task.run)
    assert type(again) is Signal
    signal_task.task.save(tmp_path / "saved")
    for task in (again, Signal.load(tmp_path / "saved")):
        assert task.answers(signals) == signal_task.task.answers(signals)
        assert task.num_channels == 2 and task.features.kind == "raw"


def test_it_goes_on_where_it_stopped(signal_task, tmp_path):
    run = shutil.copytree(signal_task.run, tmp_path / "run")
    before = RunFolder(run).metrics()
    metrics = Signal("tiny", **SMALL).fit(signal_task.data, signal_task.validation, run=run, resume=True)
    assert metrics == pytest.approx(signal_task.metrics) and RunFolder(run).metrics() == before
    with pytest.raises(ValueError, match=r"other data \(training_signals: 90\).*Received: training_signals=45"):
        Signal("tiny", **SMALL).fit(signal_task.validation, signal_task.validation, run=run, resume=True)


def test_odd_signals(signal_task):
    task = signal_task.task
    assert task.predict([]) == [] and len(task.predict([np.zeros((1, 2)), np.zeros((3000, 2))])) == 2
    with pytest.raises(ValueError, match=r"write predict\(\[signal\]\)\. Received: signals=ndarray"):
        task.predict(np.zeros((5, 2)))
    with pytest.raises(ValueError, match=r"have 2 channels\. Received: signals\[0\] of 1 channels"):
        task.predict([np.zeros(5)])
    with pytest.raises(ValueError, match=r"finite numbers; .*Received: signals\[1\] of shape \(3, 2\)"):
        task.predict([np.zeros((3, 2)), np.full((3, 2), np.nan)])
    one = LabelledSignals([np.zeros((4, 1), "float32")], {"label": ["wave"]})
    with pytest.raises(ValueError, match=r"have 2 channels\. Received: test of 1 channels"):
        task.evaluate(one)


def test_it_must_be_trained_first():
    for verb, argument in (("predict", [[1.0]]), ("evaluate", made(3, 1)), ("explain", [1.0]), ("export", "x")):
        with pytest.raises(RuntimeError, match="This signal task is not trained"):
            getattr(Signal("tiny"), verb)(argument)


def test_without_a_validation_it_cross_validates(tmp_path, capsys):
    data = made(45, 1)
    path = write_tsv(tmp_path / "train.tsv", data)
    settings = {**SMALL, "members": 1}
    task = Signal("tiny", **settings)
    metrics = task.fit(path, None, run=tmp_path / "run")
    said, report = capsys.readouterr().err, (tmp_path / "run" / "report.md").read_text("utf-8")
    assert "No validation was given: 2 folds" in said and "2 folds, as set: accuracy" in said
    assert "## Settings compared" in report and "45 training signals, 0 validation signals." in report
    assert metrics["accuracy"] > 60 and task.goal.calibration["label"]["temperature"] > 0
    assert task.evaluate(write_tsv(tmp_path / "test.tsv", made(30, 7)))["accuracy"] > 90
    again = Signal("tiny", **settings).fit(path, None, run=tmp_path / "run", resume=True)
    assert again == pytest.approx(metrics)


@pytest.mark.long
def test_letters_of_recordings(tmp_path):
    settings = {**SMALL, "hidden_dim": 16, "mel_bands": 12, "reduction": 2, "batch_size": 8, "learning_rate": 0.02}
    settings |= {"kernel_size": 5, "hidden_bands": 0, "members": 1, "epochs": 5}
    task = Signal("transcribe", **{**settings, "num_layers": 1})
    data, validation = beeps(160, 1), beeps(30, 2)
    metrics = task.fit(data, validation, run=tmp_path / "run")
    assert metrics["letter_error_rate"] < 10
    test = beeps(20, 3)
    loaded = Signal.load(tmp_path / "run")
    answers = loaded.predict(test.signals)
    assert answers == task.predict(test.signals)
    figures = loaded.evaluate(test)
    same = np.mean([answer == text for answer, text in zip(answers, test.labels["label"], strict=True)])
    assert figures["text_accuracy"] == pytest.approx(100 * same) and same > 0.7
    report = (tmp_path / "run" / "report.md").read_text("utf-8")
    assert "## Wrong answers: " in report and "letter_error_rate" in report


@pytest.mark.long
def test_noise_is_taken_off(tmp_path):
    task = Signal("filter", **{**SMALL, "members": 1, "epochs": 3, "stem_kernel_size": 7})
    data, test = noisy(80, 1), noisy(20, 2)
    task.fit(data, None, run=tmp_path / "run")
    figures = task.evaluate(test)
    clean, dirty = np.concatenate(test.targets), np.concatenate(test.signals)
    before = np.sum(np.square(clean)) / np.sum(np.square(dirty - clean))
    assert figures["snr_before"] == pytest.approx(10 * np.log10(before), abs=1e-3)
    after = np.concatenate(task.predict(test.signals))
    assert figures["mse"] == pytest.approx(float(np.mean(np.square(clean - after))), rel=1e-4)
    assert figures["snr"] > figures["snr_before"] + 3
    assert (tmp_path / "run" / "signals.png").exists()


@pytest.mark.long
def test_a_wave_is_gone_on_with(tmp_path):
    draw = np.random.default_rng(1)
    waves = [np.sin(0.5 * np.arange(40) + draw.uniform(0, 6))[:, None].astype("float32") for _ in range(60)]
    task = Signal("next", **{**SMALL, "members": 1, "num_layers": 1, "epochs": 8})
    task.fit(LabelledSignals(waves), None, run=tmp_path / "run")
    figures = task.evaluate(LabelledSignals(waves))
    assert figures["snr"] > figures["snr_before"] + 10
    going_on = Signal.load(tmp_path / "run").continued(waves[0][:25], steps=10)
    assert going_on.shape == (10, 1)
    error = np.sqrt(np.mean(np.square(going_on - waves[0][25:35])))
    assert error < 0.35 and np.sqrt(np.mean(np.square(waves[0][24] - waves[0][25:35]))) > 0.7
    with pytest.raises(ValueError, match=r"train one with output=next\. Received: output='label'"):
        task = Signal("tiny")
        task.model, task.num_channels = object(), 1
        task.continued([1.0, 2.0], 3)
