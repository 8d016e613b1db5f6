"""The recurrent encoder against a loop over its own cells' equations, forwards and backwards."""

import numpy as np
import pytest

from keras_attn import models
from tests.layer_checks import check_gradients, normal, numbers, reloaded, shuffle_weights

V, D, T = 13, 6, 7
IDS = np.where(np.arange(T) < np.array([[7], [4]]), np.random.default_rng(0).integers(1, V, (2, T)), 0).astype("int32")


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


def gru(inputs, kernel, recurrent_kernel, bias):
    """Keras's GRU (reset after the product), one step after the other."""
    state, outputs, size = np.zeros(recurrent_kernel.shape[0]), [], recurrent_kernel.shape[0]
    for x in inputs:
        given, recalled = x @ kernel + bias[0], state @ recurrent_kernel + bias[1]
        update, reset = (sigmoid(given[i : i + size] + recalled[i : i + size]) for i in (0, size))
        candidate = np.tanh(given[2 * size :] + reset * recalled[2 * size :])
        state = update * state + (1.0 - update) * candidate
        outputs.append(state)
    return np.array(outputs)


def test_it_equals_the_loops():
    model = models.recurrent_text_encoder(V, num_layers=2, hidden_dim=D)
    shuffle_weights(model)
    output = numbers(model(IDS))
    for row, length in enumerate((7, 4)):
        x = model.get_layer("embedding").get_weights()[0].astype("float64")[IDS[row, :length]] * D**0.5
        for i in range(2):
            weights = model.get_layer(f"encoder_{i}").get_weights()
            x = np.concatenate([gru(x, *weights[:3]), gru(x[::-1], *weights[3:])[::-1]], axis=-1)
        np.testing.assert_allclose(output[row, :length], x, atol=1e-5)


def test_an_lstm_reloads_learns_and_ignores_padding(tmp_path):
    model = models.recurrent_text_encoder(V, hidden_dim=D, cell="lstm", word_dropout=0.1)
    shuffle_weights(model)
    assert np.array_equal(numbers(reloaded(model, tmp_path)(IDS)), numbers(model(IDS)))
    longer = numbers(model(np.pad(IDS, ((0, 0), (0, 3)))))[:, :T]
    np.testing.assert_allclose(longer[IDS != 0], numbers(model(IDS))[IDS != 0], atol=1e-6)
    check_gradients(model, IDS[:1], normal(1, T, D))


@pytest.mark.parametrize("arguments", [{"hidden_dim": 5}, {"cell": "rnn"}])
def test_errors(arguments):
    with pytest.raises(ValueError, match=r"`hidden_dim` must be even.*'gru', 'lstm'\. Received: hidden_dim="):
        models.recurrent_text_encoder(V, **arguments)
