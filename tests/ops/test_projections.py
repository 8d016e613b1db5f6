"""Joined projections against one product each."""

import numpy as np
import pytest

from keras_attn.ops import project
from tests.layer_checks import normal, numbers

B, T, D = 2, 3, 5


@pytest.mark.parametrize("shapes", [[(7,)], [(7, 11)], [(7, 11), (13,), (2, 3, 17)], [(7, 11), (7, 11)]])
@pytest.mark.parametrize("use_bias", [False, True])
def test_it_equals_one_product_each(shapes, use_bias):
    inputs = normal(B, T, D)
    kernels = [normal(D, *shape, seed=i + 1) for i, shape in enumerate(shapes)]
    biases = [normal(*shape, seed=i + 50) if use_bias else None for i, shape in enumerate(shapes)]
    outputs = project(inputs, kernels, biases)
    assert len(outputs) == len(shapes)
    for output, kernel, bias, shape in zip(outputs, kernels, biases, shapes, strict=True):
        assert tuple(output.shape) == (B, T, *shape)
        expected = np.zeros((B, T, *shape))
        for b, t in np.ndindex(B, T):
            for d in range(D):
                expected[b, t] += inputs[b, t, d].astype("float64") * kernel[d]
            expected[b, t] += 0.0 if bias is None else bias
        np.testing.assert_allclose(numbers(output), expected, atol=1e-5)
