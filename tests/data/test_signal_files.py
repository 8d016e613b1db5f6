"""Signals in the files that people have, and what is wrong with some."""

import gzip

import numpy as np
import pytest
from scipy.io import wavfile

from keras_attn.data import read_signals


@pytest.fixture
def write(tmp_path):
    def write_file(name, content):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
        return path

    return write_file


def listed(data):
    return [signal.tolist() for signal in data.signals]


def test_ucr_tsv(write):
    path = write("x.tsv", "1\t0.5\t1e1\tNaN\t2\n-1.0\t3\t4\tNaN\tNaN\nb\t1\tx\t2\n\n2\t\t7\n")
    data = read_signals(path)
    assert listed(data) == [[[0.5], [10.0], [6.0], [2.0]], [[3.0], [4.0]], [[7.0], [7.0]]]
    assert data.labels == {"label": ["1", "-1", "2"]} and data.sample_rate is None
    assert data.skipped == [f"{path}:3: skipped, column 3: 'x' is no number"]
    assert data.repairs["missing values replaced by a straight line between their neighbours"] == 2
    packed = write("x.tsv.gz", gzip.compress(path.read_bytes()))
    assert listed(read_signals(packed)) == listed(data)


def test_uea_ts(write):
    head = "#a comment\n@problemName x\n@timeStamps false\n@classLabel true 1 2\n@data\n"
    path = write("x.ts", head + "1,2,3:4,5,6:one\n7,?:8,9:two\n1:2,3:one\n1,2:one\n")
    data = read_signals(path)
    assert listed(data) == [[[1, 4], [2, 5], [3, 6]], [[7, 8], [7, 9]]]
    assert data.labels == {"label": ["one", "two"]}
    assert data.skipped == [
        f"{path}:8: skipped, channels of 1 to 2 steps",
        f"{path}:9: skipped, 1 channels in place of 2",
    ]
    with pytest.raises(ValueError, match=r"no line `@data`"):
        read_signals(write("y.ts", "@problemName x\n1,2:a\n"))
    with pytest.raises(ValueError, match=r"y\.ts:1: signals with time stamps are not read"):
        read_signals(write("y.ts", "@timeStamps true\n@data\n1,2:a\n"))
    with pytest.raises(ValueError, match=r"No signal is left: 1 left out, the first .*no label"):
        read_signals(write("y.ts", "@classLabel false\n@data\n1,2:3,4\n"))


def test_csv_a_signal_a_line(write):
    path = write("x.csv", "t0,kind,t1\n1,a,2\n3,b,oops\n4,b,5,6\n5,b,inf\n")
    data = read_signals(path, label_column="kind")
    assert listed(data) == [[[1], [2]], [[5], [5]]] and data.labels == {"kind": ["a", "b"]}
    assert set(data.skipped) == {
        f"{path}:3: skipped, column 't1': 'oops' is no number",
        f"{path}:4: skipped, 4 columns in place of 3",
    }
    assert data.repairs["infinite values taken as missing"] == 1
    with pytest.raises(ValueError, match=r"no column 'label'; there are 't0', 'kind', 't1'"):
        read_signals(path)


def test_csv_a_step_a_line(write):
    rows = "id,x,y,label\na,1,2,p\na,3,4,p\nb,5,6,q\nc,1,,q\nc,1,z,q\nd,1,2,p\nd,1,2,q\n"
    path = write("x.csv", rows)
    data = read_signals(path, id_column="id")
    assert listed(data) == [[[1, 2], [3, 4]], [[5, 6]]] and data.labels == {"label": ["p", "q"]}
    assert data.skipped == [
        f"{path}:6: skipped, column 'y': 'z' is no number",
        f"{path}:7: skipped, labels 'p' and 'q' for one signal",
    ]


def test_csv_of_recordings(write, tmp_path):
    wavfile.write(tmp_path / "a.wav", 8000, np.array([0, 8192], "int16"))
    path = write("x.csv", "file,label\na.wav,007\nmissing.wav,8\n")
    data = read_signals(path)
    assert listed(data) == [[[0], [0.25]]] and data.labels == {"label": ["007"]} and data.sample_rate == 8000
    assert data.skipped == [f"{path}:3: skipped, {tmp_path / 'missing.wav'}: no such file. Check the path."]


def test_npz(tmp_path):
    signals = np.arange(12.0).reshape(2, 3, 2)
    np.savez(tmp_path / "x.npz", signals=signals, labels=["a", "b"], lengths=[3, 1], sample_rate=50)
    data = read_signals(tmp_path / "x.npz")
    assert listed(data) == [signals[0].tolist(), signals[1, :1].tolist()]
    assert data.labels == {"label": ["a", "b"]} and data.sample_rate == 50 and data.targets is None
    np.savez(tmp_path / "y.npz", signals=signals[:, :, 0], targets=signals[:, :, 1] + 1)
    data = read_signals(tmp_path / "y.npz")
    assert data.labels == {} and [t.shape for t in data.targets] == [(3, 1), (3, 1)]
    np.testing.assert_array_equal(data.targets[1][:, 0], signals[1, :, 1] + 1)


def test_npz_that_cannot_be_used(write, tmp_path):
    with pytest.raises(ValueError, match="no npz file of plain arrays, or a damaged one"):
        read_signals(write("x.npz", b"PK\x03\x04no"))
    np.savez(tmp_path / "x.npz", x=np.zeros(3))
    with pytest.raises(ValueError, match=r"an array `signals` of numbers.*Received: arrays=\{'x': \(3,\)\}"):
        read_signals(tmp_path / "x.npz")
    np.savez(tmp_path / "x.npz", signals=np.zeros((3, 4)), labels=["a"])
    with pytest.raises(ValueError, match=r"`labels` must have a row a signal, 3\. Received: 1 rows"):
        read_signals(tmp_path / "x.npz")
    with pytest.raises(FileNotFoundError, match="no such file"):
        read_signals(tmp_path / "none.npz")


def test_other_files(write, tmp_path):
    with pytest.raises(ValueError, match=r"must come in \.tsv, \.ts, \.csv .*Received: path='.*x\.xlsx'"):
        read_signals(write("x.xlsx", "1"))
    with pytest.raises(ValueError, match=r"x\.tsv: the file is empty"):
        read_signals(write("x.tsv", " \n"))
    with pytest.raises(ValueError, match=r"not valid UTF-8 at byte offset 2"):
        read_signals(write("x.tsv", b"1\t\xe9\n"))
    with pytest.raises(ValueError, match=r"x\.csv:1: not valid UTF-8 at byte offset 0 .* a file of another kind"):
        read_signals(write("x.csv", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"))
    with pytest.raises(ValueError, match=r"No signal is left: the file has none\. Received: path='.*x\.csv'"):
        read_signals(write("x.csv", "label,a,b\n"))
    with pytest.raises(FileNotFoundError, match="no such file"):
        read_signals(tmp_path / "none.tsv")
