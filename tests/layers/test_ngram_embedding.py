"""Hashed n-grams against a loop over the formula in the docstring."""

import numpy as np
import pytest

from keras_attn.layers import NgramEmbedding
from tests.layer_checks import check_config, numbers, shuffle_weights

IDS = np.array([[3, 5, 3, 5, 0], [12000, 1, 250000, 7, 9]])


@pytest.mark.parametrize("max_order", [2, 3])
def test_the_formula(max_order):
    layer = NgramEmbedding(num_buckets=262139, output_dim=3, max_order=max_order)
    layer(IDS)
    shuffle_weights(layer)
    table, output = numbers(layer.table), numbers(layer(IDS))
    for b, t in np.ndindex(IDS.shape):
        hashed, expected = int(IDS[b, t]) % 262139, np.zeros(3)
        for n in range(2, max_order + 1):
            hashed = (8191 * hashed + (int(IDS[b, t - n + 1]) if t >= n - 1 else 0) + n) % 262139
            expected += table[hashed]
        np.testing.assert_allclose(output[b, t], expected, rtol=1e-5)


def test_order_matters_and_nothing_learnt_says_nothing():
    layer = NgramEmbedding(num_buckets=101, output_dim=3)
    assert not numbers(layer(IDS)).any()
    shuffle_weights(layer)
    there, back = numbers(layer(np.array([[3, 5], [5, 3]])))[:, 1]
    assert not np.allclose(there, back)


def test_few_ngrams_collide():
    layer = NgramEmbedding(num_buckets=100003, output_dim=1)
    pairs = np.random.default_rng(0).integers(4, 8000, (3000, 2))
    layer(pairs)
    layer.table.assign(np.arange(100003.0)[:, None])
    buckets = numbers(layer(pairs))[:, 1, 0]
    distinct = len(np.unique(pairs, axis=0))
    assert len(np.unique(buckets)) > 0.97 * distinct  # by chance 3000 of 100003 leave 98.5 %


def test_config_and_errors():
    check_config(NgramEmbedding(num_buckets=101, output_dim=3, max_order=3, dtype="mixed_bfloat16"))
    with pytest.raises(ValueError, match=r"at least 2 and .* at most 262144\. Received: max_order=1, num_buckets=101"):
        NgramEmbedding(num_buckets=101, output_dim=3, max_order=1)
    with pytest.raises(ValueError, match=r"num_buckets=262145"):
        NgramEmbedding(num_buckets=262145, output_dim=3)
