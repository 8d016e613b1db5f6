"""The convolution module against a loop over steps and channels."""

import numpy as np
import pytest

from keras_attn.layers import ConformerConvolution
from tests import oracle
from tests.block_oracle import silu
from tests.layer_checks import normal, numbers, shuffle_weights

X = normal(2, 7, 6)
MASK = np.array([[True] * 7, [True] * 4 + [False] * 3])


def convolved(layer, x, mask, causal):
    """The equation of the docstring, one sequence [T, D]."""
    kernel, bias, output, output_bias = (
        numbers(w)
        for w in (layer.gate_dense.kernel, layer.gate_dense.bias, layer.output_dense.kernel, layer.output_dense.bias)
    )
    depthwise = numbers(layer.depthwise.kernel)[:, :, 0]  # [K, D]
    a, b = np.split(x.astype("float64") @ kernel + bias, 2, axis=-1)
    gated = a / (1.0 + np.exp(-b)) * mask[:, None]
    first = -(layer.kernel_size - 1) if causal else -(layer.kernel_size // 2)
    summed = np.zeros_like(gated)
    for t in range(len(x)):
        for j in range(layer.kernel_size):
            if 0 <= t + first + j < len(x):
                summed[t] += depthwise[j] * gated[t + first + j]
    normed = oracle.layer_norm(summed, numbers(layer.norm.gamma), numbers(layer.norm.beta), layer.epsilon)
    return silu(normed) @ output + output_bias


@pytest.mark.parametrize("causal", [False, True])
def test_the_equation(causal):
    layer = ConformerConvolution(kernel_size=5)
    layer(X)
    shuffle_weights(layer)
    found = numbers(layer(X, padding_mask=MASK, use_causal_mask=causal))
    for row in range(2):
        shown = MASK[row]
        expected = convolved(layer, X[row], MASK[row], causal)
        np.testing.assert_allclose(found[row][shown], expected[shown], atol=1e-4)


def test_errors():
    with pytest.raises(ValueError, match=r"`kernel_size` must be odd\. Received: kernel_size=4"):
        ConformerConvolution(kernel_size=4)
