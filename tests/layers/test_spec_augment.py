import numpy as np
import pytest

from keras_attn.layers import SpecAugment
from tests.layer_checks import normal, numbers

X = normal(200, 20, 10) + 9.0  # nowhere 0


def bands(is_hidden):
    """Number and widths of the stretches that are True."""
    edges = np.flatnonzero(np.diff(np.pad(is_hidden.astype(int), 1)))
    return (edges[1::2] - edges[::2]).tolist()


def test_a_band_of_time_and_one_of_features():
    layer = SpecAugment(num_time_bands=1, time_share=0.25, num_feature_bands=1, feature_share=0.5, seed=1)
    found = numbers(layer(X, training=True))
    hidden = found == 0
    times, features = hidden.all(axis=2), hidden.all(axis=1)
    assert all(len(bands(row)) <= 1 for row in (*times, *features))
    assert set(times.sum(axis=1)) == set(range(6)) and set(features.sum(axis=1)) == set(range(6))
    np.testing.assert_array_equal(hidden, times[:, :, None] | features[:, None, :])
    places = [row.argmax() for row in times if row.any()]
    assert min(places) == 0 and max(places) >= 15  # anywhere
    np.testing.assert_array_equal(found[~hidden], X[~hidden])
    np.testing.assert_array_equal(numbers(layer(X)), X.astype("float32"))


def test_widths_are_a_share_of_the_signal_without_padding():
    layer = SpecAugment(num_time_bands=1, time_share=0.5, num_feature_bands=0, seed=2)
    mask = np.tile(np.arange(20) < 8, (200, 1))
    times = (numbers(layer(X, padding_mask=mask, training=True)) == 0).all(axis=2)
    assert times.sum(axis=1).max() == 4 and not times[:, 8:].any()


def test_several_bands():
    layer = SpecAugment(num_time_bands=3, time_share=0.1, num_feature_bands=0, seed=3)
    times = (numbers(layer(X, training=True)) == 0).all(axis=2)
    assert max(len(bands(row)) for row in times) == 3


def test_errors():
    with pytest.raises(ValueError, match=r"`num_time_bands` must be a whole number, at least 0\. Received: .*=-1"):
        SpecAugment(num_time_bands=-1)
    with pytest.raises(ValueError, match=r"`feature_share` must be from 0 to 1\. Received: feature_share=1\.5"):
        SpecAugment(feature_share=1.5)
