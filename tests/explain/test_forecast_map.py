"""The map of a forecast: what it names, what it draws, what it refuses."""

import numpy as np
import pytest

from keras_attn.explain import ForecastMap

TIMES = np.arange("2024-01-01", "2024-01-10", dtype="datetime64[D]")
DRAW = np.random.default_rng(0)


def made(over=None, attention=None, inputs=("a", "b"), **changes):
    parts = {"history": DRAW.normal(size=(6, 2)), "influence": DRAW.random((2, len(inputs), 6))}
    parts |= {name: DRAW.normal(size=(3, 2)) for name in ("forecast", "low", "high")}
    parts |= changes
    return ForecastMap(["a", "b"], TIMES, coverage=0.8, inputs=list(inputs), over=over, attention=attention, **parts)


def test_what_was_attended_to_most():
    shares = np.array([[0.1, 0.1, 0.5, 0.1, 0.1, 0.1], [0.0, 0.0, 0.0, 0.0, 0.1, 0.9]])
    assert made("steps of each variable", shares).most_attended() == [
        ("a", "2024-01-03 00:00:00", 0.5),
        ("b", "2024-01-06 00:00:00", 0.9),
    ]
    assert made("variables", np.array([[0.2, 0.8, 0.0], [0.6, 0.1, 0.3]]), ("a", "b", "c")).most_attended() == [
        ("a", "b", 0.8),
        ("b", "a", 0.6),
    ]
    rows = np.vstack([shares, shares[:1]])
    assert made("steps", rows).most_attended()[2] == ("2024-01-09 00:00:00", "2024-01-03 00:00:00", 0.5)
    assert made().most_attended() == []


@pytest.mark.parametrize(
    ("over", "shape", "names"),
    [
        (None, None, ["forecast-1.png", "forecast-2.png"]),
        ("steps", (3, 6), ["forecast-1.png", "forecast-2.png"]),
        ("steps of each variable", (2, 6), ["forecast-1.png", "forecast-2.png"]),
        ("variables", (2, 2), ["forecast-1.png", "forecast-2.png", "variables.png"]),
    ],
)
def test_pictures(over, shape, names, tmp_path):
    paths = made(over, None if shape is None else DRAW.random(shape)).plot_all(tmp_path / "maps")
    assert [path.name for path in paths] == names and all(path.stat().st_size > 5000 for path in paths)


def test_whose_influence_it_is():
    influence = np.zeros((2, 3, 6))
    influence[0, 0], influence[0, 2, 4] = 0.25, 0.5  # 1.5 and 0.5 in all
    found = made(inputs=("a", "b", "c"), influence=influence)
    assert found.influence_shares(0) == {"a": 0.75, "c": 0.25, "b": 0.0}
    assert list(found.influence_shares(0)) == ["a", "c", "b"]
    assert found.influence_shares(1) == {"a": 0.0, "b": 0.0, "c": 0.0}


@pytest.fixture
def drawn(monkeypatch):
    """The figures that are drawn, kept open."""
    from matplotlib import pyplot

    figures = []
    monkeypatch.setattr(pyplot, "close", figures.append)
    yield figures
    monkeypatch.undo()
    pyplot.close("all")


def test_a_variable_is_drawn_with_its_own_influence(tmp_path, drawn):
    influence = np.zeros((2, 3, 6))
    influence[0, 1] = np.arange(6)
    influence[1, 0], influence[1, 2] = 1.0, 3.0
    found = made(inputs=("a", "b", "c"), influence=influence)
    found.plot_all(tmp_path)
    (curve,) = drawn[0].axes[1].patches  # all of it is b's
    np.testing.assert_array_equal(curve.get_data().values, np.arange(6))
    assert drawn[0].axes[1].get_title("right") == "b"
    labels = [label.get_text() for label in drawn[1].axes[1].get_yticklabels()]
    assert labels == ["c  75 %", "a  25 %"]
    np.testing.assert_array_equal(drawn[1].axes[1].collections[0].get_array(), np.repeat([[3.0], [1.0]], 6, axis=1))


def test_the_legend_lies_on_no_curve(tmp_path, drawn):
    made("steps of each variable", DRAW.random((2, 6))).plot(tmp_path / "x.png")
    (figure,) = drawn
    figure.canvas.draw()  # at the figure's own resolution
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["history", "forecast", "80 % interval"]
    box = legend.get_window_extent()
    assert not any(box.overlaps(axis.get_window_extent()) for axis in figure.axes)


def test_errors(tmp_path):
    with pytest.raises(
        ValueError, match=r"shape \(2, 2, 6\): forecast variables, variables, steps\. Received: .*\(2, 6\)"
    ):
        made(influence=np.zeros((2, 6)))
    with pytest.raises(ValueError, match=r"history and horizon, 8\. Received: 9"):
        made(forecast=np.zeros((2, 2)))
    with pytest.raises(ValueError, match=r"`column` must be from 0 to 1\. Received: column=2"):
        made().plot(tmp_path / "x.png", 2)
    with pytest.raises(ValueError, match=r"does not go over variables\. Received: over=None"):
        made().plot_variables(tmp_path / "x.png")
