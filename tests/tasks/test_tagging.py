"""A tagger from its data to its answers, on orders and questions."""

import json
import shutil

import numpy as np
import pytest

from keras_attn.data import TaggedText
from keras_attn.tasks import Tagging, load_task
from tests.tasks.tagging_cases import SMALL, made

TEXT = "send 12 green tea to Paris for Santa Maria"


def test_it_learns_what_a_word_alone_does_not_tell(tagging):
    assert tagging.metrics["f1"] > 95 > 80 > tagging.metrics["frequent_f1"]
    assert tagging.metrics["label_accuracy"] == 100.0 and tagging.metrics["linear_f1"] > 95
    found = tagging.task.predict([TEXT])[0]
    assert [entity[:2] for entity in found] == [
        ("count", "12"),
        ("drink", "green tea"),
        ("city", "Paris"),
        ("person", "Santa Maria"),
    ]


def test_evaluate_counts_what_it_leaves_out(tagging, tmp_path, capsys):
    test = made(40, 3)
    more = TaggedText(
        [*test.words, ["eat"], tagging.data.words[0]],
        [*test.tags, ["B-food"], tagging.data.tags[0]],
        [*test.labels, "order", tagging.data.labels[0]],
    )
    found = tagging.task.evaluate(more, report=tmp_path / "page")
    assert found["left_out"] == 1 and found["in_training"] >= 1 and found["f1"] > 90
    assert {"precision", "recall", "macro_f1", "token_accuracy", "linear_f1", "baseline_label_accuracy"} <= set(found)
    assert "'food' (1)" in capsys.readouterr().err
    assert "left out: 1 sentences" in (tmp_path / "page" / "report.md").read_text("utf-8")


def test_the_run_folder(tagging):
    report = (tagging.run / "report.md").read_text("utf-8")
    for text in (
        "# Tagging, preset tiny",
        "## Against the baselines",
        "| person |",
        "linear",
        "labels:",
    ):
        assert text in report, text
    assert json.loads((tagging.run / "examples.json").read_text("utf-8")) == tagging.validation.texts()[:16]


def test_load_and_save(tagging, tmp_path):
    again = load_task(tagging.run)
    assert isinstance(again, Tagging) and again.tag([TEXT]) == tagging.task.tag([TEXT])
    again.save(tmp_path / "saved")
    saved = Tagging.load(tmp_path / "saved")
    assert saved.tag([TEXT]) == tagging.task.tag([TEXT])
    assert saved.evaluate(tagging.data.select(range(5)))["in_training"] == 5
    (tmp_path / "saved" / "tags.json").write_text("{")
    with pytest.raises(ValueError, match=r"tags\.json is missing or damaged"):
        Tagging.load(tmp_path / "saved")


def test_texts_that_are_odd(tagging):
    long = "send " + "x" * 10_000_000
    found = tagging.task.tag(["", " ", long, "send 2 tea " * 5000])
    assert [len(row.words) for row in found] == [0, 0, 2, 24]
    with pytest.warns(UserWarning, match="1 of 2 texts are mostly of characters that no training text had"):
        tagging.task.tag(["Привет мир", "send tea"])
    with pytest.raises(ValueError, match="must be a list of texts"):
        tagging.task.predict("send tea")


def test_errors(tagging, tmp_path):
    with pytest.raises(RuntimeError, match="not trained"):
        Tagging().predict(["a"])
    with pytest.raises(ValueError, match="nothing to explain in an empty text"):
        tagging.task.explain("  ")
    with pytest.raises(FileExistsError, match="already holds a run"):
        Tagging(**SMALL).fit(tagging.data, tagging.validation, run=tagging.run)
    with pytest.raises(ValueError, match="all tags of the training's 1 sentences are O"):
        Tagging(**SMALL).fit(TaggedText([["a"]], [["O"]]), tagging.validation, run=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_no_answer_goes_on_with_what_is_not_there(tagging):
    draw = np.random.default_rng(0)
    vocabulary = sorted({word for words in tagging.data.words for word in words})
    for found in tagging.task.answers([draw.choice(vocabulary, 12).tolist() for _ in range(60)]):
        before = "O"
        for tag in found.tags:
            assert tag[0] != "I" or before[2:] == tag[2:]
            before = tag


@pytest.mark.long
@pytest.mark.parametrize("settings", [{"architecture": "rnn"}, {"architecture": "transformer"}, {"tokenizer": "byte"}])
def test_other_settings_without_labels(settings, tmp_path):
    data, validation = made(300, 1, labels=False), made(40, 2, labels=False)
    task = Tagging("tiny", **{**SMALL, **settings})
    found = task.fit(data, validation, run=tmp_path / "run")
    assert found["f1"] > 90 and "label_accuracy" not in found
    assert task.tag([TEXT])[0].label is None
    assert (task.export(tmp_path / "model") / "saved_model.pb").exists()


@pytest.mark.long
def test_a_run_goes_on_where_it_stopped(tagging, tmp_path):
    whole, part = Tagging("tiny", **SMALL), Tagging("tiny", **{**SMALL, "epochs": 3})
    whole.fit(tagging.data, tagging.validation, run=tmp_path / "whole", deterministic=True)
    part.fit(tagging.data, tagging.validation, run=tmp_path / "part", deterministic=True, max_minutes=1e-6)
    assert len(part.run.metrics()) == 1
    again = Tagging("tiny", **SMALL)
    again.fit(tagging.data, tagging.validation, run=tmp_path / "part", resume=True)
    for one, other in zip(whole.model.get_weights(), again.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    shutil.rmtree(tmp_path / "part")
