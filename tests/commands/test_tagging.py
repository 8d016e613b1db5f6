"""From files to answers on the command line, with the smallest of taggers."""

import json

import pytest

from keras_attn.cli import main
from keras_attn.commands import terminal
from keras_attn.tasks import TaggingSettings
from tests.tasks.tagging_cases import SMALL, made

TINY = [f"{name}={value}" for name, value in SMALL.items()]
TEXT = "send 7 iced tea to San Jose for Paris"


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Columns with labels in comments to learn from; words, tags and labels in three files to choose by."""
    folder = tmp_path_factory.mktemp("files")
    data, valid = made(300, 1), made(40, 2)
    sentences = zip(data.words, data.tags, data.labels, strict=True)
    text = "\n".join(
        f"# label = {label}\n" + "".join(f"{word}\t{tag}\n" for word, tag in zip(words, tags, strict=True))
        for words, tags, label in sentences
    )
    (folder / "train.bio").write_text(text, "utf-8")
    columns = {"words": valid.texts(), "tags": map(" ".join, valid.tags), "labels": valid.labels}
    for name, lines in columns.items():
        (folder / f"valid.{name}").write_text("".join(f"{line}\n" for line in lines), "utf-8")
    return str(folder / "train.bio"), [str(folder / f"valid.{name}") for name in columns]


@pytest.fixture(scope="module")
def run(files, tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("runs") / "tiny")
    assert main(["train", "tagging", "--train", files[0], "--valid", *files[1], "--out", folder, "--set", *TINY]) == 0
    return folder


def error_of(words, capsys):
    assert main(words) == 2
    output, errors = capsys.readouterr()
    assert output == "" and errors.startswith("keras-attn: error: ") and errors.count("\n") == 1
    return errors


def test_evaluate(run, files, capsys):
    assert main(["evaluate", run, "--data", *files[1], "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["task"] == "tagging" and found["count"] == 40
    assert found["metrics"]["f1"] > 90 and found["metrics"]["frequent_f1"] < 90
    assert main(["evaluate", run, "--data", files[0]]) == 0
    output = capsys.readouterr().out
    assert "300 sentences" in output and "token_accuracy" in output
    assert "the baseline (linear)" in output


def test_predict_and_explain(run, tmp_path, capsys):
    texts = tmp_path / "texts.txt"
    texts.write_text(f"{TEXT}\n\n", "utf-8")
    assert main(["predict", run, str(texts)]) == 0
    line, empty = capsys.readouterr().out.splitlines()
    marked = "send 7/B-count iced/B-drink tea/I-drink to San/B-city Jose/I-city for Paris/B-person"
    assert line == f"order\t{marked}" and empty.endswith("\t")
    assert main(["predict", run, str(texts), "--json"]) == 0
    found, empty = map(json.loads, capsys.readouterr().out.splitlines())
    assert found["entities"][2] == {"type": "city", "text": "San Jose", "start": 19, "end": 27}
    assert TEXT[19:27] == "San Jose" and found["label"] == "order" and 0 < found["score"] <= 1
    assert empty["entities"] == [] and found["words"] == TEXT.split()
    for more in ([], ["--word", "Paris"]):
        assert main(["explain", run, "--text", TEXT, "--out", str(tmp_path / "pictures"), *more]) == 0
        answer, *pictures = capsys.readouterr().out.splitlines()
        assert answer == f"order\t{marked}" and all((tmp_path / "pictures" / p).exists() for p in pictures)
    assert "The text has no such word" in error_of(
        ["explain", run, "--text", TEXT, "--out", str(tmp_path), "--word", "Rome"], capsys
    )


def test_mistakes_are_told_without_tensorflow(run, files, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(terminal, "quiet_import", None)
    new = str(tmp_path / "new")

    def training(*data, more=()):
        return ["train", "tagging", "--train", *data, "--valid", *files[1], "--out", new, *more]

    assert "nowhere.bio: no such file" in error_of(training("nowhere.bio"), capsys)
    assert "Received: 4 files" in error_of(training(*files[1], files[0]), capsys)
    assert "a tag must be O, or B-" in error_of(
        training(files[0], more=["--set", "tag_column=0", "word_column=1"]), capsys
    )
    assert "Did you mean `word_rule`?" in error_of(training(files[0], more=["--set", "word_rul=spaces"]), capsys)
    assert "same number of lines" in error_of(["evaluate", run, "--data", files[1][0], files[0]], capsys)
    assert "--abstain is for classification" in error_of(["predict", run, "--abstain"], capsys)
    assert "nothing to explain in an empty text" in error_of(["explain", run, "--text", " ", "--out", new], capsys)
    assert "missing.txt: no such file" in error_of(["predict", run, "missing.txt"], capsys)


def test_help_lists_every_setting(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    with pytest.raises(SystemExit):
        main(["train", "tagging", "--help"])
    text = " ".join(capsys.readouterr().out.split())
    for name in TaggingSettings.__dataclass_fields__:
        assert f" {name} (" in text, name
