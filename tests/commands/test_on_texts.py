"""What the commands of tasks on texts refuse before TensorFlow is imported; what they do is in tests/test_cli.py."""

import argparse

import pytest

from keras_attn.commands import on_texts


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"text": None, "data": None}, "Give one text to explain, by --text"),
        ({"text": "a", "data": "series.csv"}, "--data series.csv"),
        ({"text": " ", "data": None}, "nothing to explain in an empty text"),
    ],
)
def test_one_text_is_explained(given, message):
    with pytest.raises(ValueError, match=message):
        on_texts.explain(argparse.Namespace(run="run", out="out", **given))
