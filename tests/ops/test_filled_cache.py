"""Hypotheses that share a source's keys against loops over copies of them."""

import numpy as np
import pytest

from keras_attn.ops import attend_to_filled, new_past
from tests import oracle
from tests.layer_checks import normal, numbers

B, W, S, K, G, H, V = 2, 3, 7, 2, 2, 5, 11


@pytest.mark.parametrize("length", [1, 4])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("as_past", [False, True])
def test_hypotheses_see_their_own_source(length, masked, as_past):
    query = normal(B * W, length, K * G, H, seed=1)
    key, value = normal(B, S, K, H, seed=2), normal(B, S, K, V, seed=3)
    mask = np.array([[True] * 4 + [False] * 3, [False] * 7]) if masked else None
    copies = (np.repeat(x, W, axis=0) for x in (key, value))
    of_each = None if mask is None else np.repeat(mask, W, axis=0)[:, None, None]
    expected = oracle.softmax_attention(query, *copies, mask=of_each)
    cache = new_past(key, value) if as_past else {"key": key, "value": value}
    for found, wanted in zip(attend_to_filled(query, cache, mask, True), expected, strict=True):
        np.testing.assert_allclose(numbers(found), wanted, atol=1e-5)
    heads, scores = attend_to_filled(query, cache, mask)
    np.testing.assert_allclose(numbers(heads), expected[0], atol=1e-5)
    assert (scores is None) == (as_past and length == 1)
