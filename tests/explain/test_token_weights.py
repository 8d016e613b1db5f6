import numpy as np
import pytest
from matplotlib import image

from keras_attn.explain import TokenWeights

ENGLISH = TokenWeights(["▁a", "▁sp", "lend", "id", "▁film", "."], [0.1, 0.2, 0.2, 0.1, 0.3, 0.1], "label: good (0.9)")


def test_pieces_are_put_together():
    assert [word for word, _ in ENGLISH.words()] == ["a", "splendid", "film."]
    assert [weight for _, weight in ENGLISH.words()] == pytest.approx([0.1, 0.5, 0.4])
    assert ENGLISH.marked(factor=1.4) == "a **splendid** film."


def test_characters_are_put_together_too():
    weights = TokenWeights([*"ab", "▁", *"cd"], [0.1, 0.1, 0.1, 0.4, 0.3])
    assert weights.marked() == "ab **cd**"


def test_scripts_without_spaces():
    weights = TokenWeights(["▁", "很", "好看", "的", "film", "s"], [0.0, 0.1, 0.6, 0.1, 0.1, 0.1])
    assert [word for word, _ in weights.words()] == ["很", "好看", "的", "films"]
    assert weights.marked() == "很**好看**的films"


def test_signs_of_markdown_are_plain():
    assert TokenWeights(["▁*a*", "▁x|y", "▁c_d"], [0.4, 0.3, 0.3]).marked() == r"\*a\* x\|y c\_d"


def test_the_picture_is_darker_where_the_weight_is(tmp_path):
    (path,) = ENGLISH.plot_all(tmp_path / "new")
    assert path == tmp_path / "new" / "attention.png"
    pixels = image.imread(path)[..., :3]
    words = np.array_split(pixels, 4, axis=1)[:3]
    green = [np.median(word[word[..., 0] > word[..., 2] + 0.05, 1]) for word in words]  # of what is orange at all
    light, dark, middle = green
    assert light > middle > dark


def test_long_texts_and_none(tmp_path):
    words = [f"▁word{i}$" for i in range(100)]
    TokenWeights(words, [0.01] * 100).plot(tmp_path / "long.png")
    TokenWeights([], []).plot(tmp_path / "none.png")
    heights = {name: image.imread(tmp_path / f"{name}.png").shape[0] for name in ("long", "none")}
    assert heights["long"] > 4 * heights["none"]


def test_errors():
    with pytest.raises(ValueError, match=r"Received: 1 tokens, 2 weights"):
        TokenWeights(["a"], [0.1, 0.2])
