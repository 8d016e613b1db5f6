import numpy as np
import pytest

from keras_attn import models
from tests.layer_checks import numbers, reloaded, shuffle_weights
from tests.models.test_signal_encoder import SMALL, inputs_of


@pytest.fixture(scope="module")
def classifier():
    encoders = [models.signal_encoder(3, name=f"encoder_{i}", strides=[2], num_layers=i, **SMALL) for i in range(2)]
    model = models.signal_classifier(encoders, 4, num_windows=3)
    shuffle_weights(model)
    return model


def test_each_member_pools_and_answers_by_itself(classifier):
    inputs = inputs_of(6, 9)
    logits = numbers(classifier(inputs))
    assert logits.shape == (2, 2, 4)
    for i in range(2):
        encoded = classifier.get_layer(f"encoder_{i}")(inputs)
        weights = classifier.get_layer(f"pooling_{i}")(
            encoded["steps"], mask=encoded["mask"], return_attention_scores=True
        )[1]
        pooled = np.einsum("bps,bsd->bpd", numbers(weights), numbers(encoded["steps"])).reshape(2, -1)
        kernel, bias = (numbers(w) for w in classifier.get_layer(f"output_{i}").get_weights())
        np.testing.assert_allclose(logits[:, i], pooled @ kernel + bias, atol=1e-4)


def test_padding_has_no_influence(classifier):
    inputs = inputs_of(6, 9)
    wider = {name: np.pad(array, [(0, 0), (0, 5), (0, 0)][: array.ndim]) for name, array in inputs.items()}
    wider["signals"][0, 6:] = 5.0
    np.testing.assert_allclose(numbers(classifier(wider)), numbers(classifier(inputs)), atol=1e-4)


def test_the_answer_is_the_mean_of_the_probabilities():
    logits = np.array([[[1.0, 2.0, -1.0], [0.5, -3.0, 0.2]]], "float32")
    each = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(np.exp(numbers(models.class_logits(logits))), each.mean(axis=1), atol=1e-6)


def test_step_weights_are_the_poolings_mean(classifier, tmp_path):
    inputs = inputs_of(6, 9)
    weights = numbers(models.step_weights(classifier, inputs))
    assert weights.shape == (2, 5)
    np.testing.assert_allclose(weights.sum(axis=1), 1.0, atol=1e-5)
    assert not weights[0, 3:].any()
    again = reloaded(classifier, tmp_path)
    np.testing.assert_array_equal(numbers(again(inputs)), numbers(classifier(inputs)))
    np.testing.assert_allclose(numbers(models.step_weights(again, inputs)), weights, atol=1e-6)
    parts = []
    for i in range(2):
        encoded = classifier.get_layer(f"encoder_{i}")(inputs)
        pooling = classifier.get_layer(f"pooling_{i}")
        parts.append(numbers(pooling(encoded["steps"], mask=encoded["mask"], return_attention_scores=True)[1]))
    np.testing.assert_allclose(weights, np.concatenate(parts, axis=1).mean(axis=1), atol=1e-6)


def test_errors():
    with pytest.raises(ValueError, match=r"needs an encoder\. Received: encoders=\[\]"):
        models.signal_classifier([], 2)
    with pytest.raises(ValueError, match=r"`num_classes` must be a positive integer\. Received: num_classes=0"):
        models.signal_classifier([models.signal_encoder(1, **SMALL)], 0)
