"""Taggers against their parts in NumPy, padding, and where words look."""

import numpy as np
import pytest

from keras_attn import models
from tests.layer_checks import numbers, reloaded, shuffle_weights

V, D = 13, 8
IDS = np.array([[5, 6, 7, 8, 9, 4], [4, 9, 0, 0, 0, 0]], "int32")
STARTS = np.array([[0, 2, 5], [0, 1, -1]], "int32")
SIZES = {"num_layers": 1, "hidden_dim": D, "num_heads": 2, "intermediate_dim": 11}


def built(recurrent=False, **arguments):
    encoder = models.recurrent_text_encoder(V, hidden_dim=D) if recurrent else models.text_encoder(V, **SIZES)
    model = models.tagger(encoder, **{"num_tags": 3, "num_labels": 2, "num_heads": 2, "dropout": 0.5, **arguments})
    shuffle_weights(model)
    return model


def softmax(x):
    powers = np.exp(x - x.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def expected_of(model, row):
    """Tag scores and label logits of a row, and where its words look, by sums in NumPy."""
    starts = STARTS[row][STARTS[row] >= 0]
    x = numbers(model.get_layer("text_encoder")(IDS))[row, starts].astype("float64")
    gamma, beta = model.get_layer("word_norm").get_weights()
    y = (x - x.mean(axis=1, keepdims=True)) / np.sqrt(x.var(axis=1, keepdims=True) + 1e-5) * gamma + beta
    query, key, value, output = (
        [np.asarray(w) for w in (dense.kernel, dense.bias)]
        for dense in (
            getattr(model.get_layer("word_attention"), f"{n}_dense") for n in ("query", "key", "value", "output")
        )
    )
    q, k, v = (np.einsum("wd,dnh->nwh", y, kernel) + bias[:, None] for kernel, bias in (query, key, value))
    looks = softmax(np.einsum("nwh,nsh->nws", q, k) / np.sqrt(D // 2))
    x = x + np.einsum("nws,nsh,nhd->wd", looks, v, output[0]) + output[1]
    kernel, bias = model.get_layer("tag_scores").get_weights()
    return x @ kernel + bias, x, looks


@pytest.mark.parametrize("recurrent", [False, True])
def test_the_parts(recurrent):
    model = built(recurrent)
    found = model({"ids": IDS, "word_starts": STARTS})
    table, starts = model.get_layer("tags").get_weights()
    looks = numbers(models.word_attention(model, IDS, STARTS))
    pooling, (kernel, bias) = model.get_layer("pooling"), model.get_layer("label").get_weights()
    for row, count in enumerate((3, 2)):
        scores, x, expected = expected_of(model, row)
        np.testing.assert_allclose(looks[row, :, :count, :count], expected, atol=1e-4)
        assert not looks[row, :, :, count:].any()
        chain = numbers(found["tags"])[row, :count]
        np.testing.assert_allclose(chain[0], np.tile(scores[0] + starts, (3, 1)), atol=1e-4)
        np.testing.assert_allclose(chain[1:], scores[1:, None] + table, atol=1e-4)
        pooled = numbers(pooling(x[None].astype("float32")))[0]
        np.testing.assert_allclose(numbers(found["label"])[row], pooled @ kernel + bias, atol=1e-4)


@pytest.mark.parametrize("recurrent", [False, True])
def test_padding_has_no_influence(recurrent):
    model = built(recurrent)
    both = model({"ids": IDS, "word_starts": STARTS})
    alone = model({"ids": IDS[1:, :2], "word_starts": STARTS[1:, :2]})
    np.testing.assert_allclose(numbers(both["tags"])[1, :2], numbers(alone["tags"])[0], atol=1e-4)
    np.testing.assert_allclose(numbers(both["label"])[1], numbers(alone["label"])[0], atol=1e-4)


def test_without_a_label_it_reloads(tmp_path):
    allowed = [[True, False, True]] * 3
    model = built(num_labels=None, allowed_steps=allowed, allowed_starts=allowed[0])
    assert list(model.output) == ["tags"]
    inputs = {"ids": IDS, "word_starts": STARTS}
    found, again = numbers(model(inputs)["tags"]), numbers(reloaded(model, tmp_path)(inputs)["tags"])
    np.testing.assert_array_equal(found, again)
    assert (found[..., 1] < -9000).all() and (found[..., 0] > -1000).all()


def test_errors():
    with pytest.raises(ValueError, match="`num_heads` must divide the model's width 8"):
        built(num_heads=3)
    with pytest.raises(ValueError, match="`num_tags` must be a positive integer"):
        built(num_tags=0)
    with pytest.raises(ValueError, match="`num_labels` must be a positive integer"):
        built(num_labels=0)
