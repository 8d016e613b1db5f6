"""The encoder against NumPy loops, and what padding, order and a reload do to it."""

import keras
import numpy as np
import pytest

from keras_attn import layers, models
from keras_attn.testing import check_gradients
from tests import oracle
from tests.layer_checks import block_weights, normal, numbers, reloaded, shuffle_weights

B, T, V, L, N, H, F = 2, 7, 13, 2, 5, 2, 17
D = N * H
IDS = np.where(np.arange(T) < np.array([[7], [4]]), np.random.default_rng(0).integers(1, V, (B, T)), 0).astype("int32")
SIZES = {"num_layers": L, "hidden_dim": D, "num_heads": N, "intermediate_dim": F}


def built(**arguments):
    model = models.text_encoder(V, **{**SIZES, **arguments})
    shuffle_weights(model)
    return model


def loops(model, normalize_first):
    """The output, block by block in NumPy."""
    x = model.get_layer("embedding").get_weights()[0].astype("float64")[IDS] * D**0.5
    x = x + oracle.sinusoidal_positions(T, D)
    for i in range(L):
        weights = block_weights(model.get_layer(f"encoder_block_{i}"))
        x = oracle.encoder_block(x, weights, normalize_first, padding_mask=IDS != 0)
    return oracle.layer_norm(x, *model.get_layer("encoder_norm").get_weights(), 1e-5) if normalize_first else x


@pytest.mark.parametrize("normalize_first", [False, True])
def test_it_equals_the_loops(normalize_first):
    model = built(normalize_first=normalize_first)
    expected = loops(model, normalize_first)
    np.testing.assert_allclose(numbers(model(IDS))[IDS != 0], expected[IDS != 0], rtol=1e-4, atol=5e-4)


def test_padding_has_no_influence():
    model = built()
    longer = numbers(model(np.pad(IDS, ((0, 0), (0, 5)))))[:, :T]
    np.testing.assert_allclose(longer[IDS != 0], numbers(model(IDS))[IDS != 0], atol=1e-4)


def test_a_causal_encoder_does_not_see_what_follows():
    changed = np.where(np.arange(T) < 3, IDS, IDS % (V - 1) + 1).astype("int32")
    causal, both_ways = built(use_causal_mask=True), built()
    before, after = (numbers(causal(ids))[0] for ids in (IDS, changed))
    assert np.array_equal(before[:3], after[:3]) and not np.allclose(before[3:], after[3:])
    assert not np.allclose(numbers(both_ways(IDS))[0, :3], numbers(both_ways(changed))[0, :3])


def test_without_blocks_it_is_the_embeddings():
    model = built(num_layers=0)
    vectors = model.get_layer("embedding").get_weights()[0]
    np.testing.assert_allclose(numbers(model(IDS)), vectors[IDS] * D**0.5, rtol=1e-6)


def test_word_dropout_leaves_whole_tokens_out_in_training_alone():
    model = built(num_layers=0, word_dropout=0.5, dropout=0.0)
    ids = np.ones((1, 400), "int32")
    rows = numbers(model(ids, training=True))[0]
    is_left_out = ~rows.any(axis=-1)
    assert 130 < is_left_out.sum() < 270  # 200 in the mean, seven deviations to either side
    vector = model.get_layer("embedding").get_weights()[0][1] * D**0.5
    np.testing.assert_allclose(rows[~is_left_out], np.tile(2 * vector, ((~is_left_out).sum(), 1)), rtol=1e-5)
    assert numbers(model(ids)).any(axis=-1).all()


# Rotated, a bias of the keys is no longer the same for all: it has a gradient.
@pytest.mark.parametrize(
    ("position", "zero_gradients"),
    [(layers.RotaryPosition(), []), (layers.LearnedPosition(max_length=7), ["key/bias"])],
)
def test_it_reloads_and_learns_with_other_positions(position, zero_gradients, tmp_path):
    model = built(num_layers=1, position=position)
    assert np.array_equal(numbers(reloaded(model, tmp_path)(IDS)), numbers(model(IDS)))
    turned = IDS[:1, ::-1]
    assert not np.allclose(numbers(model(turned))[0, ::-1], numbers(model(IDS[:1]))[0], atol=1e-3)
    check_gradients(model, IDS[:1], normal(1, T, D), zero_gradients)


def test_errors():
    with pytest.raises(ValueError, match=r"`num_layers` must be a positive integer\. Received: num_layers=-1"):
        models.text_encoder(V, num_layers=-1)
    with pytest.raises(ValueError, match=r"`vocabulary_size` must be a positive integer"):
        models.text_encoder(0)
    with pytest.raises(ValueError, match=r"`num_heads` must divide the model's width 10"):
        models.text_encoder(V, hidden_dim=10, num_heads=3)
    with pytest.raises(ValueError, match=r"`position` must be 'sinusoidal' or a position layer.*Received: position=3"):
        models.text_encoder(V, position=3)


def test_it_can_be_a_part_of_another_model(tmp_path):
    encoder = built(num_layers=1)
    ids = keras.Input((None,), dtype="int32")
    model = keras.Model(ids, keras.layers.Dense(3)(encoder(ids)))
    again = reloaded(model, tmp_path)
    assert np.array_equal(numbers(again(IDS)), numbers(model(IDS)))
    assert again.get_layer("text_encoder").get_layer("embedding").input_dim == V
