"""From files to answers on the command line, with a classifier of two heads."""

import csv
import json
import os
import subprocess
import sys

import pytest

from keras_attn.cli import main
from keras_attn.commands import terminal
from keras_attn.tasks import ClassificationSettings
from keras_attn.training import RunFolder
from tests.tasks.classification_cases import SMALL, made

TINY = [f"{name}={str(value).lower() if isinstance(value, bool) else value}" for name, value in SMALL.items()]


def write(path, data, text_column="body"):
    with open(path, "w", newline="", encoding="utf-8") as file:
        rows = zip(data.texts, *data.labels.values(), strict=True)
        csv.writer(file).writerows([[text_column, *data.labels], *rows])
    return str(path)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    heads = ("topic", "mood")
    return [write(folder / f"{name}.csv", made(count, count, heads)) for name, count in (("train", 200), ("valid", 60))]


def words_of(files, out, *more):
    columns = ["--text-column", "body", "--label-column", "topic", "--label-column", "mood"]
    return ["train", "classification", "--train", files[0], "--valid", files[1], "--out", str(out), *columns, *more]


@pytest.fixture(scope="module")
def run(files, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "tiny"
    assert main(words_of(files, folder, "--set", *TINY)) == 0
    return str(folder)


def error_of(words, capsys):
    assert main(words) == 2
    output, errors = capsys.readouterr()
    assert output == "" and errors.startswith("keras-attn: error: ") and errors.count("\n") == 1
    return errors


def test_evaluate_prints_the_baseline_beside(run, files, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    assert main(["evaluate", run, "--data", files[1]]) == 0
    output = " ".join(capsys.readouterr().out.split())
    assert "60 texts" in output and "baseline (" in output and "topic/accuracy" in output
    assert output.count("baseline") >= 3  # a verdict a head
    assert main(["evaluate", run, "--data", files[1], "--json"]) == 0
    output, _ = capsys.readouterr()
    found = json.loads(output)
    assert output.count("\n") == 1 and found["task"] == "classification" and found["count"] == 60
    assert found["metrics"]["accuracy"] > 90 and found["metrics"]["baseline_accuracy"] > 90


def test_evaluate_writes_a_report(run, files, tmp_path, capsys):
    assert main(["evaluate", run, "--data", files[1], "--report", str(tmp_path / "page")]) == 0
    assert (tmp_path / "page" / "report.md").exists() and (tmp_path / "page" / "confusion-1.png").exists()


@pytest.mark.parametrize("columns", ["40", "60"])
def test_a_narrow_terminal(run, files, columns, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", columns)
    assert main(["evaluate", run, "--data", files[1]]) == 0
    table = capsys.readouterr().out.split("\ntopic:")[0]
    assert max(map(len, table.splitlines())) <= int(columns)


def test_predict_answers_a_line_a_text(run, files, tmp_path, capsys):
    texts = tmp_path / "texts.txt"
    texts.write_text("the lovely soup was warm\n\na cold wave\n", "utf-8")
    assert main(["predict", run, str(texts)]) == 0
    rows = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert (
        len(rows) == 3 and (rows[0][0], rows[0][2]) == ("food", "nice") and (rows[2][0], rows[2][2]) == ("sea", "nasty")
    )
    assert all(0.5 <= float(row[1]) <= 1 for row in rows)
    assert main(["predict", run, str(texts), "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["text"] for line in lines] == ["the lovely soup was warm", "", "a cold wave"]
    assert lines[0]["labels"]["topic"]["label"] == "food"
    assert sum(lines[0]["labels"]["topic"]["scores"].values()) == pytest.approx(1)
    assert main(["predict", run, files[1]]) == 0  # the column of texts of a table
    assert len(capsys.readouterr().out.splitlines()) == 60


def test_abstaining(run, tmp_path, capsys, monkeypatch):
    from keras_attn.tasks import Classification

    load = Classification.load.__func__

    def unsure(cls, folder):
        task = load(cls, folder)
        task.use(calibration={head: {**found, "threshold": 2.0} for head, found in task.calibration.items()})
        return task

    monkeypatch.setattr(Classification, "load", classmethod(unsure))
    texts = tmp_path / "texts.txt"
    texts.write_text("the lovely soup was warm\n", "utf-8")
    assert main(["predict", run, str(texts), "--abstain"]) == 0
    label, confidence, *_ = capsys.readouterr().out.split("\t")
    assert label == "" and float(confidence) > 0.5
    assert main(["predict", run, str(texts), "--abstain", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["labels"]["mood"]["label"] is None


def test_a_pipe_stops_silently_with_its_reader(run):
    keras_attn = f"{sys.executable} -c 'import sys; from keras_attn.cli import main; sys.exit(main())'"
    script = f"yes 'a fine soup' | {keras_attn} predict '{run}' | head -n 2; echo ${{PIPESTATUS[1]}}"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, env=os.environ, timeout=120)
    first, second, status = done.stdout.splitlines()
    assert first == second and first.startswith("food\t") and status == "141" and done.stderr == ""


def test_explain_and_export(run, tmp_path, capfd):
    assert main(["explain", run, "--text", "a fine soup", "--out", str(tmp_path / "pictures")]) == 0
    answer, picture = capfd.readouterr().out.splitlines()
    assert json.loads(answer) == {"topic": "food", "mood": "nice"} and picture.endswith("attention.png")
    assert main(["export", run, str(tmp_path / "model")]) == 0
    assert capfd.readouterr().out == f"{tmp_path / 'model' / '1'}\n"


def test_mistakes_are_told_without_tensorflow(run, files, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(terminal, "quiet_import", None)
    new = tmp_path / "new"
    message = error_of([*words_of(files, new), "--label-column", "label"], capsys)
    assert "there is no column 'label'; there are 'body', 'topic', 'mood'" in message
    assert "Did you mean `text_column`?" in error_of(words_of(files, new, "--set", "text_colum=body"), capsys)
    assert "nowhere.csv: no such file" in error_of(words_of(["nowhere.csv", files[1]], new), capsys)
    assert "must end in .csv" in error_of(["evaluate", run, "--data", __file__], capsys)
    assert "--data takes one file or folder" in error_of(["evaluate", run, "--data", *files], capsys)
    assert "--beam is for translation" in error_of(["predict", run, "--beam", "3"], capsys)
    assert "--format is for translation" in error_of(["export", run, str(new), "--format", "onnx"], capsys)
    assert "is a file" in error_of(["evaluate", run, "--data", files[1], "--report", files[0]], capsys)
    assert "Translations alone have scores" in error_of(["score", run, "pairs.tsv"], capsys)
    assert "missing.txt: no such file" in error_of(["predict", run, "missing.txt"], capsys)
    assert "there is no such folder" in error_of(words_of(files, new, "--init", "nowhere"), capsys)
    message = error_of(words_of(files, new, "--preset", "fine_tuning", "--set", f"init={run}"), capsys)
    assert "a run of the task 'classification', not of 'pretraining'" in message
    assert not new.exists()
    begun = RunFolder(tmp_path / "begun")
    begun.create(RunFolder(run).config())
    assert "holds no checkpoint `best-*`" in error_of(["predict", str(begun.path), files[1]], capsys)


@pytest.mark.parametrize("columns", ["40", "120"])
def test_help_lists_every_setting(columns, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", columns)
    with pytest.raises(SystemExit):
        main(["train", "classification", "--help"])
    text = " ".join(capsys.readouterr().out.split())
    for name in ClassificationSettings.__dataclass_fields__:
        assert f" {name} (" in text, name
    assert "label_columns (list of texts; default" in text
