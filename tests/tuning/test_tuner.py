"""Searches: every trial is a real process, which however trains nothing."""

import json
import os
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from keras_attn.tuning import TrialProcess
from tests.tuning.conftest import command
from tests.tuning.trainer import main as _trainer  # noqa: F401 says what is searched

ROOT = Path(__file__).resolve().parents[2]


def states(tuner):
    return [trial.state.name for trial in tuner.study.trials]


def test_the_best_is_found(make_tuner):
    tuner, done = make_tuner(pruner="none"), []
    tuner.run(12, workers=2, advance=done.append)
    assert states(tuner) == ["COMPLETE"] * 12 and max(done) == 12
    best = tuner.best()
    assert best.params == {"x": 3} and best.value == pytest.approx(100 - 10 / 3)
    assert tuner.config_of(best)["settings"] == {"epochs": 3, "seconds": 0.0, "x": 3}
    written = yaml.safe_load((tuner.folder / "trials" / f"{best.number:05d}.yaml").read_text("utf-8"))
    assert written == tuner.config_of(best)


def test_smaller_may_be_better(make_tuner):
    tuner = make_tuner({"x": [0, 3, 6]}, mode="min", pruner="none")
    tuner.run(6)
    assert tuner.best().params["x"] in (0, 6)


def test_bad_curves_end_early(make_tuner):
    tuner = make_tuner({"x": {"low": -200, "high": 6}}, epochs=30, seconds=0.05, pruner="median")
    tuner.run(9)
    pruned = [trial for trial in tuner.study.trials if trial.state.name == "PRUNED"]
    assert pruned and all(len(trial.intermediate_values) < 30 for trial in pruned)
    complete = [trial.value for trial in tuner.study.trials if trial.state.name == "COMPLETE"]
    assert all(trial.value < statistics.median(complete) for trial in pruned)


def test_failures_are_kept_with_their_reason(make_tuner):
    tuner = make_tuner({"x": [3, 7, 20]}, pruner="none")
    tuner.run(9)
    errors = {trial.params["x"]: trial.user_attrs.get("error") for trial in tuner.study.trials}
    assert errors[3] is None and tuner.best().params == {"x": 3}
    assert errors.get(7, "seven does not go with the others") == "seven does not go with the others"
    assert errors.get(20, "the training says why it failed") == "the training says why it failed"
    assert len(errors) > 1


def test_a_search_in_which_all_fails_ends(make_tuner):
    tuner = make_tuner({"x": [20, 21]})
    with pytest.raises(RuntimeError, match=r"The first 3 trials all failed; the last said: the training says why"):
        tuner.run(50)
    assert states(tuner) == ["FAIL"] * 3


def test_a_training_without_an_epoch_has_failed(make_tuner):
    with pytest.raises(RuntimeError, match=r"the last said: The training ended before an epoch was over\."):
        make_tuner(epochs=0).run(3)


def test_an_error_leaves_no_training_behind(make_tuner):
    tuner = make_tuner(epochs=1000, seconds=0.05, monitor="unknown")
    with pytest.raises(KeyError, match="unknown"):
        tuner.run(1)
    (log,) = tuner.folder.glob("trials/*.log")
    assert TrialProcess(command, log.with_suffix(""), "score").claim()  # which the command would hold while it runs


def test_a_search_goes_on_and_is_not_mixed_up(make_tuner, tmp_path):
    make_tuner(pruner="none").run(3)
    with pytest.raises(FileExistsError, match="already holds a search"):
        make_tuner()
    with pytest.raises(ValueError, match="holds another search"):
        make_tuner({"x": [1]}, resume=True)
    tuner = make_tuner(pruner="none", resume=True)
    tuner.run(5)
    assert states(tuner) == ["COMPLETE"] * 5
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file").touch()
    with pytest.raises(FileExistsError, match="is no empty folder"):
        make_tuner(folder=tmp_path / "other")
    with pytest.raises(ValueError, match="`pruner` must be one of"):
        make_tuner(folder=tmp_path / "new", pruner="best")


def test_a_missing_optuna_names_the_extra(make_tuner, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(RuntimeError, match=r"pip install 'keras_attn\[tune\]'"):
        make_tuner()


TUNE = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from keras_attn.tuning import SearchSpace, Tuner
from tests.tuning.conftest import command
config = {"task": "none", "preset": "tiny", "settings": {"epochs": 6, "seconds": 0.1}}
how = {"monitor": "score", "mode": "max", "epochs": 6, "pruner": "none", "resume": len(sys.argv) > 3}
tuner = Tuner(sys.argv[2], SearchSpace({"x": {"low": 0, "high": 6}}), command, config, lambda s: None, **how)
tuner.run(6, workers=2)
"""


def start(folder, *resume):
    return subprocess.Popen([sys.executable, "-c", TUNE, str(ROOT), str(folder), *resume])


def test_killed_and_joined_it_counts_every_trial_once(tmp_path, make_tuner):
    """Two processes search; one is killed; a third goes on with what it left."""
    folder = tmp_path / "search"
    first = start(folder)
    deadline = time.monotonic() + 60
    while not list(folder.glob("trials/*/metrics.jsonl")):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    second = start(folder, "resume")
    time.sleep(0.3)
    first.kill()
    assert first.wait() == -signal.SIGKILL
    assert start(folder, "resume").wait() == 0 and second.wait() == 0
    tuner = make_tuner(epochs=6, seconds=0.1, pruner="none", resume=True)
    assert states(tuner) == ["COMPLETE"] * 6
    for trial in tuner.study.trials:
        lines = (folder / "trials" / f"{trial.number:05d}" / "metrics.jsonl").read_text("utf-8").splitlines()
        assert [json.loads(line)["epoch"] for line in lines] == [1, 2, 3, 4, 5, 6]  # no epoch twice
        assert sorted(trial.intermediate_values) == [1, 2, 3, 4, 5, 6]


def test_ctrl_c_stops_the_trials_and_keeps_them(tmp_path, make_tuner):
    folder = tmp_path / "search"
    tuner = start(folder)
    deadline = time.monotonic() + 60
    while not list(folder.glob("trials/*/metrics.jsonl")):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.kill(tuner.pid, signal.SIGINT)
    assert tuner.wait() != 0
    stopped = make_tuner(epochs=6, seconds=0.1, pruner="none", resume=True)
    assert "RUNNING" in states(stopped) and "FAIL" not in states(stopped)
    assert start(folder, "resume").wait() == 0
    assert states(stopped) == ["COMPLETE"] * 6
    for metrics in folder.glob("trials/*/metrics.jsonl"):
        assert [json.loads(line)["epoch"] for line in metrics.read_text("utf-8").splitlines()] == [1, 2, 3, 4, 5, 6]
