"""A bias of one's own as a function of the distance, on every implementation that takes one."""

import keras
import numpy as np
import pytest

from keras_attn import ops
from tests import attention_cases as cases
from tests.layer_checks import numbers

T, S = 6, 9


def favour(query, distance, strength):
    """Favours keys an even number of places away, by a learned strength for each head."""
    even = keras.ops.cast(distance % 2 == 0, query.dtype)
    return strength[None, :, None, None] * even[None, None]


@pytest.mark.parametrize("implementation", ["dense", "blockwise", "windowed"])
def test_a_function_of_ones_own(implementation):
    if implementation == "blockwise" and keras.backend.backend() != "tensorflow":
        pytest.skip("blockwise attention is written for TensorFlow")
    inputs = cases.tensors(T, S)
    strength = np.arange(1, cases.N + 1).astype("float32")
    bias = ops.ScoreBias(favour, (keras.ops.convert_to_tensor(strength),))
    window = ops.SlidingWindow(20, 20)  # all
    found = ops.dot_product_attention(*inputs, bias=bias, window=window, implementation=implementation)
    array = np.zeros((1, cases.N, T, S))
    for n, t, s in np.ndindex(cases.N, T, S):
        array[0, n, t, s] = (n + 1) * ((s - (S - T + t)) % 2 == 0)
    wanted, _ = cases.expected(*inputs, bias=[array])
    np.testing.assert_allclose(numbers(found), wanted, atol=2e-5)
    plain, _ = cases.expected(*inputs)
    assert np.abs(plain - wanted).max() > 0.1
