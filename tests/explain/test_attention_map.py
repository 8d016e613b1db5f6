"""Maps are averaged and chosen rightly, and their pictures show them with their labels."""

import warnings

import matplotlib
import numpy as np
import pytest
from matplotlib import image, pyplot

from keras_attn.explain import AttentionMap

LABELS = {
    "Latin": (["▁a", "▁red", "▁house", "<end>"], ["▁ein", "▁rotes", "▁Haus", "<end>"]),
    "Cyrillic": (["12", "июня", "1987", "г.", "<end>"], ["1987", "-", "06", "-", "12"]),
    "CJK": (["2030", "年", "1", "月", "（木）"], ["日", "本", "語", "한"]),
    "Arabic and Hindi": (["٥", "مارس", "<end>"], ["५", "मार्च", "๕ มีนาคม"]),
    "marks": (["$", "$x_$", "$\\frac$", "_^{", "\n", ""], ["%", "\\", "$$"]),
}


def random_map(source, target, layers=2, heads=3):
    scores = np.random.default_rng(0).random((layers, heads, len(target), len(source)))
    return AttentionMap(source, target, scores / scores.sum(-1, keepdims=True))


@pytest.fixture
def drawn(monkeypatch):
    """Keeps the figures that are drawn, to look at what is in them."""
    figures = []
    monkeypatch.setattr(pyplot, "close", figures.append)
    yield figures
    monkeypatch.undo()
    for figure in figures:
        pyplot.close(figure)


def test_select():
    attention = random_map(["a", "b", "c", "d"], ["x", "y"])
    scores = attention.scores
    np.testing.assert_array_equal(attention.select(1, 2), scores[1, 2])
    np.testing.assert_allclose(attention.select(layer=1), sum(scores[1, n] for n in range(3)) / 3)
    np.testing.assert_allclose(attention.select(head=2), (scores[0, 2] + scores[1, 2]) / 2)
    np.testing.assert_allclose(attention.select(), sum(scores[i, n] for i in range(2) for n in range(3)) / 6)
    for layer in (None, 0, 1):
        for head in (None, 0, 1, 2):
            chosen = attention.select(layer, head)
            assert chosen.shape == (2, 4)
            np.testing.assert_allclose(chosen.sum(-1), 1.0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"layer": 2}, r"`layer` must be from 0 to 1\. Received: layer=2"),
        ({"layer": -1}, r"Received: layer=-1"),
        ({"head": 3}, r"`head` must be from 0 to 2\. Received: head=3"),
    ],
)
def test_what_is_not_there(arguments, message, tmp_path):
    attention = random_map(["a", "b"], ["x"])
    for call in (attention.select, lambda **given: attention.plot(tmp_path / "x.png", **given)):
        with pytest.raises(ValueError, match=message):
            call(**arguments)
    assert not (tmp_path / "x.png").exists()


@pytest.mark.parametrize("shape", [(2, 3, 2, 1), (3, 1, 2), (1, 1, 1, 1, 2), (1, 1, 2, 2)])
def test_scores_that_do_not_fit(shape):
    with pytest.raises(ValueError, match=r"\[L, N, 1, 2\].*Received: scores\.shape=\("):
        AttentionMap(["a", "b"], ["x"], np.ones(shape))


@pytest.mark.parametrize("script", LABELS)
def test_a_picture_with_its_labels(script, tmp_path, drawn):
    attention = random_map(*LABELS[script])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        path = attention.plot(tmp_path / "map.png", layer=1, head=0)
    assert path == tmp_path / "map.png"
    picture = image.imread(path)
    assert min(picture.shape[:2]) > 200 and picture[..., :3].std() > 0.05
    (figure,) = drawn
    axis = figure.axes[0]
    assert [label.get_text() for label in axis.get_xticklabels()] == attention.source
    assert [label.get_text() for label in axis.get_yticklabels()] == attention.target
    np.testing.assert_array_equal(axis.images[0].get_array(), attention.select(1, 0))
    assert axis.images[0].get_clim() == (0.0, attention.select(1, 0).max())
    assert axis.get_title() == "Cross-attention, layer 2, head 1"


@pytest.mark.parametrize("count", [1, 3, 12])
def test_no_text_is_clipped(count, tmp_path, drawn):
    words = [f"word{i}" for i in range(count)]
    tagged = [f"{word}/B-depart_date.month_name" for word in words]
    scores = np.full((1, 4, count, count), 1.0 / count)
    AttentionMap(words, tagged, scores, "Attention between words").plot_all(tmp_path)
    for figure in drawn:
        figure.canvas.draw()  # at the figure's own resolution
        page, (*maps, bar) = figure.bbox, figure.axes
        texts = [bar.yaxis.label]
        for axis in maps:
            texts += [axis.title, axis.yaxis.label, *axis.get_xticklabels(), *axis.get_yticklabels()]
        for text in texts:
            box = text.get_window_extent()
            inside = page.x0 <= box.x0 and box.x1 <= page.x1 and page.y0 <= box.y0 and box.y1 <= page.y1
            assert inside, (text.get_text(), box.bounds, page.bounds)
        titles = [axis.title.get_window_extent() for axis in figure.axes if axis.title.get_text()]
        assert not any(one.overlaps(other) for i, one in enumerate(titles) for other in titles[:i])


def test_the_scale_is_shared_and_says_percent(tmp_path, drawn):
    attention = random_map(["a", "b", "c"], ["x", "y"], layers=1, heads=2)
    attention.plot_heads(tmp_path / "x.png", 0)
    *maps, bar = drawn[0].axes
    assert {axis.images[0].get_clim() for axis in maps} == {(0.0, attention.scores.max())}
    labels = [label.get_text() for label in bar.get_yticklabels()]
    assert 3 <= len(labels) <= 7 and all(label.endswith("%") for label in labels)


def test_what_is_shown_has_its_own_names(tmp_path, drawn):
    AttentionMap(["a"], ["b"], np.ones((1, 1, 1, 1)), "Between words", ("seen", "seeing")).plot(tmp_path / "map.png")
    axis = drawn[0].axes[0]
    assert axis.get_title() == "Between words, all layers, all heads"
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("seen", "seeing")


def test_strong_attention_is_seen_at_its_place(tmp_path):
    """The brightest spot moves with the token that is attended to."""
    columns = []
    for place in (0, 5):
        attention = AttentionMap(list("abcdef"), ["x"], np.eye(6)[place][None, None, None])
        path = attention.plot(tmp_path / f"{place}.png")
        picture = image.imread(path)[..., :3]
        picture = picture[:, : int(picture.shape[1] * 0.75)]  # without the colour bar
        yellow = np.abs(picture - np.array(matplotlib.colormaps["viridis"](1.0)[:3])).max(-1) < 0.05
        assert yellow.sum() > 100
        columns.append(np.nonzero(yellow)[1].mean() / picture.shape[1])
    assert columns[0] < 0.45 < 0.6 < columns[1]


def test_longer_texts_make_larger_pictures(tmp_path):
    sizes = [
        image.imread(random_map(["a"] * length, ["b"] * length).plot(tmp_path / f"{length}.png")).shape[:2]
        for length in (4, 12)
    ]
    assert sizes[0][0] < sizes[1][0] and sizes[0][1] < sizes[1][1]


def test_all_pictures(tmp_path, drawn):
    attention = random_map(["a", "b"], ["x", "y", "z"])
    paths = attention.plot_all(str(tmp_path / "maps" / "one"))
    assert paths == [tmp_path / "maps" / "one" / name for name in ("average.png", "layer-1.png", "layer-2.png")]
    assert all(image.imread(path)[..., :3].std() > 0.05 for path in paths)
    titles = [[axis.get_title() for axis in figure.axes if axis.images] for figure in drawn]
    assert titles[0] == ["Cross-attention, all layers, all heads"]
    assert titles[1:] == [[f"layer {i}, head {n}" for n in (1, 2, 3)] for i in (1, 2)]
    for layer, figure in enumerate(drawn[1:]):
        for head, axis in enumerate(axis for axis in figure.axes if axis.images):
            np.testing.assert_array_equal(axis.images[0].get_array(), attention.scores[layer, head])


def test_other_formats(tmp_path):
    path = random_map(["a", "b"], ["x"]).plot(str(tmp_path / "map.svg"))
    assert path.read_text("utf-8").count("<svg") == 1
