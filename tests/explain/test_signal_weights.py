import numpy as np
import pytest

from keras_attn.explain import SignalWeights


def test_weights_are_spread_over_the_steps():
    weights = SignalWeights(np.arange(5.0), np.zeros((5, 2)), np.array([0.5, 0.3, 0.2]))
    assert weights.at_steps().tolist() == [0.5, 0.5, 0.3, 0.3, 0.2]
    same = SignalWeights(np.arange(3.0), np.zeros((3, 1)), np.array([0.5, 0.3, 0.2]))
    assert same.at_steps().tolist() == [0.5, 0.3, 0.2]


@pytest.mark.parametrize("channels", [1, 3, 40])
def test_the_picture_darkens_where_the_model_looked(channels, tmp_path):
    from matplotlib import image, pyplot

    values = np.zeros((50, channels))
    figure, axis = pyplot.subplots()
    SignalWeights(np.arange(50.0), values, np.eye(1, 5, 3)[0], title="x $1").draw(axis)
    pictures = axis.get_images()
    assert len(pictures) == 1 and axis.get_title(loc="left") == "x $1"
    if channels <= 8:
        np.testing.assert_array_equal(pictures[0].get_array()[0], np.repeat([0, 0, 0, 1.0, 0], 10))
    else:
        line = axis.get_lines()[0].get_ydata()
        np.testing.assert_allclose(line, 0.95 * channels * np.repeat([0, 0, 0, 1.0, 0], 10))
    pyplot.close(figure)
    (path,) = SignalWeights(np.arange(50.0) / 8000, values, np.ones(5), unit="seconds").plot_all(tmp_path / "new")
    assert path.name == "signal.png" and image.imread(path).shape[2] in (3, 4)


def test_errors():
    with pytest.raises(
        ValueError, match=r"a time for each row.*Received: 2 times, values of shape \(3, 1\), 1 weights"
    ):
        SignalWeights(np.arange(2), np.zeros((3, 1)), [1.0])
