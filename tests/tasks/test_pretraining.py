"""A tiny language model learns to count, is measured, saved and resumed."""

import math
import shutil

import numpy as np
import pytest

from keras_attn.data import PlainText
from keras_attn.tasks import Pretraining, load_task
from keras_attn.tasks.pretraining_start import neighbour_vectors
from keras_attn.tasks.training_run import TrainingRun
from keras_attn.training import RunFolder
from tests.tasks.pretraining_cases import SMALL, counting_texts


def test_it_has_learnt(pretrained):
    """By chance one of twelve words is right, and nothing is more certain than one of twelve."""
    assert pretrained.metrics.keys() == {"val_loss", "perplexity", "accuracy"}
    assert pretrained.metrics["perplexity"] < 4 and pretrained.metrics["accuracy"] > 60
    measured = pretrained.task.evaluate(PlainText(pretrained.texts(100, 9)))
    assert measured["perplexity"] < 4 and measured["accuracy"] > 60


def test_evaluate_equals_a_loop_over_tokens(pretrained):
    task, texts = pretrained.task, PlainText(pretrained.texts(30, 9))
    losses, right, batches = [], [], task._batches(task._sequences(texts), shuffle=False)
    for index in range(len(batches)):
        inputs, labels = batches[index]
        logits = task.model.predict_on_batch(inputs).astype("float64")
        for place in zip(*np.nonzero(labels), strict=True):
            losses.append(np.log(np.exp(logits[place]).sum()) - logits[place][labels[place]])
            right.append(logits[place].argmax() == labels[place])
    measured = task.evaluate(texts)
    assert measured["perplexity"] == pytest.approx(math.exp(np.mean(losses)), rel=1e-4)
    assert measured["accuracy"] == pytest.approx(100 * np.mean(right), rel=1e-4)
    assert task.evaluate(texts) == measured


def test_the_run_folder_tells_everything(pretrained):
    folder = RunFolder(pretrained.run)
    config = folder.config()
    assert (config["task"], config["texts"], config["validation_texts"]) == ("pretraining", 2940, 60)
    assert len(folder.metrics()) == 5 and {"val_loss", "perplexity", "accuracy"} <= folder.metrics()[0].keys()
    assert "# Pretraining, preset tiny" in (pretrained.run / "report.md").read_text("utf-8")
    assert len(folder.examples()) == 16


def test_saved_and_loaded_it_is_the_same(pretrained, tmp_path):
    texts = PlainText(pretrained.texts(30, 9))
    pretrained.task.save(tmp_path / "copy")
    expected = pretrained.task.evaluate(texts)
    for task in (load_task(tmp_path / "copy"), Pretraining.load(pretrained.run)):
        assert task.evaluate(texts) == expected


@pytest.mark.parametrize("start", ["neighbours", "random"])
def test_the_embeddings_begin_as_the_settings_say(tmp_path, monkeypatch, start):
    task, texts, begun = Pretraining(**{**SMALL, "start": start}), PlainText(counting_texts(60, 1)), []

    def stop(training, examples):
        begun.append((np.array(task.model.get_layer("embedding").embeddings), task._sequences(texts)))
        raise InterruptedError("before the first step")

    monkeypatch.setattr(TrainingRun, "start", stop)
    with pytest.raises(InterruptedError):
        task.fit(texts, tmp_path / "run", validation=texts)
    embeddings, sequences = begun[0]
    expected = neighbour_vectors(sequences, *embeddings.shape)
    is_known = expected.any(axis=1)
    assert is_known.any()
    assert np.allclose(embeddings[is_known], expected[is_known], atol=1e-5) == (start == "neighbours")


@pytest.mark.long
def test_resume_goes_on_where_it_stopped(pretrained, tmp_path):
    run = shutil.copytree(pretrained.run, tmp_path / "run")
    for path in (run / "checkpoints").glob("last-00005*"):
        shutil.rmtree(path)
    task, texts = Pretraining(**pretrained.settings), PlainText(pretrained.texts(3000, 1))
    task.fit(texts, run, resume=True)
    before, after = RunFolder(pretrained.run).metrics()[-1], RunFolder(run).metrics()[-1]
    assert (after["epoch"], after["step"]) == (before["epoch"], before["step"]) == (5, before["step"])
    assert after["loss"] == pytest.approx(before["loss"], rel=1e-3)  # the same batches, masks and rate
    with pytest.raises(ValueError, match=r"other data"):
        task.fit(PlainText(pretrained.texts(3000, 2)), run, resume=True)


@pytest.mark.long
def test_causal(pretrained, tmp_path):
    settings = {**pretrained.settings, "objective": "causal", "epochs": 2}
    task = Pretraining(**settings)
    metrics = task.fit(
        PlainText(pretrained.texts(3000, 1)), tmp_path / "run", validation=PlainText(pretrained.texts(40, 3))
    )
    assert metrics["perplexity"] < 4  # the first word is one of twelve, and where it ends is a matter of chance
    assert RunFolder(tmp_path / "run").config()["validation_texts"] == 40


def test_files_and_columns(pretrained, tmp_path, capsys):
    texts = pretrained.texts(30, 9)
    (tmp_path / "a.csv").write_text("text\n" + "".join(f"{text}\n" for text in texts) + "a,b\n", "utf-8")
    assert pretrained.task.evaluate(tmp_path / "a.csv") == pretrained.task.evaluate(PlainText(texts))
    printed = capsys.readouterr().err
    assert "1 test rows left out" in printed and "a.csv:32" in printed


def test_errors(pretrained, tmp_path):
    with pytest.raises(RuntimeError, match="not trained"):
        Pretraining().evaluate(PlainText(["a"]))
    with pytest.raises(ValueError, match=r"too few texts.*Received: 9 texts"):
        Pretraining().fit(PlainText(["a"] * 9), tmp_path / "run")
    with pytest.raises(FileExistsError, match="already holds a run"):
        Pretraining().fit(PlainText(["a"] * 99), pretrained.run)
    with pytest.raises(ValueError, match=r"Did you mean `objective`\?"):
        Pretraining(objektive="causal")
    assert not (tmp_path / "run").exists()
