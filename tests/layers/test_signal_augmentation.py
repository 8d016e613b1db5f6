import numpy as np
import pytest

from keras_attn.layers import SignalAugmentation
from tests.layer_checks import normal, numbers


def test_jitter_and_scaling_have_the_deviations_asked_for():
    x = np.ones((500, 40, 3), "float32")
    noise = numbers(SignalAugmentation(jitter=0.2, scaling=0.0, warp=0.0, seed=1)(x, training=True)) - 1
    assert abs(noise.mean()) < 0.01 and noise.std() == pytest.approx(0.2, rel=0.02)
    factors = numbers(SignalAugmentation(jitter=0.0, scaling=0.3, warp=0.0, seed=1)(x, training=True))
    np.testing.assert_allclose(factors, np.broadcast_to(factors[:, :1], x.shape))  # one for a signal and channel
    assert factors[:, 0].std() == pytest.approx(0.3, rel=0.1)
    np.testing.assert_array_equal(numbers(SignalAugmentation(seed=1)(x)), x)


def test_the_warp_keeps_the_ends_and_goes_forward_at_speeds_of_the_deviation_asked_for():
    steps = 400
    x = np.tile(np.arange(steps, dtype="float32")[None, :, None], (300, 1, 1))  # each value tells its place
    places = numbers(SignalAugmentation(jitter=0.0, scaling=0.0, warp=0.2, seed=1)(x, training=True))[:, :, 0]
    np.testing.assert_allclose(places[:, 0], 0.0)
    np.testing.assert_allclose(places[:, -1], steps - 1, atol=1e-2)
    speeds = np.diff(places, axis=1)
    assert (speeds > 0).all()
    assert np.log(speeds).std(axis=1).mean() == pytest.approx(0.2, rel=0.2)
    assert len(np.unique(places[:, 100].round(2))) > 200  # each signal has its own


def test_the_warp_is_numpys_interpolation():
    time, x = np.arange(30, dtype="float32"), normal(1, 30, 1)
    both = np.concatenate([np.tile(time[None, :, None], (1, 1, 1)), x], axis=2)
    found = numbers(SignalAugmentation(jitter=0.0, scaling=0.0, warp=0.3, seed=4)(both, training=True))[0]
    np.testing.assert_allclose(found[:, 1], np.interp(found[:, 0], time, x[0, :, 0]), atol=1e-4)


def test_the_warp_knows_the_padding():
    x = np.tile(np.arange(1, 21, dtype="float32")[None, :, None], (50, 1, 1))
    mask = np.tile(np.arange(20) < 12, (50, 1))
    layer = SignalAugmentation(jitter=0.0, scaling=0.0, warp=0.3, seed=1)
    found = numbers(layer(np.where(mask[:, :, None], x, 99.0), padding_mask=mask, training=True))[:, :, 0]
    np.testing.assert_allclose(found[:, 11], 12.0, atol=1e-4)
    assert not found[:, 12:].any() and found.max() < 12.01


@pytest.mark.parametrize("length", [1, 2])
def test_the_shortest_signals(length):
    x = normal(3, length, 2)
    found = numbers(SignalAugmentation(jitter=0.0, scaling=0.0, warp=0.3, seed=1)(x, training=True))
    np.testing.assert_allclose(found, x, atol=1e-5)


def test_errors():
    with pytest.raises(ValueError, match=r"`warp` must be a number, at least 0\. Received: warp=-0\.1"):
        SignalAugmentation(warp=-0.1)
