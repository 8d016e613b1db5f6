"""The plain path with heads in front, against loops; all that it can do is tested through `dot_product_attention`."""

import numpy as np
import pytest

from keras_attn.ops.dense import dense_attention
from tests import attention_cases as cases
from tests.layer_checks import numbers

T, S = 5, 7


def heads_first(x):
    return np.swapaxes(x, 1, 2)


@pytest.mark.parametrize("kv_heads", [cases.N, 2, 1])
def test_it_equals_the_loops(kv_heads):
    query, key, value = cases.tensors(T, S, kv_heads)
    call = {"mask": [cases.masks(T, S)["heads"]], "bias": [cases.arrays(T, S)["all"]]}
    scaled = query / cases.H**0.5
    output, scores = dense_attention(*map(heads_first, (scaled, key, value)), call["mask"][0], call["bias"])
    wanted = cases.expected(query, key, value, **call)
    np.testing.assert_allclose(heads_first(numbers(output)), wanted[0], atol=1e-5)
    np.testing.assert_allclose(numbers(scores), wanted[1], atol=1e-6)


def test_functions_get_the_scaled_query_and_the_distance():
    query, key, value = cases.tensors(T, S)
    distance = np.arange(S)[None] - np.arange(T)[:, None] - (S - T)
    options = cases.options(scheme="shaw")
    output, scores = dense_attention(
        *map(heads_first, (query / np.float32(cases.H**0.5), key, value)),
        biases=options["bias"],
        value_bias=options["value_bias"],
        distance=distance.astype("int32"),
    )
    wanted = cases.expected(query, key, value, scheme="shaw")
    np.testing.assert_allclose(heads_first(numbers(output)), wanted[0], atol=1e-5)
    np.testing.assert_allclose(numbers(scores), wanted[1], atol=1e-6)
