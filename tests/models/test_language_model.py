"""The outputs of language models against NumPy, and that the embedding is shared, also after a reload."""

import numpy as np
import pytest

from keras_attn import models
from tests import oracle
from tests.layer_checks import check_gradients, normal, numbers, reloaded, shuffle_weights

V, D, T = 13, 8, 7
SIZES = {"num_layers": 2, "hidden_dim": D, "num_heads": 2, "intermediate_dim": 11, "normalize_first": True}
IDS = np.array([[1, 5, 9, 3, 3, 7, 2], [1, 4, 12, 2, 0, 0, 0]], "int32")
POSITIONS = np.array([[3, 1, 6], [2, 0, 0]], "int32")
INPUTS = {"ids": IDS, "positions": POSITIONS}


def masked():
    model = models.masked_language_model(models.text_encoder(V, **SIZES), activation="relu")
    shuffle_weights(model)
    return model


def causal():
    model = models.causal_language_model(models.text_encoder(V, use_causal_mask=True, **SIZES))
    shuffle_weights(model)
    return model


def test_masked_logits():
    model = masked()
    encoder = models.encoder_of(model)
    y = numbers(encoder(IDS)).astype("float64")
    kernel, bias = model.get_layer("output_transform").get_weights()
    embedding = encoder.get_layer("embedding").get_weights()[0]
    expected = np.zeros((*POSITIONS.shape, V))
    for row, place in np.ndindex(POSITIONS.shape):
        h = np.maximum(y[row, POSITIONS[row, place]] @ kernel + bias, 0.0)
        h = oracle.layer_norm(h, *model.get_layer("output_norm").get_weights(), 1e-5)
        expected[row, place] = [h @ embedding[v] for v in range(V)]
    np.testing.assert_allclose(numbers(model(INPUTS)), expected, atol=1e-4)


def test_causal_logits_know_nothing_of_what_follows():
    model = causal()
    encoder = models.encoder_of(model)
    embedding = encoder.get_layer("embedding").get_weights()[0]
    logits = numbers(model({"ids": IDS}))
    np.testing.assert_allclose(logits, numbers(encoder(IDS)) @ embedding.T, atol=1e-4)
    other = IDS.copy()
    other[0, 4:] = [8, 9, 10]
    changed = numbers(model({"ids": other}))
    np.testing.assert_allclose(changed[0, :4], logits[0, :4], atol=1e-6)
    assert not np.allclose(changed[0, 4], logits[0, 4])


@pytest.mark.parametrize(("make", "inputs"), [(masked, INPUTS), (causal, {"ids": IDS})])
def test_reloaded_it_is_the_same_and_the_embedding_still_shared(make, inputs, tmp_path):
    model = make()
    again = reloaded(model, tmp_path)
    assert np.array_equal(numbers(again(inputs)), numbers(model(inputs)))
    assert again.count_params() == model.count_params()
    assert np.array_equal(numbers(models.encoder_of(again)(IDS)), numbers(models.encoder_of(model)(IDS)))
    embedding = again.get_layer("embedding")
    embedding.embeddings.assign(0.0 * embedding.embeddings)
    assert not numbers(again(inputs)).any()


@pytest.mark.parametrize(("make", "inputs"), [(masked, INPUTS), (causal, {"ids": IDS})])
def test_gradients_reach_every_weight(make, inputs):
    model = make()
    check_gradients(model, inputs, normal(*model(inputs).shape))


def test_on_a_bert():
    encoder = models.bert_text_encoder(models.bert(V, 1, D, 2, 11, max_length=9, with_pooler=False))
    model = models.masked_language_model(encoder)
    assert numbers(model(INPUTS)).shape == (2, 3, V)
    np.testing.assert_array_equal(numbers(models.encoder_of(model)(IDS)), numbers(encoder(IDS)))
