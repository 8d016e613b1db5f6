"""What a classifier starts from gives what it gave before, from our own run and from a BERT's folder."""

import numpy as np
import pytest
import tensorflow as tf

from keras_attn import models
from keras_attn.tasks import start_from
from keras_attn.tasks.pretrained import keep_architecture, same_architecture
from keras_attn.text import WordpieceTokenizer
from keras_attn.training import RunFolder
from tests.bert_files import write_folder
from tests.layer_checks import numbers

PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "cat", "##s", *(f"x{i}" for i in range(52))]


def test_from_a_run(pretrained):
    start = start_from(pretrained.run, dropout=0.5)
    texts = pretrained.texts(5, 3)
    ids = start.tokenizer.tokenize(tf.constant(texts)).to_tensor()
    assert ids.numpy().tolist() == pretrained.task.tokenizer.tokenize(tf.constant(texts)).to_tensor().numpy().tolist()
    expected = numbers(models.encoder_of(pretrained.task.model)(ids))
    classifier = models.text_classifier(start.encoder, [2])
    assert classifier(ids)["head_0"].shape == (5, 2)
    outputs = numbers(classifier.get_layer("text_encoder")(ids))
    np.testing.assert_array_equal(outputs, expected)
    assert start.encoder.get_layer("encoder_block_0").dropout == 0.5 and start.max_length == 16


@pytest.mark.long
def test_a_classifier_learns_on_it(pretrained):
    """Which half of the words the text begins in; the encoder moves with it."""
    start, texts = start_from(pretrained.run), pretrained.texts(120, 4)
    ids = start.tokenizer.tokenize(tf.constant(texts)).to_tensor().numpy()
    labels = np.array([[text < "gz", text > "gz"] for text in texts], "float32")
    model = models.text_classifier(start.encoder, [2], dropout=0.0)
    model.compile("adam", {"head_0": "binary_crossentropy"}, jit_compile=False)
    before = start.encoder.get_weights()[0].copy()
    history = model.fit(ids, {"head_0": labels}, epochs=2, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    assert not np.array_equal(start.encoder.get_weights()[0], before)


@pytest.fixture
def bert_folder(tmp_path):
    write_folder(tmp_path / "bert")
    (tmp_path / "bert" / "vocab.txt").write_text("\n".join(PIECES) + "\n", "utf-8")
    return tmp_path / "bert"


def test_from_a_bert(bert_folder):
    start = start_from(bert_folder, dropout=0.0)
    assert type(start.tokenizer) is WordpieceTokenizer and start.max_length == 16
    assert start.encoder.get_layer("encoder_block_0").dropout == 0.0
    (row,) = start.tokenizer.tokenize(["the cats"]).to_list()
    assert row == [5, 6, 7]
    ids = np.array([[2, *row, 3, 0, 0]], "int32")
    whole = models.read_bert(bert_folder)
    expected = whole({"ids": ids, "segment_ids": 0 * ids, "padding_mask": ids != 0})["sequence"]
    classifier = models.text_classifier(start.encoder, [3])
    outputs = classifier.get_layer("text_encoder")(ids)
    np.testing.assert_allclose(numbers(outputs)[0, :5], numbers(expected)[0, :5], atol=1e-6)


@pytest.mark.parametrize("kind", ["run", "bert"])
def test_a_written_architecture_takes_the_weights(kind, pretrained, bert_folder, tmp_path):
    encoder = start_from(pretrained.run if kind == "run" else bert_folder, dropout=0.5).encoder
    folder, ids = RunFolder(tmp_path), np.array([[2, 5, 6, 3, 0]])
    keep_architecture(folder, encoder)
    again = same_architecture(folder)
    again.set_weights(encoder.get_weights())
    np.testing.assert_array_equal(numbers(again(ids)), numbers(encoder(ids)))
    assert again.get_layer("encoder_block_0").dropout == 0.5
    (tmp_path / "encoder.json").write_text("{", "utf-8")
    with pytest.raises(ValueError, match=r"encoder.json is missing or damaged .* Received: run="):
        same_architecture(folder)


def test_a_folder_that_is_neither(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"neither a run folder.*Received: folder="):
        start_from(tmp_path)


def test_a_run_of_another_task(tmp_path):
    RunFolder(tmp_path / "run").create({"task": "translation"})
    with pytest.raises(ValueError, match=r"a run of the task 'translation', not of 'pretraining'"):
        start_from(tmp_path / "run")
