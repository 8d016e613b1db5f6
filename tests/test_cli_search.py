"""What a search can be told on the command line, and the command `score`."""

import functools
import json

import pytest

from keras_attn.cli import main
from keras_attn.commands import terminal
from tests.test_cli import SOURCES, TARGETS, TINY, error_of, train_words


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run folder that `keras-attn train` wrote."""
    folder = tmp_path_factory.mktemp("search")
    pairs = folder / "pairs.tsv"
    pairs.write_text("".join(f"{text}\t{answer}\n" for text, answer in zip(SOURCES, TARGETS, strict=True)), "utf-8")
    assert main(train_words([str(pairs)], folder / "run", "--set", *TINY)) == 0
    return str(folder / "run")


@pytest.fixture(autouse=True)
def loaded_once(monkeypatch):
    """A run is loaded, and its searches traced, once for all tests."""
    monkeypatch.setattr(terminal, "load_run", _load_once)


_load_once = functools.cache(terminal.load_run)


@pytest.fixture
def texts(tmp_path):
    file = tmp_path / "texts.txt"
    file.write_text("ab\nce\n", "utf-8")
    return str(file)


def test_predict_takes_every_option_of_a_search(run, texts, capsys):
    words = "--prefix ca --require b --require dd --ban e --no-repeat-ngram 3 --repetition-penalty 1.1 --min-length 5"
    assert main(["predict", run, texts, *words.split(), "--max-length", "8", "--length-penalty", "average"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    for line in lines:
        assert line.startswith("ca") and "b" in line and "dd" in line and "e" not in line and 5 <= len(line) <= 8
    sampling = "--sample --nbest 2 --temperature 2 --top-k 5 --top-p 0.9 --min-p 0.01 --seed 3 --coverage-penalty 0.2"
    printed = []
    for _ in range(2):
        assert main(["predict", run, texts, "--json", "--details", *sampling.split()]) == 0
        printed.append([json.loads(line) for line in capsys.readouterr().out.splitlines()])
    assert printed[0] == printed[1]
    for answer in printed[0][0]["answers"]:
        assert len(answer["alignment"]) == len(answer["tokens"]) == len(answer["token_scores"])
        assert len(answer["alignment"][0]) == len(answer["source_tokens"]) == 3


def test_predict_gives_an_empty_line_where_nothing_is_allowed(run, texts, capsys):
    letters = [word for letter in "abcdefgh" for word in ("--ban", letter)]
    assert main(["predict", run, texts, "--min-length", "2", *letters]) == 0
    output, errors = capsys.readouterr()
    assert output == "\n\n" and "2 texts have no answer that the options allow" in errors


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("--temperature 0.5", "add `sample`"),
        ("--sample --beam 2", "leave out `beam_size`"),
        ("--require ab --ban b", "leave out one of them"),
        ("--min-length 9 --max-length 3", "min_length=9, max_length=3"),
        ("--beam 0", "beam_size=0"),
        ("--details", "add --json"),
    ],
)
def test_options_that_contradict_each_other_are_told_at_once(words, expected, run, monkeypatch, capsys):
    monkeypatch.setattr(terminal, "quiet_import", None)  # TensorFlow is not imported before the mistake is told
    assert expected in error_of(["predict", run, *words.split()], capsys)


def test_a_flag_that_is_no_number_exits_with_2(run, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["predict", run, "--length-penalty", "mean"])
    assert stop.value.code == 2
    assert "must be a number or average. Received: 'mean'" in capsys.readouterr().err


def test_runs_answer_together(run, texts, tmp_path, capsys):
    printed = []
    for others in ([], ["--ensemble", run]):
        assert main(["predict", run, texts, *others]) == 0
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1]
    assert "no run folder" in error_of(["predict", run, texts, "--ensemble", str(tmp_path)], capsys)


def test_score_tells_how_likely_answers_are(run, tmp_path, capsys):
    file = tmp_path / "pairs.tsv"
    file.write_text("ab\taabb\nce\th\n\tx\n", "utf-8")
    expected = terminal.load_run(run).score_pairs(["ab", "ce"], ["aabb", "h"])
    assert main(["score", run, str(file)]) == 0
    output, errors = capsys.readouterr()
    assert output.splitlines() == [f"{expected[0].score:.4f}\taabb", f"{expected[1].score:.4f}\th"]
    assert "1 given rows left out" in errors
    assert "no run folder" in error_of(["score", str(tmp_path), str(file)], capsys)
    assert main(["score", run, str(file), "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["answer"] for line in lines] == ["aabb", "h"] and lines[0]["tokens"] == [*"aabb", "<end>"]
    assert sum(lines[0]["token_scores"]) == pytest.approx(lines[0]["score"], abs=1e-4)
