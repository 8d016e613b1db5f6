"""`keras-attn tune`: what it refuses at once, and a search over real trainings."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from keras_attn.cli import main
from keras_attn.commands import tuning
from tests.tasks.classification_cases import SMALL, made

TINY = [f"{name}={str(value).lower()}" for name, value in SMALL.items() if name not in ("dropout", "learning_rate")]
RUN = [sys.executable, "-c", "import sys; from keras_attn.cli import main; sys.exit(main())"]


@pytest.fixture
def words(tmp_path):
    """The words of a search; files to learn from stand beside."""
    for name, count in (("train", 120), ("valid", 60)):
        data = made(count, count)
        rows = [f"{text},{label}" for text, label in zip(data.texts, data.labels["topic"], strict=True)]
        (tmp_path / f"{name}.csv").write_text("\n".join(["text,label", *rows]) + "\n", "utf-8")
    (tmp_path / "search.yaml").write_text(
        "learning_rate: {low: 0.001, high: 0.05, log: true}\ndropout: [0.0, 0.3]\n", "utf-8"
    )
    files = ["--train", str(tmp_path / "train.csv"), "--valid", str(tmp_path / "valid.csv")]
    search = ["--search", str(tmp_path / "search.yaml"), "--out", str(tmp_path / "out")]
    return ["tune", "classification", *files, *search, "--set", *TINY]


@pytest.mark.parametrize(
    ("search", "more", "message"),
    [
        ("dropuot: [0.1]", [], "Did you mean `dropout`"),
        ("dropout: [a]", [], "`dropout` must be a number. Received: dropout='a'"),
        ("dropout: [0.1]", ["dropout=0.2"], "searched and cannot be given too"),
        ("dropout: {low: 1", [], "not valid YAML"),
        (None, [], "no such file. Check the path"),
    ],
)
def test_mistakes_are_told_before_anything_is_written(words, tmp_path, capsys, search, more, message):
    file = tmp_path / "search.yaml"
    file.unlink() if search is None else file.write_text(search, "utf-8")
    assert main([*words, *more]) == 2
    assert message in capsys.readouterr().err and not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--valid", "nowhere.csv"], "nowhere.csv: no such file"),
        (["--init", "nowhere"], "there is no such folder"),
        (["--label-column", "topic"], "there is no column 'topic'; there are 'text', 'label'"),
    ],
)
def test_wrong_data_is_told_before_a_trial_is_started(words, tmp_path, capsys, more, message):
    words = words[: words.index("--set")]  # what the data is read by
    assert main([*words, *more]) == 2
    assert message in capsys.readouterr().err and not (tmp_path / "out").exists()


def test_what_is_given_by_a_flag_is_not_searched_and_is_in_every_trial(words, tmp_path, capsys, monkeypatch):
    started = {}

    class Study:  # takes the place of the search: what it is given is what is tested
        def __init__(self, folder, space, command, config, *rest):
            started.update(config=config, command=command("settings.yaml", "trial", False))
            raise ValueError("enough")

    monkeypatch.setattr(tuning, "Tuner", Study)
    bert = tmp_path / "bert"
    bert.mkdir()
    for name in ("config.json", "model.safetensors", "vocab.txt"):
        (bert / name).touch()
    words = words[: words.index("--set")]
    assert main([*words, "--init", str(bert), "--set", "epochs=1"]) == 2
    assert started["config"] == {
        "task": "classification",
        "preset": "fine_tuning",
        "settings": {"epochs": 1, "init": str(bert)},
    }
    assert started["command"][-6:] == ["--init", str(bert), "--config", "settings.yaml", "--out", "trial"]
    (tmp_path / "search.yaml").write_text("init: [a, b]\n", "utf-8")
    assert main([*words, "--init", str(bert)]) == 2
    assert "`init` is searched and cannot be given too" in capsys.readouterr().err


def test_wrong_numbers_are_refused(words, capsys):
    with pytest.raises(SystemExit):
        main([*words, "--trials", "0"])
    assert "--trials: must be a whole number above 0" in capsys.readouterr().err


@pytest.mark.long
def test_a_search_over_trainings_goes_on_after_a_kill(words, tmp_path):
    words += ["--trials", "4", "--workers", "2", "--json"]
    first = subprocess.Popen([*RUN, *words], stdout=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 200
    while not list((tmp_path / "out").glob("trials/*/metrics.jsonl")):
        assert time.monotonic() < deadline and first.poll() is None
        time.sleep(0.05)
    os.kill(first.pid, signal.SIGTERM)
    assert first.wait() == 143
    done = subprocess.run([*RUN, *words, "--resume"], stdout=subprocess.PIPE, text=True, check=True)
    found = json.loads(done.stdout)
    assert found["trials"] == {"complete": 4} or sum(found["trials"].values()) == 4
    assert found["best"]["value"] > 90 and set(found["best"]["settings"]) == {"learning_rate", "dropout"}
    files = ["train", "classification", "--train", str(tmp_path / "train.csv"), "--valid", str(tmp_path / "valid.csv")]
    subprocess.run([*RUN, *files, "--config", found["config"], "--out", str(tmp_path / "run")], check=True)
    line = (tmp_path / "run" / "metrics.jsonl").read_text("utf-8").splitlines()[0]
    assert json.loads(line)["epoch"] == 1
