"""The real thing on real data: minutes, not seconds; run by `make test-long`."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

MAIN = "import sys; from keras_attn.cli import main; sys.exit(main())"


def keras_attn(*words):
    return [sys.executable, "-c", MAIN, *map(str, words)]


@pytest.mark.long
def test_multi30k_killed_and_resumed_learns_to_translate(data_folder, tmp_path):
    folder, run = data_folder / "translation" / "multi30k" / "tok", tmp_path / "run"

    def pair(name):
        return [folder / f"{name}.lc.norm.tok.{language}.gz" for language in ("en", "de")]

    settings = ["hidden_dim=64", "intermediate_dim=128", "num_layers=2", "warmup_steps=200", "validation_limit=50"]
    files = ["--train", *pair("train"), "--valid", *pair("val"), "--out", run, "--set", *settings]
    first = subprocess.Popen(keras_attn("train", "translation", *files, "--max-minutes", 9))
    while not (run / "metrics.jsonl").exists():
        assert first.poll() is None, "the training ended before its first epoch"
        time.sleep(1)
    time.sleep(20)  # somewhere in the second epoch
    first.send_signal(signal.SIGKILL)
    first.wait()
    subprocess.run(keras_attn("train", "translation", *files, "--max-minutes", 9, "--resume"), check=True)
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text("utf-8").splitlines()]
    assert [line["epoch"] for line in lines] == list(range(1, len(lines) + 1))
    assert lines[-1]["val_loss"] < lines[0]["val_loss"] - 1.5
    command = keras_attn("evaluate", run, "--data", *pair("test_2016_flickr"), "--json")
    done = subprocess.run(command, check=True, capture_output=True, env={**os.environ, "COLUMNS": "40"})
    result = json.loads(done.stdout)
    assert result["task"] == "translation" and result["count"] == 1000
    assert result["metrics"]["bleu_tokenized"] > 5
