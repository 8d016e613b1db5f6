"""From a file to forecasts on the command line, with a linear forecaster of two variables."""

import csv
import io
import json
import os
import subprocess
import sys

import pytest

from keras_attn.cli import main
from keras_attn.commands import terminal
from tests.tasks.forecasting_cases import write_wide


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return str(write_wide(tmp_path_factory.mktemp("files") / "wide.csv"))


@pytest.fixture(scope="module")
def run(file, tmp_path_factory):
    out = str(tmp_path_factory.mktemp("runs") / "wide")
    words = ["train", "forecasting", "--train", file, "--target", "up", "--past", "down", "--horizon", "5"]
    words += ["--lookback", "24", "--split", "200,80,100", "--out", out, "--preset", "linear", "--set", "epochs=1"]
    assert main(words) == 0
    return out


def error_of(words, capsys):
    assert main(words) == 2
    output, errors = capsys.readouterr()
    assert output == "" and errors.startswith("keras-attn: error: ") and errors.count("\n") == 1
    return errors


def test_evaluate_prints_the_baselines_beside(run, file, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("COLUMNS", "100")
    assert main(["evaluate", run, "--data", file, "--report", str(tmp_path / "report")]) == 0
    output = capsys.readouterr().out
    assert "96 windows" in output and "baseline seasonal" in output and " wins: its mse is " in output
    assert (tmp_path / "report" / "report.md").exists()
    assert main(["evaluate", run, "--data", file, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["task"] == "forecasting" and found["count"] == found["metrics"]["windows"] == 96


def test_predict_writes_csv_and_json(run, file, capsys):
    assert main(["predict", run, file]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["time"] for row in rows] == [f"2024-01-17 {hour}:00:00" for hour in range(16, 21)]
    assert all(float(row["lower"]) < float(row["forecast"]) < float(row["upper"]) for row in rows)
    assert main(["predict", run, file, "--json", "--by", "seasonal"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(lines) == 5 and lines[0]["column"] == "up"


@pytest.mark.long
def test_explain_and_export(run, file, capsys, tmp_path):
    assert main(["explain", run, "--data", file, "--out", str(tmp_path / "maps")]) == 0
    assert capsys.readouterr().out.splitlines() == [str(tmp_path / "maps" / "forecast-1.png")]
    assert main(["export", run, str(tmp_path / "model"), "--examples", file]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "model" / "1")


def test_mistakes_are_told(run, file, capsys, tmp_path):
    assert "no such file" in error_of(["predict", run, "none.csv"], capsys)
    assert "its ending says how to read it" in error_of(["predict", run], capsys)
    assert "no such file" in error_of(["evaluate", run, "--data", "none.csv"], capsys)
    assert "takes one file" in error_of(["evaluate", run, "--data", file, file], capsys)
    assert "of --data FILE" in error_of(["explain", run, "--text", "x", "--out", str(tmp_path / "maps")], capsys)
    assert "Did you mean `last`?" in error_of(["predict", run, file, "--by", "lats"], capsys)


def test_wrong_files_are_told_before_tensorflow_is_imported(run, file, capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(terminal, "quiet_import", None)
    other, maps = tmp_path / "other.csv", str(tmp_path / "maps")
    other.write_text("date,load\n2024-01-01,1\n", "utf-8")
    assert "there is no column 'up'; there are 'date', 'load'" in error_of(["predict", run, str(other)], capsys)
    assert "must end in .csv" in error_of(["evaluate", run, "--data", __file__], capsys)
    assert "no such file" in error_of(["explain", run, "--data", "none.csv", "--out", maps], capsys)
    assert "no such file" in error_of(["export", run, str(tmp_path / "model"), "--examples", "none.csv"], capsys)
    words = ["train", "forecasting", "--train", file, "--out", str(tmp_path / "new")]
    assert "there is no column 'uup'" in error_of([*words, "--target", "uup"], capsys)
    assert "`split` must be three shares" in error_of([*words, "--split", "1,2"], capsys)
    assert not (tmp_path / "new").exists()


def test_mistakes_are_told_before_tensorflow_is_imported(file):
    code = (
        "import sys\n"
        "from keras_attn.cli import main\n"
        "status = main(['train', 'forecasting', '--train', sys.argv[1], '--target', 'uup', '--out', 'new'])\n"
        "assert status == 2 and not {'tensorflow', 'keras'} & set(sys.modules)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", code, file], check=True, env=environment, capture_output=True, timeout=60)
