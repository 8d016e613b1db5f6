"""`keras-attn monitor`: flags, outputs, what it says at the end, and mistakes before TensorFlow is imported."""

import json
import types

import pytest

from keras_attn.cli import main
from keras_attn.commands import terminal
from keras_attn.tasks.classification_labels import Labels


class Task:
    """Stands for a trained classification: a text's first word is its label."""

    def classify(self, texts):
        return [{"mood": types.SimpleNamespace(label=text.split()[0])} for text in texts]


@pytest.fixture
def run(tmp_path, monkeypatch):
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "config.yaml").write_text("task: classification\n", "utf-8")
    Labels({"mood": ["bad", "good"]}).save(folder)
    monkeypatch.setattr(terminal, "load_run", lambda path: Task())
    return str(folder)


@pytest.fixture
def messages(tmp_path):
    path = tmp_path / "m.jsonl"
    words = ["bad" if second % 10 == 0 or second >= 5000 else "good" for second in range(5200)]
    rows = [{"when": second, "body": f"{word} day", "nr": second} for second, word in enumerate(words)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows) + "{\n", "utf-8")
    return str(path)


COLUMNS = ["--time-column", "when", "--text-column", "body", "--id-column", "nr"]


def test_a_file(run, messages, tmp_path, capsys):
    heard = tmp_path / "heard"
    words = ["monitor", run, messages, "--window", "10m", "--alert", "bad: rate 2x", "--alert", "bad: share 90%"]
    assert main([*words, *COLUMNS, "--hook", f"tee {heard}"]) == 0
    captured = capsys.readouterr()
    (alert,) = [json.loads(line) for line in captured.out.splitlines()]
    assert alert["alert"] == "bad: rate 2x" and alert["since"] == "1970-01-01T01:23:20+00:00"
    assert json.loads(heard.read_text("utf-8")) == alert
    told = "5200 messages, 0 late, 0 ahead, 0 repeated, 1 malformed (1 json); 1 alerts"
    assert told in captured.err and f"{run}/monitor" in captured.err
    assert main([*words, *COLUMNS]) == 0  # nothing new
    captured = capsys.readouterr()
    assert not captured.out and told in captured.err


def test_mistakes_are_told_before_tensorflow_is_imported(run, messages, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(terminal, "load_run", None)
    for words, message in (
        ([messages, "--alert", "badd: rate 2x"], "Unknown class. Did you mean `bad`?"),
        ([messages, "--alert", "bad"], "An alert must have the form 'CLASS: rate 2x'"),
        ([messages, "--window", "1y"], "A duration must be"),
        ([messages, "--hook", "no-such-program"], "must be a program that exists"),
        ([messages, "--webhook", "example.org"], "must be an address"),
        (["missing.jsonl"], "no such file"),
    ):
        assert main(["monitor", run, *words]) == 2
        assert message in capsys.readouterr().err
    (tmp_path / "run" / "config.yaml").write_text("task: translation\n", "utf-8")
    assert main(["monitor", run, messages]) == 2
    assert "monitor is for a run of a classification" in capsys.readouterr().err
