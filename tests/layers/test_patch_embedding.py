"""Patches against slices, one at a time."""

import keras
import numpy as np
import pytest

from keras_attn.layers import PatchEmbedding
from tests.layer_checks import normal, numbers, shuffle_weights


@pytest.mark.parametrize(("length", "patch", "stride"), [(11, 4, 3), (12, 4, None), (13, 5, 2), (3, 5, 2), (5, 5, 5)])
def test_patches_are_slices_that_end_with_the_series(length, patch, stride):
    inputs = normal(2, length, 3)
    layer = PatchEmbedding(7, patch, stride)
    output = numbers(layer(inputs))
    shuffle_weights(layer)
    output = numbers(layer(inputs))
    kernel, bias = (numbers(w) for w in (layer.dense.kernel, layer.dense.bias))
    step, ends = stride or patch, [length]
    while ends[-1] > patch:
        ends.append(ends[-1] - step)
    expected = []
    for end in reversed(ends):
        rows = [inputs[:, max(i, 0)] for i in range(end - patch, end)]
        expected.append(np.concatenate(rows, axis=-1) @ kernel + bias)
    assert layer.num_patches(length) == len(expected) == output.shape[1] == layer(keras.Input((length, 3))).shape[1]
    np.testing.assert_allclose(output, np.stack(expected, axis=1), atol=1e-5)


def test_errors():
    with pytest.raises(ValueError, match=r"`stride` must be at most `patch_length` \(4\).* Received: stride=5"):
        PatchEmbedding(7, 4, 5)
    with pytest.raises(ValueError, match=r"`patch_length` must be a positive integer"):
        PatchEmbedding(7, 0)
