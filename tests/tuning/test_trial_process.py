"""A training in a process of its own."""

import os
import signal
import subprocess
import sys
import time

from keras_attn.tuning import TrialProcess

WRITE = """
import sys, pathlib, time
run = pathlib.Path(sys.argv[1]); run.mkdir(exist_ok=True)
(run / "metrics.jsonl").write_text('{"epoch": 1, "score": 0.5}\\n{"event": "diverged", "epoch": 2}\\n{"epoch": 2, "sc')
print("said at last\\n", file=sys.stderr)
time.sleep(float(sys.argv[2])); sys.exit(int(sys.argv[3]))
"""


def make(run, seconds=0.0, exit_code=0):
    def command(run, resume):
        return [sys.executable, "-c", WRITE, str(run), str(seconds), str(exit_code)]

    return TrialProcess(command, run, "score")


def wait_for(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_the_learning_curve_is_read_while_it_grows(tmp_path):
    trial = make(tmp_path / "trials" / "0", seconds=60)
    assert trial.claim() and trial.curve() == {}
    trial.start()
    wait_for(trial.curve)
    assert trial.curve() == {1: 0.5} and trial.is_running()  # neither the event nor the half line
    trial.stop()
    assert not trial.is_running() and trial.exit_code == -signal.SIGTERM


def test_a_failure_says_why(tmp_path):
    trial = make(tmp_path / "0", exit_code=3)
    trial.claim()
    trial.start()
    wait_for(lambda: not trial.is_running())
    assert trial.exit_code == 3 and trial.last_words() == "said at last"


def test_a_trial_is_taken_once_and_by_its_command_too(tmp_path):
    first, second = make(tmp_path / "0", seconds=60), make(tmp_path / "0")
    assert first.claim() and not second.claim()
    first.start()
    wait_for(first.curve)
    first.release()  # as when the tuner is killed
    assert not second.claim()
    first.stop()
    wait_for(second.claim)


def test_ctrl_c_does_not_reach_the_command(tmp_path):
    script = (
        "import sys; sys.path[:0] = sys.argv[2:]\n"
        "from tests.tuning.test_trial_process import make, wait_for\n"
        "trial = make(sys.argv[1], seconds=60); trial.claim(); trial.start(); wait_for(trial.curve)\n"
        "print(trial._process.pid, flush=True)\n"
        "import time; time.sleep(60)"
    )
    root = os.path.dirname(os.path.dirname(os.path.dirname(__file__)))
    tuner = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path / "0"), root], stdout=subprocess.PIPE, start_new_session=True
    )
    child = int(tuner.stdout.readline())
    os.killpg(tuner.pid, signal.SIGKILL)
    tuner.wait()
    os.kill(child, 0)  # it lives
    os.kill(child, signal.SIGKILL)
