"""Vectors from neighbours against loops over texts, and where they are put."""

import math

import numpy as np
import pytest

from keras_attn.tasks import PretrainingSettings
from keras_attn.tasks.pretraining_model import build_model
from keras_attn.tasks.pretraining_start import neighbour_vectors, start_from_neighbours

RANDOM = np.random.default_rng(0)
TEXTS = [RANDOM.integers(4, 13, RANDOM.integers(1, 12)).astype("int32") for _ in range(40)]


def table_of(texts, size):
    """The formula of the table, pair by pair."""
    near = np.zeros((size, size))
    for text in texts:
        for i, token in enumerate(text):
            for j, other in enumerate(text):
                near[token, other] += 0 < abs(i - j) <= 5
    smoothed = [sum(row) ** 0.75 for row in near]
    table = np.zeros((size, size))
    for v, w in zip(*np.nonzero(near), strict=True):
        share = smoothed[w] / sum(smoothed)
        table[v, w] = max(0.0, math.log(near[v, w] / (sum(near[v]) * share)))
    return table


@pytest.mark.parametrize("width", [3, 7, 20])
def test_the_formula(width):
    """Singular vectors have no sign, but their products have."""
    u, s, _ = np.linalg.svd(table_of(TEXTS, 14))
    rows = (u * np.sqrt(s))[:, : min(width, 9)]  # nine tokens have neighbours: all else is 0
    rows[[0, 1, 2, 3, 13]] = 0.0
    rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
    found = neighbour_vectors(TEXTS, 14, width)
    assert found.shape == (14, width) and found.dtype == "float32"
    np.testing.assert_allclose(found @ found.T, rows @ rows.T, atol=1e-4)


def test_tokens_with_the_same_neighbours_are_alike():
    texts = [np.array(text) for text in ([4, 8, 5], [4, 9, 5], [6, 10, 7], [6, 11, 7])]
    alike = neighbour_vectors(texts * 3, 12, 2)
    alike = alike @ alike.T
    assert alike[8, 9] > 0.99 and alike[10, 11] > 0.99 and abs(alike[8, 10]) < 0.01


@pytest.mark.parametrize("texts", [[np.array([5])], [np.array([5]), np.array([], int), np.array([6])]])
def test_texts_without_neighbours_tell_nothing(texts):
    assert not neighbour_vectors(texts, 8, 4).any()


@pytest.mark.parametrize("objective", ["masked", "causal"])
def test_a_model_begins_with_them(objective):
    sizes = {"num_layers": 1, "hidden_dim": 4, "num_heads": 2, "intermediate_dim": 8, "precision": "float32"}
    model = build_model(PretrainingSettings(**sizes, objective=objective), 14, total_steps=10)
    before = np.array(model.get_layer("embedding").embeddings)
    start_from_neighbours(model, TEXTS)
    after, expected = np.array(model.get_layer("embedding").embeddings), neighbour_vectors(TEXTS, 14, 4)
    np.testing.assert_array_equal(after[4:13], expected[4:13])
    np.testing.assert_array_equal(after[[0, 1, 2, 3, 13]], before[[0, 1, 2, 3, 13]])
