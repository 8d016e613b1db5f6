"""The signal task from the command line."""

import json

import numpy as np
import pytest
from scipy.io import wavfile

from keras_attn.cli import main
from keras_attn.training import RunFolder
from tests.tasks.signal_cases import SMALL, made, write_tsv

SETTINGS = [f"{name}={value}" for name, value in {**SMALL, "members": 1, "epochs": 3, "folds": 0}.items()]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("signals")
    train, test = write_tsv(folder / "train.tsv", made(90, 1)), write_tsv(folder / "test.tsv", made(30, 2))
    words = ["train", "signal", "--train", str(train), "--out", str(folder / "run"), "--set", *SETTINGS]
    assert main(words) == 0
    return folder / "run", test


def test_train_says_what_comes_next(run, capsys):
    report = (run[0] / "report.md").read_text("utf-8")
    assert "keras-attn train signal --train" in report and "9 of the training's signals are held out" in report
    config = RunFolder(run[0]).config()
    assert config["task"] == "signal" and config["signals"] == {"channels": 1, "sample_rate": None}


def test_evaluate(run, capsys, tmp_path):
    assert main(["evaluate", str(run[0]), "--data", str(run[1]), "--json", "--report", str(tmp_path / "page")]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["task"] == "signal" and found["count"] == 30 and found["metrics"]["accuracy"] > 80
    assert (tmp_path / "page" / "report.md").exists()
    assert main(["evaluate", str(run[0]), "--data", str(run[1])]) == 0
    assert "accuracy" in capsys.readouterr().out


def test_predict_and_explain(run, capsys, tmp_path):
    assert main(["predict", str(run[0]), str(run[1])]) == 0
    lines = capsys.readouterr().out.splitlines()
    right = made(30, 2).labels["label"]
    assert (
        len(lines) == 30
        and np.mean([line.split("\t")[0] == label for line, label in zip(lines, right, strict=True)]) > 0.8
    )
    assert main(["predict", str(run[0]), str(run[1]), "--json"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[0])["label"] == lines[0].split("\t")[0]
    words = ["explain", str(run[0]), "--data", str(run[1]), "--row", "1", "--out", str(tmp_path / "pictures")]
    assert main(words) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith(lines[1].split("\t")[0]) and (tmp_path / "pictures" / "signal.png").exists()


def test_mistakes_are_told(run, capsys, tmp_path):
    def error(*words):
        assert main([str(word) for word in words]) == 2
        return capsys.readouterr().err

    assert "`--row` must be from 0 to 29" in error("explain", run[0], "--data", run[1], "--out", "x", "--row", "30")
    assert "Give a file of signals, by --data" in error("explain", run[0], "--text", "a", "--out", "x")
    assert "Signals come from a file" in error("predict", run[0])
    assert "one file or folder" in error("evaluate", run[0], "--data", run[1], run[1])
    assert "--beam is for translation" in error("evaluate", run[0], "--data", run[1], "--beam", "3")
    (tmp_path / "bad.tsv").write_text("1\tx\n", "utf-8")
    assert "bad.tsv:1: skipped, column 2: 'x' is no number" in error(
        "train", "signal", "--train", tmp_path / "bad.tsv", "--out", tmp_path / "r"
    )
    wavfile.write(tmp_path / "a.wav", 8000, np.zeros((9, 1), "int16"))
    assert main(["predict", str(run[0]), str(tmp_path / "a.wav")]) == 0  # a recording is a signal too
