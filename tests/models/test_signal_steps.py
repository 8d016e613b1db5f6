"""Models that answer at each step; the loss of those that spell texts against PyTorch's."""

import keras
import numpy as np
import pytest

from keras_attn import models
from tests.layer_checks import numbers, shuffle_weights
from tests.models.test_signal_encoder import SMALL, inputs_of


def transcriber():
    model = models.signal_transcriber(models.signal_encoder(3, strides=[2], **SMALL), 5)
    shuffle_weights(model)
    return model


def test_padding_is_a_sure_blank():
    logits = numbers(transcriber()(inputs_of(6, 11)))
    assert logits.shape == (2, 6, 5)
    padding = logits[0, 3:]
    assert (padding[:, 0] - padding[:, 1:].max(axis=1) > 1e8).all() and np.abs(logits[0, :3]).max() < 1e3


def test_the_loss_is_pytorchs_of_the_lengths_without_padding():
    torch = pytest.importorskip("torch")
    logits = numbers(transcriber()(inputs_of(8, 13)))
    texts = np.array([[1, 1, 0], [4, 2, 3]])
    found = keras.losses.CTC(reduction="none")(texts, logits.astype("float32"))
    for row, (steps, letters) in enumerate(((4, 2), (7, 3))):
        scores = torch.log_softmax(torch.tensor(logits[row, :steps]), dim=-1)[:, None]
        expected = torch.nn.functional.ctc_loss(
            scores, torch.tensor(texts[row : row + 1, :letters]), (steps,), (letters,), reduction="none"
        )
        assert float(found[row]) == pytest.approx(float(expected), rel=1e-4)


def test_a_filter_gives_a_value_a_step_and_none_at_padding():
    model = models.signal_filter(models.signal_encoder(3, **SMALL), 2)
    shuffle_weights(model)
    inputs = inputs_of(4, 9)
    values = numbers(model(inputs))
    assert values.shape == (2, 9, 2) and not values[0, 4:].any() and np.abs(values[1]).min() > 0
    steps = numbers(model.get_layer("signal_encoder")(inputs)["steps"])
    kernel, bias = (numbers(w) for w in model.get_layer("output").get_weights())
    np.testing.assert_allclose(values[1], steps[1] @ kernel + bias, atol=1e-4)


def test_errors():
    encoder = models.signal_encoder(1, **SMALL)
    with pytest.raises(ValueError, match=r"`vocabulary_size` must be a positive integer\. Received: vocabulary_size=0"):
        models.signal_transcriber(encoder, 0)
    with pytest.raises(ValueError, match=r"`num_outputs` must be a positive integer\. Received: num_outputs=0"):
        models.signal_filter(encoder, 0)
