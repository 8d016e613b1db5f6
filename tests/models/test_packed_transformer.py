"""Several sequences in a row give the numbers that each gives in a row of its own."""

import keras
import numpy as np
import pytest

from keras_attn import layers, models
from keras_attn.data import TokenBatches
from keras_attn.training import MaskedCrossentropy
from tests.layer_checks import numbers, reloaded, shuffle_weights

V = 29
generator = np.random.default_rng(3)
SOURCES, TARGETS = ([generator.integers(3, V, generator.integers(1, 9)) for _ in range(23)] for _ in range(2))
SIZES = {"num_layers": 1, "hidden_dim": 12, "num_heads": 3, "intermediate_dim": 17, "dropout": 0.0}
SIZES["implementation"] = "dense"  # of lengths not known the graph would hold two, and takes long to trace
VARIANTS = {
    "sinusoidal": {},
    "learned, pre-norm": {"position": layers.LearnedPosition(40), "normalize_first": True},
    "rotary, grouped heads": {"position": layers.RotaryPosition(), "num_kv_heads": 1, "use_bias": False},
}


def only_batch(**options):
    batches = TokenBatches(SOURCES, TARGETS, batch_tokens=1000, max_length=36, num_buckets=1, **options)
    assert len(batches) == 1
    return batches[0]


def loss_and_gradients(model, inputs, labels):
    """The loss of one step of plain gradient descent, and what it took off the weights."""
    model.compile(keras.optimizers.SGD(1.0), MaskedCrossentropy(0.1), run_eagerly=True)
    before = model.get_weights()
    loss = float(model.train_on_batch(inputs, labels))
    return loss, [old - new for old, new in zip(before, model.get_weights(), strict=True)]


@pytest.mark.parametrize("variant", VARIANTS)
def test_loss_and_gradients_are_those_of_unpacked_rows(variant):
    packed_inputs, packed_labels = only_batch(packing=True)
    inputs, labels = only_batch()
    assert (packed_labels != 0).any(axis=1).sum() < 10 < (labels != 0).any(axis=1).sum() == 23
    packed = models.transformer(V, packed=True, **SIZES, **VARIANTS[variant])
    shuffle_weights(packed)
    plain = models.transformer(V, **SIZES, **VARIANTS[variant])
    plain.set_weights(packed.get_weights())
    expected_loss, expected = loss_and_gradients(plain, inputs, labels)
    loss, gradients = loss_and_gradients(packed, packed_inputs, packed_labels)
    assert loss == pytest.approx(expected_loss, rel=1e-5)
    for one, other in zip(gradients, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-5)


def test_a_packed_model_reloads_and_decodes_single_sequences(tmp_path):
    model = models.transformer(V, packed=True, word_dropout=0.1, **SIZES)
    shuffle_weights(model)
    packed_inputs, _ = only_batch(packing=True)
    again = reloaded(model, tmp_path)
    assert np.array_equal(numbers(again(packed_inputs)), numbers(model(packed_inputs)))
    plain = models.transformer(V, **SIZES)
    plain.set_weights(model.get_weights())
    inputs, _ = only_batch()
    logits = models.decode(again, inputs["target"], *models.encode(again, inputs["source"]))
    np.testing.assert_allclose(numbers(logits), numbers(plain(inputs)), atol=1e-5)
