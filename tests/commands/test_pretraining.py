"""From texts to a language model on the command line, and what its run can be asked."""

import json
import shutil

import pytest
import yaml

from keras_attn.cli import main
from keras_attn.commands import terminal
from keras_attn.tasks import PretrainingSettings
from keras_attn.training import RunFolder
from tests.tasks.pretraining_cases import SMALL, counting_texts

TINY = [f"{name}={str(value).lower() if isinstance(value, bool) else value}" for name, value in SMALL.items()]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    for name, count in (("a", 700), ("b", 500), ("test", 60)):
        (folder / f"{name}.txt").write_text("\n".join(counting_texts(count, count)) + "\n", "utf-8")
    (folder / "test.csv").write_text("number,body\n" + "".join(f"1,{text}\n" for text in counting_texts(60, 60)))
    return folder


def words_of(files, out, *more):
    texts = [str(files / f"{name}.txt") for name in "ab"]
    return ["pretrain", "--text", *texts, "--out", str(out), "--set", *TINY, "epochs=2", *more]


@pytest.fixture(scope="module")
def run(files, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "words"
    assert main(words_of(files, folder)) == 0
    return folder


def measured(run, files, capsys, name="test.txt"):
    assert main(["evaluate", str(run), "--data", str(files / name), "--json"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    return json.loads(line)


def test_evaluate(run, files, capsys, monkeypatch):
    found = measured(run, files, capsys)
    assert (found["task"], found["count"]) == ("pretraining", 60)
    assert found["metrics"].keys() == {"perplexity", "accuracy"}
    assert 1 < found["metrics"]["perplexity"] < 12  # as many words there are
    monkeypatch.setenv("COLUMNS", "100")
    assert main(["evaluate", str(run), "--data", str(files / "test.txt")]) == 0
    table = " ".join(capsys.readouterr().out.split())
    assert "60 texts" in table and f"perplexity {found['metrics']['perplexity']:.2f}" in table


def test_it_is_told_what_comes_next_and_goes_on(run, files, tmp_path, capsys):
    copy = shutil.copytree(run, tmp_path / "run")
    assert RunFolder(copy).config()["texts"] == 1176  # of 1200, but for every fiftieth
    assert main(words_of(files, copy, "epochs=3", "--resume")) == 0
    output = capsys.readouterr().out
    assert "Best epoch: val_loss" in output and f"keras-attn evaluate {copy} --data FILE" in output
    assert f"--init {copy}" in output
    assert [line["epoch"] for line in RunFolder(copy).metrics()] == [1, 2, 3]


@pytest.fixture
def labelled(tmp_path):
    """The words of a training on labelled texts, behind `train` or `tune`."""
    for name, count in (("train", 80), ("valid", 40)):
        rows = [f"{text},{'low' if text < 'gz' else 'high'}\n" for text in counting_texts(count, count)]
        (tmp_path / f"{name}.csv").write_text("text,label\n" + "".join(rows), "utf-8")
    return ["classification", "--train", str(tmp_path / "train.csv"), "--valid", str(tmp_path / "valid.csv")]


@pytest.mark.long
def test_a_search_starts_from_it(run, labelled, tmp_path, capsys):
    pytest.importorskip("optuna", reason="needs Optuna: pip install 'keras_attn[tune]'")
    (tmp_path / "search.yaml").write_text("rate_decay: [0.5, 1.0]\n", "utf-8")
    words = [
        "tune",
        *labelled,
        "--init",
        str(run),
        "--search",
        str(tmp_path / "search.yaml"),
        "--trials",
        "2",
        "--json",
    ]
    words += ["--out", str(tmp_path / "search"), "--set", "epochs=1", "learning_rate=0.02", "average_decay=null"]
    assert main(words) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["trials"] == {"complete": 2}
    config = RunFolder(tmp_path / "search" / "trials" / "00000").config()
    assert (config["preset"], config["settings"]["init"], config["max_length"]) == ("fine_tuning", str(run), 16)
    best = yaml.safe_load((tmp_path / "search" / "best.yaml").read_text("utf-8"))
    assert (best["preset"], best["settings"]["init"]) == ("fine_tuning", str(run))
    assert best["settings"]["rate_decay"] == found["best"]["settings"]["rate_decay"]


@pytest.mark.long
def test_a_classification_starts_from_it(run, labelled, tmp_path, capsys):
    words = ["train", *labelled]
    more = ["--set", "epochs=1", "learning_rate=0.02", "average_decay=null"]
    assert main([*words, "--out", str(tmp_path / "run"), "--init", str(run), *more]) == 0
    config = RunFolder(tmp_path / "run").config()
    assert (config["preset"], config["settings"]["init"], config["max_length"]) == ("fine_tuning", str(run), 16)
    capsys.readouterr()
    assert main(["predict", str(tmp_path / "run"), str(tmp_path / "train.csv")]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 80
    again = [*words, "--out", str(tmp_path / "other")]
    assert "take the preset fine_tuning" in error_of([*again, "--init", str(run), "--preset", "tiny"], capsys)
    assert main([*again, "--init", str(tmp_path / "nowhere")]) == 2
    assert "neither a run folder" in capsys.readouterr().err.splitlines()[-1]
    assert not (tmp_path / "other").exists()


@pytest.mark.long
def test_causal_with_a_validation_of_its_own_and_a_column(files, tmp_path, capsys):
    out, table = tmp_path / "run", str(files / "test.csv")
    more = ["--objective", "causal", "--text-column", "body", "--valid", table, "--max-minutes", "0.5"]
    assert main(words_of(files, out, *more)) == 0
    config = RunFolder(out).config()
    assert config["settings"]["objective"] == "causal" and config["settings"]["text_column"] == "body"
    assert (config["texts"], config["validation_texts"]) == (1200, 60)
    capsys.readouterr()
    assert measured(out, files, capsys, "test.csv") == measured(out, files, capsys)


def error_of(words, capsys):
    assert main(words) == 2
    output, errors = capsys.readouterr()
    assert output == "" and errors.startswith("keras-attn: error: ") and errors.count("\n") == 1
    return errors


def test_mistakes_are_told_without_tensorflow(run, files, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(terminal, "quiet_import", None)
    new, folder = tmp_path / "new", str(run)
    assert "Did you mean `dropout`?" in error_of(words_of(files, new, "dropuot=0.1"), capsys)
    assert "c.txt: no such file" in error_of(["pretrain", "--text", str(tmp_path / "c.txt"), "--out", str(new)], capsys)
    assert "there is no column 'text'; there are 'number', 'body'" in error_of(
        ["pretrain", "--text", str(files / "test.csv"), "--out", str(new)], capsys
    )
    assert "already holds a run" in error_of(words_of(files, run), capsys)
    refused = f"--init {run}"
    assert refused in error_of(["predict", folder, str(files / "test.txt")], capsys)
    assert refused in error_of(["explain", folder, "--text", "ba ce", "--out", str(new)], capsys)
    assert refused in error_of(["export", folder, str(new)], capsys)
    assert "--report is for classification" in error_of(["evaluate", folder, "--data", "x", "--report", "y"], capsys)
    assert not new.exists()


def test_help_lists_every_setting(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    with pytest.raises(SystemExit):
        main(["pretrain", "--help"])
    text = " ".join(capsys.readouterr().out.split())
    for name in PretrainingSettings.__dataclass_fields__:
        assert f" {name} (" in text, name
