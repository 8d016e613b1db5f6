"""Classifiers against sums over their encoder's outputs, and the weights that explain them."""

import keras
import numpy as np
import pytest

from keras_attn import models
from tests.layer_checks import numbers, reloaded, shuffle_weights

V, D, T = 13, 8, 6
IDS = np.where(np.arange(T) < np.array([[6], [3]]), np.random.default_rng(1).integers(2, V, (2, T)), 0).astype("int32")
SIZES = {"num_layers": 1, "hidden_dim": D, "num_heads": 2, "intermediate_dim": 11}


def built(pooling, recurrent=False, num_classes=(3, 2)):
    encoder = models.recurrent_text_encoder(V, hidden_dim=D) if recurrent else models.text_encoder(V, **SIZES)
    model = models.text_classifier(encoder, list(num_classes), pooling, dropout=0.5)
    shuffle_weights(model)
    return model


def logits_of(model, pooled):
    """What both heads make of pooled vectors."""
    dense = [model.get_layer(f"head_{i}").get_weights() for i in range(2)]
    return {f"head_{i}": pooled @ kernel + bias for i, (kernel, bias) in enumerate(dense)}


def check_logits(model, pooled):
    outputs, expected = model(IDS), logits_of(model, pooled)
    assert outputs.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_allclose(numbers(outputs[name]), array, atol=1e-5)


@pytest.mark.parametrize("recurrent", [False, True])
def test_pooled_by_attention(recurrent):
    model = built("attention", recurrent)
    encoded = numbers(model.get_layer("text_encoder")(IDS)).astype("float64")
    weights = numbers(models.token_weights(model, IDS))
    kernel, bias, context = (w.astype("float64") for w in _by_name(model.get_layer("pooling")))
    for row, length in enumerate((6, 3)):
        powers = np.exp(np.tanh(encoded[row, :length] @ kernel + bias) @ context)
        np.testing.assert_allclose(weights[row, :length], powers / powers.sum(), atol=1e-5)
        assert not weights[row, length:].any()
    check_logits(model, np.einsum("bt,btd->bd", weights, encoded))


def _by_name(pooling):
    dense = pooling.hidden_dense
    return numbers(dense.kernel), numbers(dense.bias), numbers(pooling.score_weights)


def test_pooled_by_the_mean():
    model = built("mean")
    encoded = numbers(model.get_layer("text_encoder")(IDS))
    check_logits(model, np.stack([encoded[0].mean(axis=0), encoded[1, :3].mean(axis=0)]))
    np.testing.assert_allclose(
        numbers(models.token_weights(model, IDS)), [[1 / 6] * 6, [1 / 3] * 3 + [0] * 3], atol=1e-6
    )


def test_pooled_by_a_class_token():
    model = built("class")
    check_logits(model, numbers(model.get_layer("text_encoder")(IDS))[:, 0])
    weights = numbers(models.token_weights(model, IDS))
    assert weights.shape == IDS.shape and not weights[IDS == 0].any()
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-5)
    block = model.get_layer("text_encoder").get_layer("encoder_block_0")
    x = numbers(model.get_layer("text_encoder").get_layer("embedding")(IDS)) * D**0.5
    x = model.get_layer("text_encoder").get_layer("position")(x)
    _, scores = block.self_attention(x, x, value_mask=IDS != 0, return_attention_scores=True)
    np.testing.assert_allclose(weights, numbers(scores)[:, :, 0].mean(axis=1), atol=1e-5)


@pytest.mark.parametrize("pooling", ["attention", "class"])
def test_it_reloads_and_still_explains(pooling, tmp_path):
    model = built(pooling)
    again = reloaded(model, tmp_path)
    for name, logits in model(IDS).items():
        assert np.array_equal(numbers(again(IDS)[name]), numbers(logits))
    assert np.array_equal(numbers(models.token_weights(again, IDS)), numbers(models.token_weights(model, IDS)))


@pytest.mark.parametrize("pooling", ["attention", "mean", "class"])
def test_padding_has_no_influence(pooling):
    model = built(pooling)
    longer = model(np.pad(IDS, ((0, 0), (0, 4))))
    for name, logits in model(IDS).items():
        np.testing.assert_allclose(numbers(longer[name]), numbers(logits), atol=1e-5)


def test_logits_are_float32_in_half_precision():
    encoder = models.text_encoder(V, **SIZES, dtype="mixed_bfloat16")
    model = models.text_classifier(encoder, [3], dtype="mixed_bfloat16")
    assert keras.backend.standardize_dtype(model(IDS)["head_0"].dtype) == "float32"
    assert keras.backend.standardize_dtype(encoder(IDS).dtype) == "bfloat16"


def test_errors():
    encoder = models.text_encoder(V, **SIZES)
    with pytest.raises(
        ValueError, match=r"`pooling` must be one of 'attention', 'mean', 'class'\. Received: pooling='max'"
    ):
        models.text_classifier(encoder, [3], pooling="max")
    with pytest.raises(ValueError, match=r"`num_classes` must be a positive integer\. Received: num_classes=0"):
        models.text_classifier(encoder, [3, 0])
