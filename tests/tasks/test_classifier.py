"""Texts to ids and scores inside the graph."""

import numpy as np
import pytest
import tensorflow as tf

from keras_attn import models
from keras_attn.tasks.classification_labels import Labels
from keras_attn.tasks.classifier import Classifier, token_ids
from keras_attn.text import ByteTokenizer, CharacterTokenizer, WordpieceTokenizer

LABELS = Labels({"topic": ["a", "b", "c"], "tags": ["x", "y"]}, ("tags",))


@pytest.fixture(scope="module")
def classifier():
    tokenizer = CharacterTokenizer.train(["abc de"])
    return Classifier(classifier_of(tokenizer), tokenizer, LABELS, {"topic": 2.0}, max_length=6)


def classifier_of(tokenizer):
    encoder = models.recurrent_text_encoder(tokenizer.vocabulary_size, hidden_dim=8)
    return models.text_classifier(encoder, LABELS.counts)


def test_ids_are_cut_ended_and_padded(classifier):
    a, b = classifier.tokenizer.tokenize(["ab"]).to_list()[0]
    ids = classifier.ids(tf.constant(["ab", "", "b" * 90])).numpy()
    assert ids.tolist() == [[a, b, 2, 0, 0, 0], [2, 0, 0, 0, 0, 0], [b] * 5 + [2]]
    assert classifier.ids(tf.constant([], tf.string)).shape == (0, 1)


def test_ids_of_a_tokenizer_of_its_own_kind_begin_and_end_with_its_ids():
    pieces = ["[PAD]", "a", "[SEP]", "[UNK]", "[MASK]", "[CLS]", "b"]
    tokenizer = WordpieceTokenizer(pieces)
    classifier = Classifier(classifier_of(tokenizer), tokenizer, LABELS, {}, max_length=4, with_start=True)
    ids = classifier.ids(tf.constant(["a b", "", "b b b", "c"]))
    assert ids.numpy().tolist() == [[5, 1, 6, 2], [5, 2, 0, 0], [5, 6, 6, 2], [5, 3, 2, 0]]
    assert classifier.unknown_share(ids).numpy().tolist() == [0.0, 0.0, 0.0, 1.0]


def test_scores_are_probabilities_at_the_temperature(classifier):
    ids = classifier.ids(tf.constant(["ab", "cd e"]))
    logits, scores = classifier.logits(ids), classifier.scores(ids)
    powers = np.exp(logits["topic"].numpy() / 2.0)
    np.testing.assert_allclose(scores["topic"], powers / powers.sum(axis=1, keepdims=True), rtol=1e-5)
    np.testing.assert_allclose(scores["tags"], 1 / (1 + np.exp(-logits["tags"].numpy())), rtol=1e-5)


def test_how_much_is_unknown(classifier):
    ids = classifier.ids(tf.constant(["ab", "aé", "日本", ""]))
    assert classifier.unknown_share(ids).numpy().tolist() == [0.0, 0.5, 1.0, 0.0]


def test_of_a_long_text_only_what_is_read_is_tokenized():
    assert token_ids(tf.constant(["é" * 10_000_000]), ByteTokenizer(), 6).to_list() == [[199, 173] * 3]
