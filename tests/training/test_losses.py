"""The loss is the NumPy oracle's mean over the tokens, and padding does not exist for it."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_attn.training import ChainCrossentropy, InverseSquareRoot, MaskedAccuracy, MaskedCrossentropy
from tests import oracle

LABELS = np.array([[3, 5, 2, 0, 0], [1, 6, 4, 4, 2], [2, 0, 0, 0, 0]])


def random_logits(labels=LABELS, size=7, seed=0):
    return np.random.default_rng(seed).normal(size=(*labels.shape, size)).astype("float32") * 3


def loss_and_gradient(labels, logits, label_smoothing):
    logits = tf.constant(logits)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = MaskedCrossentropy(label_smoothing)(labels, logits)
    return float(loss), tape.gradient(loss, logits).numpy()


@pytest.mark.parametrize("label_smoothing", [0.0, 0.1, 0.6])
def test_loss_and_gradient_are_the_oracles(label_smoothing):
    logits = random_logits()
    is_token = LABELS != 0
    loss, gradient = loss_and_gradient(LABELS, logits, label_smoothing)
    expected = oracle.crossentropy(LABELS, logits, label_smoothing)[is_token].mean()
    assert loss == pytest.approx(expected, rel=1e-6)
    slopes = oracle.crossentropy_gradient(LABELS, logits, label_smoothing, is_token / is_token.sum())
    np.testing.assert_allclose(gradient, slopes, atol=1e-7)


@pytest.mark.parametrize("label_smoothing", [0.0, 0.1])
def test_padding_has_no_influence(label_smoothing):
    logits = random_logits()
    other = np.where((LABELS == 0)[..., None], random_logits(seed=1) * 100, logits)
    loss, gradient = loss_and_gradient(LABELS, logits, label_smoothing)
    other_loss, other_gradient = loss_and_gradient(LABELS, other, label_smoothing)
    assert loss == other_loss
    np.testing.assert_array_equal(gradient, other_gradient)
    assert not gradient[LABELS == 0].any() and gradient[LABELS != 0].all()
    longer = np.pad(LABELS, [(0, 1), (0, 2)]), np.pad(logits, [(0, 1), (0, 2), (0, 0)])
    assert loss_and_gradient(*longer, label_smoothing)[0] == pytest.approx(loss, rel=1e-6)


def test_a_batch_of_padding_costs_nothing():
    loss, gradient = loss_and_gradient(np.zeros_like(LABELS), random_logits(), 0.1)
    assert loss == 0.0
    np.testing.assert_array_equal(gradient, np.zeros_like(gradient))


@pytest.mark.parametrize("shape", [(3, 1), (3, 5)])
def test_weights_multiply_the_tokens_losses(shape):
    logits, weights = random_logits(), np.random.default_rng(2).uniform(0.5, 2, shape).astype("float32")
    loss = MaskedCrossentropy(0.1)(LABELS, tf.constant(logits), sample_weight=weights)
    losses = oracle.crossentropy(LABELS, logits, 0.1) * weights
    assert float(loss) == pytest.approx(losses[LABELS != 0].mean(), rel=1e-6)


def test_low_precision_logits_give_a_float32_loss():
    logits = tf.cast(random_logits(), tf.bfloat16)
    loss = MaskedCrossentropy()(LABELS, logits)
    expected = oracle.crossentropy(LABELS, tf.cast(logits, tf.float32).numpy())[LABELS != 0].mean()
    assert loss.dtype == tf.float32
    assert float(loss) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("label_smoothing", [-0.1, 1.0])
def test_a_share_that_is_none_is_refused(label_smoothing):
    with pytest.raises(ValueError, match=f"Received: label_smoothing={label_smoothing}"):
        MaskedCrossentropy(label_smoothing)


def test_saved_and_reloaded_with_a_model(tmp_path):
    model = keras.Sequential([keras.Input((None,), dtype="int32"), keras.layers.Embedding(7, 7)])
    loss, rate = MaskedCrossentropy(0.3, name="mine"), InverseSquareRoot(0.02, 7)
    model.compile(keras.optimizers.Adam(rate), loss, metrics=[MaskedAccuracy()], jit_compile=False)
    model.fit(LABELS, LABELS, batch_size=3, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert (loaded.loss.label_smoothing, loaded.loss.name) == (0.3, "mine")
    assert loaded.optimizer._learning_rate.get_config() == {"learning_rate": 0.02, "warmup_steps": 7}
    expected = model.evaluate(LABELS, LABELS, verbose=0, return_dict=True)
    assert loaded.evaluate(LABELS, LABELS, verbose=0, return_dict=True) == expected
    assert set(expected) == {"loss", "accuracy"}


def test_a_chains_loss_is_that_of_all_its_paths():
    states, lengths = np.array([[1, 0, 2], [2, -1, -1], [-1, -1, -1]]), (3, 1, 0)
    scores = np.random.default_rng(3).normal(size=(3, 3, 3, 3))
    expected = 0.0
    for row, length in enumerate(lengths):
        paths = {
            path: sum(scores[row, t, path[t - 1] if t else 0, path[t]] for t in range(length))
            for path in itertools.product(range(3), repeat=length)
        }
        expected += np.logaddexp.reduce(list(paths.values())) - paths[tuple(states[row, :length])]
    loss = ChainCrossentropy()
    assert float(loss(states, scores.astype("float32"))) == pytest.approx(expected / 4, rel=1e-5)
    assert ChainCrossentropy.from_config(loss.get_config()).name == "chain_crossentropy"
    assert float(loss(states[2:], scores[2:].astype("float32"))) == 0.0
