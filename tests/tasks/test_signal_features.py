"""Features against SciPy's short-time Fourier transform and the mel scale as it is defined."""

import numpy as np
import pytest
from scipy import signal

from keras_attn.tasks import SignalSettings
from keras_attn.tasks.signal_features import SignalFeatures, padded

RATE = 4000


def log_mel(samples, frame, step, fft, bands):
    """The docstring's equation; triangles between points that are evenly spread on the mel scale."""

    def mel(frequency):
        return 1127.0 * np.log1p(np.asarray(frequency, "float64") / 700.0)

    window = signal.get_window("hann", frame)
    frames = [samples[start : start + frame] * window for start in range(0, len(samples) - frame + 1, step)]
    spectrum = np.abs(np.fft.rfft(frames, fft))
    points = np.linspace(mel(20.0), mel(RATE / 2), bands + 2)
    places = mel(np.linspace(0.0, RATE / 2, fft // 2 + 1))
    weights = np.zeros((len(places), bands))
    for b in range(bands):
        left, middle, right = points[b : b + 3]
        weights[:, b] = np.maximum(
            0.0, np.minimum((places - left) / (middle - left), (right - places) / (right - middle))
        )
    weights[0] = 0.0  # the constant part is no sound
    bands = np.log(spectrum @ weights + 1e-6)
    return bands - bands.mean()


def test_log_mel_is_scipys():
    samples = np.random.default_rng(1).normal(size=1000).astype("float32")
    features = SignalFeatures("log_mel", RATE, frame_ms=25, step_ms=10, mel_bands=12)
    (found,) = features.arrays([samples[:, None]])
    np.testing.assert_allclose(found, log_mel(samples.astype("float64"), 100, 40, 128, 12), atol=2e-3)
    assert len(found) == 23 == int(features.steps(1000)) and features.seconds([0, 1]).tolist() == [0.0125, 0.0225]


def test_loudness_has_no_influence():
    samples = np.random.default_rng(2).normal(size=(1000, 1)).astype("float32")
    features = SignalFeatures("log_mel", RATE, mel_bands=12)
    np.testing.assert_allclose(features.arrays([5 * samples])[0], features.arrays([samples])[0], atol=1e-3)


def test_padding_has_no_influence_and_short_signals_have_a_step():
    signals = [np.random.default_rng(n).normal(size=(n, 1)).astype("float32") for n in (30, 100, 139, 140, 900)]
    features = SignalFeatures("log_mel", RATE, mel_bands=8)
    together = features.arrays(signals)
    assert [len(array) for array in together] == [1, 1, 1, 2, 21]
    for one, array in zip(signals, together, strict=True):
        np.testing.assert_allclose(features.arrays([one])[0], array, atol=1e-4)


def test_raw_values_are_the_signals():
    signals = [np.ones((2, 3), "float32"), np.ones((4, 3), "float32")]
    features = SignalFeatures("raw")
    assert features.arrays(signals)[1] is signals[1] and features.seconds([3]).tolist() == [3.0]
    batch, lengths = padded(signals)
    batch[0, 2:] = 9.0
    found = features(batch, lengths)
    assert not found["signals"].numpy()[0, 2:].any() and found["mask"].numpy().sum(axis=1).tolist() == [2, 4]


def test_which_features():
    assert SignalFeatures.of(SignalSettings(), None).kind == "raw"
    assert SignalFeatures.of(SignalSettings(), 8000).kind == "log_mel"
    assert SignalFeatures.of(SignalSettings(output="signal"), 8000).kind == "raw"
    with pytest.raises(ValueError, match=r"those of recordings.*Received: features='log_mel', sample_rate=None"):
        SignalFeatures.of(SignalSettings(features="log_mel"), None)
