"""The picture: its lines beside a loop over the messages, its marks, and what is not there yet."""

import json
import random

import numpy as np
import pytest
from matplotlib import dates, pyplot

from keras_attn.monitoring import WatchFolder, WindowCounts, plot_trend

HEADS = ["mood", "topic"]


@pytest.fixture
def figures(monkeypatch):
    """Keeps the figures that are drawn."""
    kept = []
    monkeypatch.setattr(pyplot, "close", kept.append)
    yield kept
    monkeypatch.undo()
    pyplot.close("all")


def write_state(folder, messages, heads=HEADS, window=120, raised=()):
    counts = WindowCounts(heads, window)
    for time, labels in messages:
        counts.add(time, labels)
    settings = {"heads": heads, "window_seconds": window}
    WatchFolder(folder).write({"settings": settings, "counts": counts.state(), "raised": list(raised)})


def test_the_lines_show_the_share_in_the_window(tmp_path, figures):
    draw = random.Random(0)
    messages = [(second, (draw.choice(["bad", "good"]), draw.choice("abc"))) for second in range(3600)]
    write_state(tmp_path, messages)
    assert plot_trend(tmp_path) == tmp_path / "trend.png"
    lines = {line.get_label(): line for axis in figures[0].axes[:2] for line in axis.get_lines()}
    assert {"bad", "good", "a", "b", "c"} <= set(lines)
    for label, place in (("bad", 0), ("b", 1)):
        seconds = np.round(dates.date2num(lines[label].get_xdata()) * 86400).astype(int)
        assert seconds[0] > 0 and seconds[-1] == 3600
        for second, share in zip(seconds, lines[label].get_ydata(), strict=True):
            seen = [labels[place] for time, labels in messages if second - 120 <= time < second]
            assert share == pytest.approx(seen.count(label) / len(seen))


def test_the_bars_show_messages_a_minute(tmp_path, figures):
    """Two a second for ten minutes, long before; then one a second."""
    messages = [(number / 2, ("bad", "a")) for number in range(1200)]
    messages += [(600 + number, ("bad", "a")) for number in range(7200)]
    write_state(tmp_path, messages, window=120)
    plot_trend(tmp_path)
    (bars,) = figures[0].axes[-1].patches
    values, edges, _ = bars.get_data()
    seconds = np.asarray(edges, "float64") * 86400
    assert seconds[0] == 0 and seconds[-1] == pytest.approx(7800)
    assert values[:5] == pytest.approx([120] * 5) and values[5:] == pytest.approx([60] * (len(values) - 5))


def test_alerts_are_marked_where_they_belong(tmp_path, figures):
    alert = {
        "time": "1970-01-01T00:10:00+00:00",
        "since": "1970-01-01T00:09:00+00:00",
        "alert": "b: $rate$ 2x",
        "class": {"topic": "b"},
        "share": 0.5,
    }
    other = {**alert, "time": "1970-01-01T00:12:00+00:00"}
    long_ago = {**alert, "time": "1969-12-31T00:12:00+00:00"}
    write_state(
        tmp_path, [(second, ("bad", "ab"[second % 2])) for second in range(900)], raised=[long_ago, alert, other]
    )
    plot_trend(tmp_path, tmp_path / "picture.svg")
    assert (tmp_path / "picture.svg").read_text("utf-8").count("<svg") == 1
    mood, topic, _ = figures[0].axes
    names = [[text.get_text() for text in axis.get_legend().get_texts()] for axis in (mood, topic)]
    assert names == [["bad"], ["a", "b", "alert: b: $rate$ 2x"]]
    dashed = [line for line in topic.get_lines() if line.get_linestyle() == "--"]
    assert [round(dates.date2num(line.get_xdata()[0]) * 86400) for line in dashed] == [600, 720]
    of_class = next(line for line in topic.get_lines() if line.get_label() == "b")
    assert dashed[0].get_color() == of_class.get_color()


def test_of_many_classes_those_that_matter_have_a_colour(tmp_path, figures):
    draw = random.Random(1)
    labels = [f"class {number}" for number in range(60)]
    weights = [100 if number < 10 else 5 for number in range(60)]
    messages = [(second, (draw.choices(labels, weights)[0],)) for second in range(3000)]
    alert = {"time": "1970-01-01T00:20:00+00:00", "since": "1970-01-01T00:19:00+00:00", "share": 0.5}
    write_state(tmp_path, messages, ["topic"], raised=[{**alert, "alert": "x", "class": {"topic": "class 59"}}])
    plot_trend(tmp_path)
    names = [text.get_text() for text in figures[0].axes[0].get_legend().get_texts()]
    assert len(names) == 10 and "class 59" in names and names[-2:] == ["52 other classes", "alert: x"]


def test_a_stream_of_one_message(tmp_path):
    write_state(tmp_path, [(10, ("bad", "a"))])
    assert plot_trend(tmp_path).stat().st_size > 5000


def test_nothing_to_draw(tmp_path):
    with pytest.raises(ValueError, match=r"has no messages to draw yet\. Received: folder="):
        plot_trend(tmp_path)
    (tmp_path / "state.json").write_text(json.dumps({"version": 1, "counts": {"first": None}}))
    with pytest.raises(ValueError, match="has no messages to draw yet"):
        plot_trend(tmp_path)
