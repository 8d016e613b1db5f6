"""What the commands of tasks on texts refuse before TensorFlow is imported; what they do is in tests/test_cli.py."""

import argparse
import io
import sys

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


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("file", "stdin", "sizes"),
    [("a.txt", io.StringIO(), [2, 1]), ("-", io.StringIO(), [2, 1]), ("-", Terminal(), [1] * 3)],
)
def test_who_types_a_line_has_its_answer_at_once(file, stdin, sizes, monkeypatch, capsys):
    monkeypatch.setattr(on_texts, "_CHUNK", 2)
    monkeypatch.setattr(sys, "stdin", stdin)
    texts, seen = ["a", "b", "c"], []

    def answer(part):
        seen.append(len(part))
        return (text.upper() for text in part)

    on_texts.print_answers(argparse.Namespace(file=file), iter(texts) if file == "-" else texts, answer)
    assert seen == sizes and capsys.readouterr().out == "A\nB\nC\n"
