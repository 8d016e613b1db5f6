"""Classifiers that start from a pretraining run or from a BERT: they need it no more when they are trained."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from scipy import special

from keras_attn import models
from keras_attn.data import LabelledText
from keras_attn.tasks import Classification
from keras_attn.training import RunFolder, RunRecorder
from tests.tasks.pretraining_cases import SMALL, counting_texts
from tests.tasks.test_classification_export import CLIENT

QUICK = {"learning_rate": 0.02, "epochs": 3, "unfreeze_epochs": 1, "average_decay": None, "dropout": 0.0}


def labelled(count, seed):
    """Counting texts, and in which half of the words each begins."""
    texts = counting_texts(count, seed)
    return LabelledText(texts, {"label": ["low" if text < "gz" else "high" for text in texts]})


def fine_tuned(init, run, **settings):
    task = Classification("fine_tuning", init=str(init), **{**QUICK, **settings})
    metrics = task.fit(labelled(150, 3), labelled(50, 4), run=run)
    return task, metrics


@pytest.fixture(scope="module")
def classifier(pretrained, tmp_path_factory):
    """One whose pretraining is gone."""
    folder = tmp_path_factory.mktemp("fine_tuned")
    shutil.copytree(pretrained.run, folder / "pretrained")
    task, metrics = fine_tuned(folder / "pretrained", folder / "run")
    shutil.rmtree(folder / "pretrained")
    return task, metrics, folder


def test_it_learns_and_loads_without_the_pretraining(classifier):
    task, metrics, folder = classifier
    assert metrics["accuracy"] > 90
    test = labelled(60, 5)
    again = Classification.load(folder / "run")
    assert again.predict(test.texts) == task.predict(test.texts)
    assert again.max_length == 16 and again.settings.max_length == 128  # what it starts from reads no more
    assert all(layer.trainable for layer in again.model._flatten_layers())
    again.save(folder / "saved")
    assert Classification.load(folder / "saved").classify(test.texts) == task.classify(test.texts)


def test_texts_are_read_as_in_the_pretraining(classifier, pretrained):
    task, tokenizer = classifier[0], pretrained.task.tokenizer
    (ids,) = tokenizer.tokenize(["ba ce di"]).to_list()
    assert task.classifier().ids(tf.constant(["ba ce di"])).numpy().tolist() == [[1, *ids, 2]]
    assert task.classifier().ids(tf.constant(["ba " * 99])).shape == (1, 16)
    assert [word for word, _ in task.explain("ba ce di").words()] == ["ba", "ce", "di"]


@pytest.mark.long
def test_the_encoder_waits_for_its_turn(pretrained, tmp_path):
    """In the first epoch the top learns alone: what stands below is still the pretrained encoder."""
    task, _ = fine_tuned(pretrained.run, tmp_path / "run", epochs=1)
    ids = np.array([[1, 5, 6, 7, 2, 0]])
    expected = models.encoder_of(pretrained.task.model).get_layer("encoder_block_0").get_weights()
    own = task.model.get_layer("text_encoder").get_layer("encoder_block_0").get_weights()
    for mine, theirs in zip(own, expected, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert np.isfinite(task.model.predict_on_batch(ids)["head_0"]).all()


@pytest.mark.long
def test_a_stopped_one_goes_on_without_the_pretraining(classifier, pretrained, tmp_path, monkeypatch):
    task, _, folder = classifier
    shutil.copytree(pretrained.run, folder / "pretrained")
    begin = RunRecorder.on_epoch_begin

    def stop(self, epoch, logs=None):
        begin(self, epoch, logs)
        if epoch == 1:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(RunRecorder, "on_epoch_begin", stop)
        with pytest.raises(KeyboardInterrupt):
            fine_tuned(folder / "pretrained", tmp_path / "run")
    shutil.rmtree(folder / "pretrained")
    again = Classification("fine_tuning", init=str(folder / "pretrained"), **QUICK)
    again.fit(labelled(150, 3), labelled(50, 4), run=tmp_path / "run", resume=True)
    assert [line["epoch"] for line in RunFolder(tmp_path / "run").metrics()] == [1, 2, 3]
    for own, other in zip(again.model.get_weights(), task.model.get_weights(), strict=True):
        np.testing.assert_allclose(own, other, atol=1e-5)


def test_what_cannot_be_started_from(pretrained, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"neither a run folder .* Received: folder="):
        fine_tuned(tmp_path / "nowhere", tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.long
def test_of_a_causal_model_the_first_token_is_no_class_token(tmp_path):
    from keras_attn.data import PlainText
    from keras_attn.tasks import Pretraining

    task = Pretraining(**{**SMALL, "objective": "causal", "epochs": 1})
    task.fit(PlainText(counting_texts(300, 1)), tmp_path / "causal")
    with pytest.raises(ValueError, match=r"whose first token sees no other.*Received: pooling='class'"):
        fine_tuned(tmp_path / "causal", tmp_path / "run", pooling="class")
    assert not (tmp_path / "run").exists()
    fine_tuned(tmp_path / "causal", tmp_path / "run", epochs=1)


PIECES = ["[PAD]", "low", "[SEP]", "hi", "##gh", "[UNK]", "[CLS]", "[MASK]", "ba", "ce", "di", "fo", "gu", "ha"]
PIECES += ["je", "ki", "lo", "mu", "na", "pe", "."]
TEXTS = ["ba ce di", "HA je. lo", "", "high xyz", "mu na pe ba " * 9]


@pytest.fixture(scope="module")
def bert(tmp_path_factory):
    """A BERT of random weights that transformers saved, with its model and its tokenizer there."""
    torch = pytest.importorskip("torch", reason="needs PyTorch: pip install 'keras_attn[bench]'")
    transformers = pytest.importorskip("transformers", reason="needs transformers: pip install 'keras_attn[bench]'")
    folder = tmp_path_factory.mktemp("bert")
    (folder / "vocab.txt").write_text("\n".join(PIECES) + "\n", "utf-8")
    sizes = {"vocab_size": len(PIECES), "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
    sizes |= {"intermediate_size": 24, "max_position_embeddings": 20, "pad_token_id": 0}
    torch.manual_seed(1)
    model = transformers.BertModel(transformers.BertConfig(**sizes, initializer_range=0.3)).eval()
    model.save_pretrained(folder)
    return folder, model, transformers.BertTokenizerFast(str(folder / "vocab.txt"), do_lower_case=True)


def test_a_bert_is_fine_tuned_and_answers_in_a_process_without_the_package(bert, tmp_path):
    """An epoch for the top alone leaves the encoder as it was: ids, masks and numbers are those of transformers."""
    import torch

    folder, theirs, tokenizer = bert
    task, _ = fine_tuned(folder, tmp_path / "run", epochs=1, pooling="class")
    assert task.max_length == 20
    version = task.export(tmp_path / "model", examples=TEXTS)
    command = [sys.executable, "-c", CLIENT, str(version), json.dumps(TEXTS)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=120)
    assert done.returncode == 0, done.stderr
    outputs = json.loads(done.stdout.splitlines()[-1])
    inputs = tokenizer(TEXTS, padding=True, truncation=True, max_length=20, return_tensors="pt")
    with torch.no_grad():
        first = theirs(**inputs).last_hidden_state[:, 0].numpy()  # at [CLS]
    kernel, bias = task.model.get_layer("head_0").get_weights()
    temperature = task.calibration["label"]["temperature"]
    expected = special.softmax((first @ kernel + bias) / temperature, axis=1)
    assert outputs["classes"][0] == ["high", "low"]
    np.testing.assert_allclose(outputs["scores"], expected, atol=1e-4)
    assert [found["label"].label for found in task.classify(TEXTS)] == outputs["label"]
