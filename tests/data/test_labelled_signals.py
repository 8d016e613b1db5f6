import numpy as np
import pytest

from keras_attn.data import LabelledSignals
from keras_attn.data.labelled_signals import SignalCollector, without_gaps

NAN, INF = float("nan"), float("inf")


def test_gaps_become_straight_lines():
    values = np.array([[NAN, 1.0], [2.0, NAN], [NAN, NAN], [5.0, -INF], [NAN, 9.0]])
    expected = [[2.0, 1.0], [2.0, 3.0], [3.5, 5.0], [5.0, 7.0], [5.0, 9.0]]  # by hand
    np.testing.assert_allclose(without_gaps(values), expected)
    assert np.isnan(values[0, 0])  # the array given stays as it was


def test_a_collector_repairs_and_counts():
    collector = SignalCollector("x")
    collector.add("x:1", [1.0, NAN, 3.0], "a")
    collector.add("x:2", [1.0, INF, 4.0], "b")
    collector.add("x:3", [2.0, 2.0], "b")
    collector.add("x:4", [NAN, NAN], "b")
    collector.add("x:5", [1.0], "")
    collector.add("x:6", [[1.0, 2.0]], "a")
    collector.add("x:7", [], "a")
    data = collector.result("kind")
    assert [signal.ravel().tolist() for signal in data.signals] == [[1, 2, 3], [1, 2.5, 4], [2, 2]]
    assert data.labels == {"kind": ["a", "b", "b"]} and data.signals[0].dtype == np.float32
    assert data.skipped == [
        "x:4: skipped, a channel without a single number",
        "x:5: skipped, no label",
        "x:6: skipped, 2 channels in place of 1",
        "x:7: skipped, no values",
    ]
    assert data.repairs == {
        "missing values replaced by a straight line between their neighbours": 2,
        "infinite values taken as missing": 1,
        "constant from begin to end, kept as they are": 1,
    }
    lines = data.account("training")
    assert "1 training signals: infinite values taken as missing." in lines
    assert lines[-1] == "4 training signals left out, the first: x:4: skipped, a channel without a single number."


def test_nothing_left():
    collector = SignalCollector("x")
    collector.skip("x:1", "odd")
    with pytest.raises(
        ValueError, match=r"No signal is left: 1 left out, the first x:1: skipped, odd\. Received: path='x'"
    ):
        collector.result("label")


def test_some_of_the_signals():
    signals = [np.full((n, 2), n, "float32") for n in (1, 2, 3)]
    data = LabelledSignals(signals, {"label": ["a", "b", "c"]}, [s[:, :1] for s in signals], 8000, ["x"], {"y": 1})
    part = data.select([2, 0])
    assert [len(s) for s in part.signals] == [3, 1] and part.labels == {"label": ["c", "a"]}
    assert [t.shape for t in part.targets] == [(3, 1), (1, 1)]
    assert (part.sample_rate, part.skipped, part.repairs) == (8000, ["x"], {"y": 1})
    assert (len(data), data.num_channels, data.is_multi_label("label")) == (3, 2, False)


def test_a_fingerprint_tells_data_apart():
    x = np.arange(4, dtype="float32")
    base = LabelledSignals([x[:, None]], {"label": ["a"]})
    others = [
        LabelledSignals([x[:, None]], {"label": ["b"]}),
        LabelledSignals([x.reshape(2, 2)], {"label": ["a"]}),
        LabelledSignals([x[:, None] + 1], {"label": ["a"]}),
        LabelledSignals([x[:, None]], {"label": ["a"]}, [x[:, None]]),
    ]
    assert len({base.fingerprint(), *(other.fingerprint() for other in others)}) == 5
    assert base.fingerprint() == LabelledSignals([x[:, None].copy()], {"label": ["a"]}, None, 8000).fingerprint()
