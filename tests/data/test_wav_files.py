"""Recordings as scipy writes them, and damaged ones."""

import numpy as np
import pytest
from scipy.io import wavfile

from keras_attn.data import read_signals, read_wav

TONE = np.sin(np.arange(400) * 0.2)


def write(path, samples, rate=8000):
    path.parent.mkdir(parents=True, exist_ok=True)
    wavfile.write(path, rate, samples)
    return path


@pytest.mark.parametrize(
    ("dtype", "scale", "shift"), [("int16", 32767, 0), ("int32", 2**31 - 1, 0), ("uint8", 127, 128), ("float32", 1, 0)]
)
def test_every_kind_of_sample_is_from_minus_one_to_one(dtype, scale, shift, tmp_path):
    path = write(tmp_path / "a.wav", (TONE * scale + shift).astype(dtype))
    samples, rate, repairs = read_wav(path)
    assert rate == 8000 and repairs == [] and samples.dtype == np.float32
    np.testing.assert_allclose(samples, TONE, atol=0.02 if dtype == "uint8" else 1e-4)


def test_stereo_is_averaged_and_another_rate_resampled(tmp_path):
    both = np.stack([TONE, 0.5 * TONE], axis=1).astype("float32")
    samples, rate, repairs = read_wav(write(tmp_path / "a.wav", both, 16000), sample_rate=8000)
    assert rate == 8000 and len(samples) == 200 and len(repairs) == 2
    assert repairs == ["stereo recordings averaged to one channel", "recordings resampled to 8000 samples a second"]
    np.testing.assert_allclose(samples[20:-20], 0.75 * TONE[40:-40:2], atol=0.01)  # a slow tone keeps its shape


def test_damaged_files(tmp_path):
    path = write(tmp_path / "a.wav", (TONE * 32767).astype("int16"))
    whole = path.read_bytes()
    path.write_bytes(whole[:-200])
    samples, _, repairs = read_wav(path)
    assert len(samples) == 300 and repairs == ["recordings cut short, used as far as they go"]
    for content in (b"", b"RIFF", b"no sound", whole[:30]):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"a\.wav: no wav file, or a damaged one \(.*\d+ bytes\)"):
            read_wav(path)
    write(path, np.zeros(0, "int16"))
    with pytest.raises(ValueError, match=r"a\.wav: the recording holds no samples"):
        read_wav(path)
    with pytest.raises(FileNotFoundError, match="no such file"):
        read_wav(tmp_path / "none.wav")


def test_a_folder_a_class(tmp_path):
    tone = (TONE * 30000).astype("int16")
    write(tmp_path / "yes" / "1.wav", tone)
    write(tmp_path / "no" / "1.WAV", tone, 16000)
    write(tmp_path / "loose.wav", tone)
    (tmp_path / "no" / "2.wav").write_bytes(b"RIFF")
    data = read_signals(tmp_path)
    assert data.labels == {"label": ["no", "yes"]} and data.sample_rate == 16000
    assert [len(signal) for signal in data.signals] == [400, 800]  # the second one brought to the first one's rate
    assert data.repairs == {"recordings resampled to 16000 samples a second": 1}
    assert len(data.skipped) == 2 and "no label: not in a sub-folder" in data.skipped[0]
    assert "2.wav: skipped, " in data.skipped[1] and "4 bytes" in data.skipped[1]


def test_labels_in_the_names(tmp_path):
    for name in ("7_ann_1.wav", "3_bob_1.wav", "x.wav"):
        write(tmp_path / name, (TONE * 30000).astype("int16"))
    data = read_signals(tmp_path, "digit", label_pattern=r"^(\d)_")
    assert data.labels == {"digit": ["3", "7"]} and "no label" in data.skipped[0]
    with pytest.raises(ValueError, match="No signal is left: 3 left out"):
        read_signals(tmp_path, label_pattern=r"^speaker(\d)")
