"""The map of a forecast: what it names, what it draws, what it refuses."""

import numpy as np
import pytest

from keras_attn.explain import ForecastMap

TIMES = np.arange("2024-01-01", "2024-01-10", dtype="datetime64[D]")
DRAW = np.random.default_rng(0)


def made(over=None, attention=None, inputs=("a", "b"), **changes):
    parts = {"history": DRAW.normal(size=(6, 2)), "influence": DRAW.random((len(inputs), 6))}
    parts |= {name: DRAW.normal(size=(3, 2)) for name in ("forecast", "low", "high")}
    parts |= changes
    return ForecastMap(["a", "b"], TIMES, inputs=list(inputs), over=over, attention=attention, **parts)


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
        ("variables", (2, 2), ["forecast-1.png", "forecast-2.png", "variables.png"]),
    ],
)
def test_pictures(over, shape, names, tmp_path):
    paths = made(over, None if shape is None else DRAW.random(shape)).plot_all(tmp_path / "maps")
    assert [path.name for path in paths] == names and all(path.stat().st_size > 5000 for path in paths)


def test_errors(tmp_path):
    with pytest.raises(ValueError, match=r"shape \(2, 6\): variables, steps\. Received: influence\.shape=\(3, 6\)"):
        made(influence=np.zeros((3, 6)))
    with pytest.raises(ValueError, match=r"history and horizon, 8\. Received: 9"):
        made(forecast=np.zeros((2, 2)))
    with pytest.raises(ValueError, match=r"`column` must be from 0 to 1\. Received: column=2"):
        made().plot(tmp_path / "x.png", 2)
    with pytest.raises(ValueError, match=r"does not go over variables\. Received: over=None"):
        made().plot_variables(tmp_path / "x.png")
