"""Processes started, watched and started again; what they run here is a small program, and once the training itself."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from keras_attn.cli import main
from keras_attn.commands import launch
from keras_attn.training import RunFolder

PROGRAM = """
import json, os, pathlib, signal, sys, time
config = json.loads(os.environ["TF_CONFIG"])
index = config["task"]["index"]
attempt = len(list(pathlib.Path().glob(f"words-{index}-*")))
pathlib.Path(f"words-{index}-{attempt}").write_text(json.dumps([sys.argv[1:], config["cluster"]]))
print("worker says", index, flush=True)
"""


@pytest.fixture
def started(monkeypatch, tmp_path):
    """Runs `launch` with a program of its own as worker; gives its exit code and what each attempt was told."""

    def start(program, *words):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(launch, "_PROGRAM", PROGRAM + program)
        code = main(["launch", *words])
        return code, {path.name: json.loads(path.read_text()) for path in sorted(tmp_path.glob("words-*"))}

    return start


def test_workers_find_each_other_and_their_lines_are_told_apart(started, capfd):
    code, told = started("", "--workers", "3", "--", "train", "translation", "--out", "run")
    assert code == 0 and len(told) == 3
    words, cluster = told["words-0-0"]
    assert words == ["train", "translation", "--out", "run", "--strategy", "multiworker"]
    assert all(other == [words, cluster] for other in told.values()) and len(set(cluster["worker"])) == 3
    lines = capfd.readouterr().err.splitlines()
    assert sorted(lines) == [f"[{index}] worker says {index}" for index in range(3)]


def test_a_failed_job_is_started_again_with_resume(started, capfd):
    program = "sys.exit(4 if attempt < 2 and index == 1 else 0)"
    code, told = started(program, "--workers", "2", "--restarts", "2", "--", "train", "x", "--strategy", "auto")
    assert code == 0 and len(told) == 6
    assert told["words-0-0"][0] == ["train", "x", "--strategy", "auto"]
    assert told["words-0-1"][0] == told["words-1-2"][0] == ["train", "x", "--strategy", "auto", "--resume"]
    assert "Worker 1 ended with exit code 4; all are started again, 1 more times if need be." in capfd.readouterr().err


@pytest.mark.parametrize(("code", "attempts", "wanted"), [("4", 2, 4), ("2", 1, 2), ("3", 1, 3)])
def test_what_would_fail_again_is_not_started_again(code, attempts, wanted, started, capfd):
    found, told = started(f"sys.exit({code})", "--workers", "1", "--restarts", "1", "--", "train", "x")
    assert found == wanted and len(told) == attempts
    assert f"keras-attn: error: Worker 0 ended with exit code {code}, and the others" in capfd.readouterr().err


def test_those_who_do_not_end_when_one_is_lost_are_killed(started, monkeypatch):
    monkeypatch.setattr(launch, "_GRACE", 0.5)
    start = time.monotonic()
    code, _ = started(
        "os.kill(os.getpid(), 9) if index == 1 else time.sleep(100)", "--workers", "2", "--", "train", "x"
    )
    assert code == 128 + signal.SIGKILL and time.monotonic() - start < 30


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_reaches_every_worker(number, tmp_path):
    program = (
        "def end(number, frame):\n    print('saved', flush=True)\n    sys.exit(128 + number)\n"
        "for number in (signal.SIGINT, signal.SIGTERM):\n    signal.signal(number, end)\n"
        "print('ready', flush=True)\ntime.sleep(100)\n"
    )
    code = (
        "import sys\nfrom keras_attn.cli import main\nfrom keras_attn.commands import launch\n"
        f"launch._PROGRAM = {PROGRAM + program!r}\n"
        "sys.exit(main(['launch', '--workers', '2', '--', 'train', 'x']))"
    )
    process = subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    lines = []
    while sum("ready" in line for line in lines) < 2:
        lines.append(process.stderr.readline())
        assert lines[-1], lines
    process.send_signal(number)
    rest = process.communicate(timeout=60)[1]
    assert process.returncode == 128 + number and rest.count("saved") == 2, rest


def test_what_is_no_training_is_refused(capfd):
    for words in (["--", "evaluate", "run"], [], ["--restarts", "-1", "--", "train", "x"]):
        assert main(["launch", "--workers", "2", *words]) == 2
        assert "launch starts a training: keras-attn launch" in capfd.readouterr().err


@pytest.mark.long
def test_multiworker_command_survives_a_worker_killed(tmp_path):
    """The training itself: one worker is killed, all are started again, and the run ends whole."""
    words = ["".join(letters) for letters in zip("abcdabcd" * 20, "bcdabcda" * 20, "ddbbaacc" * 20, strict=True)] * 3
    for name, lines in (("a", words), ("b", [word[::-1] for word in words])):
        (tmp_path / name).write_text("\n".join(lines) + "\n", "utf-8")
    settings = "tokenizer=character num_layers=1 hidden_dim=16 num_heads=2 intermediate_dim=16 batch_tokens=128"
    settings += " max_length=16 epochs=3 checkpoint_minutes=1e-6 monitor=val_loss"
    command = ["launch", "--workers", "2", "--restarts", "1", "--", "train", "translation", "--out", "run"]
    command += ["--train", "a", "b", "--valid", "a", "b", "--set", *settings.split()]
    code = f"import sys\nfrom keras_attn.cli import main\nsys.exit(main({command!r}))"
    process = subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    run = tmp_path / "run"
    while process.poll() is None and not list(run.glob("checkpoints/last-*-*")):
        time.sleep(0.1)
    children = subprocess.run(["ps", "--ppid", str(process.pid), "-o", "pid="], capture_output=True, text=True).stdout
    os.kill(max(map(int, children.split())), signal.SIGKILL)
    errors = process.communicate(timeout=500)[1]
    assert process.returncode == 0, errors
    assert "all are started again, 0 more times" in errors and "[0] Best epoch: val_loss" in errors
    assert [line["epoch"] for line in RunFolder(run).metrics()] == [1, 2, 3]
