"""What stands in an exported version, the other formats, and exports that fail."""

import importlib.util
import re
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from keras_attn.data import ParallelText
from keras_attn.export import ExportError
from keras_attn.tasks import Translation, translation_export
from tests.tasks.conftest import train


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_what_stands_beside_a_saved_model(exported, trained):
    assert exported.name == "1"
    assert {"README.md", "assets.extra", "batching_params.pbtxt", "monitoring.config", "ops.txt"} <= set(
        names(exported)
    )
    ops = (exported / "ops.txt").read_text("utf-8").splitlines()
    assert ops and not [op for op in ops if op.startswith("Xla")]
    card = (exported / "README.md").read_text("utf-8")
    config, metrics = trained.task.run.config(), trained.task.run.best_metrics()
    facts = {"training pairs": config["pairs"], "fingerprint of the training pairs": config["data"], **metrics}
    for name, value in {**facts, "hidden_dim": 32, "preset": "tiny", "weights": "17,600"}.items():
        assert f"| {name} | {value} |" in card
    assert "| `serving_default` | `text` string [B] -> `score` float32 [B], `text` string [B] |" in card
    assert "16 of 16 answers are those of the task" in card and "longer than 15 tokens" in card


def test_the_warm_up_asks_every_signature_with_texts_of_the_validation(exported, trained, words):
    assert trained.task.run.examples() == words.unseen[:16]
    file = exported / "assets.extra" / "tf_serving_warmup_requests"
    records = [record.numpy() for record in tf.data.TFRecordDataset(str(file))]
    assert len(records) == 12 and all(words.unseen[0].encode() in record for record in records)


def test_a_shortlist_is_learnt_from_pairs(task, words, tmp_path):
    pairs = ParallelText(words.train, [word[::-1] for word in words.train])
    version = task.export(tmp_path / "short", shortlist=pairs)
    card = (version / "README.md").read_text("utf-8")
    assert card.startswith("# Translation, savedmodel, shortlist")
    assert re.search(r"shortlist: 16 of 16 answers .* With all tokens the task gives 1\d of them too", card)
    texts = words.unseen[:16]
    found = tf.saved_model.load(str(version)).signatures["serving_default"](text=tf.constant(texts))
    answers = [text.decode() for text in found["text"].numpy()]
    assert sum(answer == text for answer, text in zip(answers, task.predict(texts), strict=True)) > 12


@pytest.fixture(scope="module")
def onnx_model(task, tmp_path_factory):
    pytest.importorskip("onnxruntime")
    return task.export(tmp_path_factory.mktemp("onnx") / "reverser", format="onnx")


def test_onnx(onnx_model):
    assert names(onnx_model) == ["README.md", "decoder.onnx", "encoder.onnx", "tokenizer.json"]
    assert "The logits of 8 texts differ from the task's by" in (onnx_model / "README.md").read_text("utf-8")


def test_a_folder_holds_one_format(task, onnx_model):
    with pytest.raises(ExportError, match="holds a model in the format 'onnx'"):
        task.export(onnx_model.parent)
    assert names(onnx_model.parent) == ["1"]


def test_an_export_that_answers_otherwise_is_not_put_in_place(task, onnx_model, monkeypatch):
    write = translation_export.write_onnx

    def write_another(model, folder):
        bias = model.get_layer("encoder_norm").beta
        bias.assign_add(np.full(32, 0.5, "float32"))
        write(model, folder)
        bias.assign_sub(np.full(32, 0.5, "float32"))

    monkeypatch.setattr(translation_export, "write_onnx", write_another)
    with pytest.raises(ExportError, match=r"does not give the task's numbers, and was not put in place"):
        task.export(onnx_model.parent, format="onnx")
    assert names(onnx_model.parent) == ["1"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"format": "onnx", "shortlist": ParallelText(["a"], ["b"])},
            r"leave `shortlist` out, .* a shortlist of 1 pairs",
        ),
        ({"format": "pickle"}, r"`format` must be one of savedmodel, .*Received: format='pickle'"),
        ({"quantize": "int4"}, r"`quantize` must be one of None, int8\. Received: quantize='int4'"),
        ({"dtype": "float16"}, r"`dtype` must be one of None, float32, bfloat16\. Received: dtype='float16'"),
        ({"format": "onnx", "quantize": "int8"}, r"written in float32.*Received: quantize='int8', dtype=None"),
    ],
)
def test_what_is_not_known(task, tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        task.export(tmp_path / "new", **options)
    assert names(tmp_path) == []


def test_an_ensemble_is_a_saved_model_as_it_was_trained(trained, tmp_path):
    both = Translation.ensemble([trained.run, trained.run])
    for options in ({"format": "onnx"}, {"dtype": "bfloat16"}):
        with pytest.raises(ValueError, match=r"leave `format` and `dtype` out\. Received: .* an ensemble of 2$"):
            both.export(tmp_path / "new", **options)
    assert names(tmp_path) == []


@pytest.mark.long
def test_an_ensemble(trained, trained_rnn, words, tmp_path):
    both = Translation.ensemble([trained.run, trained_rnn.run])
    served = tf.saved_model.load(both.export(tmp_path / "new")).signatures["serving_default"]
    answers = [text.decode() for text in served(text=tf.constant(words.unseen))["text"].numpy()]
    assert answers == both.predict(words.unseen)


def test_ctranslate2_needs_subwords(task, tmp_path):
    with pytest.raises(ExportError, match=r"tokenizer=unigram or bpe.*Received: tokenizer='character'"):
        task.export(tmp_path / "new", format="ctranslate2")
    assert names(tmp_path) == []


def test_texts_for_a_run_that_kept_none(task):
    texts = translation_export.made_up_texts(task.tokenizer)
    assert len(texts) == 16 and all(set(text) <= set("abcd") for text in texts) and max(map(len, texts)) == 16


@pytest.mark.long
@pytest.mark.parametrize("form", [{"quantize": "int8"}, {"dtype": "bfloat16"}, {"format": "litert"}], ids=str)
def test_other_forms(task, words, tmp_path, form):
    version = task.export(tmp_path / "new", **form)
    card = (version / "README.md").read_text("utf-8")
    assert "of the task; their scores differ by" in card or "differ from the task's by" in card
    if "format" not in form:
        served = tf.saved_model.load(version).signatures["serving_default"](text=tf.constant(words.unseen))
        answers = [text.decode() for text in served["text"].numpy()]
        assert np.mean([a == b for a, b in zip(answers, task.predict(words.unseen), strict=True)]) > 0.9


@pytest.mark.long
def test_ctranslate2_translates_raw_text(words, tmp_path):
    if not importlib.util.find_spec("ctranslate2"):
        pytest.skip("needs ctranslate2")
    trained = train(words, tmp_path / "run", tokenizer="bpe", vocabulary_size=12)
    version = trained.task.export(tmp_path / "model", format="ctranslate2")
    script, texts = [sys.executable, version / "translate.py"], [*words.unseen, ""]
    done = subprocess.run(script, input="".join(f"{x}\n" for x in texts), capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    answers = done.stdout.splitlines()
    assert len(answers) == len(texts) and answers[-1] == ""
    assert np.mean([a == b for a, b in zip(answers, trained.task.predict(texts), strict=True)]) > 0.95
