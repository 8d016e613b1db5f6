"""The stem against scipy's correlation, and its lengths."""

import numpy as np
import pytest
from scipy import signal

from keras_attn.layers import ConvolutionStem
from tests.layer_checks import normal, numbers, shuffle_weights


@pytest.mark.parametrize(
    ("kernel_size", "stride", "causal"), [(3, 1, False), (4, 1, True), (5, 2, False), (4, 3, True)]
)
def test_it_is_scipys_correlation(kernel_size, stride, causal):
    x = normal(1, 11, 2)
    stem = ConvolutionStem(3, kernel_size, [stride], activation="linear")
    stem(x)
    shuffle_weights(stem)
    kernel, bias = (numbers(w) for w in stem.convolutions[0].get_weights())  # [K, C, D]
    before = kernel_size - 1 if causal else (kernel_size - 1) // 2
    padded = np.pad(x[0].astype("float64"), [(before, kernel_size - 1 - before), (0, 0)])
    expected = np.stack(
        [sum(signal.correlate(padded[:, c], kernel[:, c, d], "valid") for c in range(2)) + bias[d] for d in range(3)],
        axis=1,
    )[::stride]
    np.testing.assert_allclose(numbers(stem(x, use_causal_mask=causal))[0], expected, atol=1e-5)


@pytest.mark.parametrize("length", [1, 2, 7, 8, 9])
def test_lengths_and_padding(length):
    x = normal(1, length, 2)
    stem = ConvolutionStem(3, 5, [2, 2])
    alone = numbers(stem(x))
    assert alone.shape == (1, -(-length // 4), 3)
    longer = np.concatenate([x, normal(1, 6, 2, seed=5)], axis=1)
    mask = np.arange(length + 6)[None] < length
    together = numbers(stem(longer, padding_mask=mask))
    kept = mask[:, ::4]
    assert kept.sum() == alone.shape[1]
    np.testing.assert_allclose(together[kept], alone[0], atol=1e-6)


def test_errors():
    with pytest.raises(ValueError, match=r"`strides\[1\]` must be a positive integer\. Received: strides\[1\]=0"):
        ConvolutionStem(3, strides=[1, 0])
