"""BERT against loops in NumPy; `test_bert_folder.py` compares it with another library's."""

import math

import numpy as np
import pytest

from keras_attn import models
from tests import oracle
from tests.layer_checks import block_weights, numbers, reloaded, shuffle_weights

B, T, V, L, N, H, F = 2, 7, 13, 2, 3, 4, 17
D = N * H
EPSILON = 1e-12
SIZES = {"num_layers": L, "hidden_dim": D, "num_heads": N, "intermediate_dim": F, "max_length": 11, "num_segments": 3}
generator = np.random.default_rng(0)
MASK = np.arange(T) < np.array([[7], [4]])
IDS = np.where(MASK, generator.integers(1, V, (B, T)), 0).astype("int32")
SEGMENTS = generator.integers(0, 3, (B, T)).astype("int32")
INPUTS = {"ids": IDS, "segment_ids": SEGMENTS, "padding_mask": MASK}


@pytest.fixture(scope="module")
def model():
    model = models.bert(V, **SIZES)
    shuffle_weights(model)
    return model


def gelu(x):
    return x * 0.5 * (1.0 + np.vectorize(math.erf)(x / math.sqrt(2.0)))


def loops(model, ids, segments, mask):
    weights = {layer.name: layer.get_weights() for layer in model.layers}
    positions, x = weights["position"][0], np.zeros((*ids.shape, D))
    for row, column in np.ndindex(ids.shape):
        x[row, column] = weights["embedding"][0][ids[row, column]] + positions[column]
        x[row, column] += weights["segment_embedding"][0][segments[row, column]]
    x = oracle.layer_norm(x, *weights["embedding_norm"], EPSILON)
    for i in range(L):
        parts = block_weights(model.get_layer(f"encoder_block_{i}"))
        update = oracle.multi_head_attention(x, x, parts["self_attention"], mask=mask[:, None, None, :])[0]
        x = oracle.layer_norm(x + update, *parts["self_attention_residual"], EPSILON)
        update = oracle.feed_forward(x, parts["feed_forward"], gelu)
        x = oracle.layer_norm(x + update, *parts["feed_forward_residual"], EPSILON)
    kernel, bias = weights["pooler"]
    return x, np.tanh(x[:, 0] @ kernel + bias)


def test_it_equals_the_loops(model):
    sequence, pooled = loops(model, IDS, SEGMENTS, MASK)
    outputs = model(INPUTS)
    np.testing.assert_allclose(numbers(outputs["sequence"])[MASK], sequence[MASK], atol=1e-4)
    np.testing.assert_allclose(numbers(outputs["pooled"]), pooled, atol=1e-4)


def test_padding_has_no_influence(model):
    other = {**INPUTS, "ids": np.where(MASK, IDS, 5)}
    before, after = (numbers(model(inputs)["sequence"])[MASK] for inputs in (INPUTS, other))
    assert np.array_equal(before, after)
    assert not np.allclose(numbers(model({**INPUTS, "ids": IDS[:, ::-1]})["sequence"])[MASK], before)


def test_the_encoder_of_single_texts_shares_its_layers(model):
    encoder = models.bert_text_encoder(model)
    expected = numbers(model({**INPUTS, "segment_ids": 0 * SEGMENTS})["sequence"])
    assert encoder.name == "text_encoder"
    np.testing.assert_allclose(numbers(encoder(IDS))[MASK], expected[MASK], atol=1e-6)
    assert encoder.get_layer("encoder_block_1") is model.get_layer("encoder_block_1")


def test_without_a_pooler():
    model = models.bert(V, **SIZES, with_pooler=False)
    assert model.output.keys() == {"sequence"} and "pooler" not in {layer.name for layer in model.layers}


def test_reloaded_it_is_the_same(model, tmp_path):
    again = reloaded(model, tmp_path)
    assert np.array_equal(numbers(again(INPUTS)["sequence"]), numbers(model(INPUTS)["sequence"]))


def test_more_positions_than_there_are(model):
    ids = np.ones((1, 12), "int32")
    with pytest.raises(ValueError, match=r"at least 12.*Received: max_length=11"):
        model({"ids": ids, "segment_ids": 0 * ids, "padding_mask": ids > 0})
