"""A served model with real processes: new versions under load, a killed process, a run without end, and limits."""

import os
import signal
import threading
import time

import pytest

from keras_attn.serving import ModelSettings, ServerSettings
from tests.serving.running_server import RunningServer, wait_until
from tests.serving.serving_models import write_half_plus


@pytest.fixture(scope="module")
def half(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "half"
    folder.mkdir()
    write_half_plus(folder / "1", 3.0)
    return folder


@pytest.fixture(scope="module")
def small(half, plain_folder):
    """A server with narrow limits, of a model that changes and of one that can be made to hang."""
    models = [ModelSettings(str(half)), ModelSettings(str(plain_folder), "plain")]
    limits = {"max_body_bytes": 5000, "max_instances": 10, "max_text_bytes": 50, "max_waiting": 4, "seconds": 6}
    running = RunningServer(ServerSettings(models, poll_seconds=0.1, **limits))
    for name in ("half", "plain"):  # the first run of a model takes long
        wait_until(lambda name=name: running.predict(name, {"instances": [1.0]})[0] == 200)
    yield running
    running.stop()


def test_a_new_version_under_load(small, half):
    answers, done = [], threading.Event()

    def ask():
        while not done.is_set():
            answers.append(small.predict("half", {"instances": [1.0]}))

    threads = [threading.Thread(target=ask, daemon=True) for _ in range(3)]
    for thread in threads:
        thread.start()
    old = small.store.find("half").pid
    write_half_plus(half / "2", 4.0)
    try:
        wait_until(lambda: small.lines("unloaded"))
        time.sleep(0.1)
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert {status for status, _ in answers} == {200}
    values = [answer["predictions"][0] for _, answer in answers]
    assert set(values) == {3.5, 4.5}  # each by one version or the other
    with pytest.raises(ProcessLookupError):  # the memory is given back
        os.kill(old, 0)
    assert small.get("/v1/models/half")[1]["model_version_status"][0]["version"] == "2"


def test_a_killed_process_is_started_again(small):
    before = small.store.find("half").pid
    os.kill(before, signal.SIGKILL)
    statuses = []

    def answers_again():
        statuses.append(small.predict("half", {"instances": [1.0]})[0])
        return statuses[-1] == 200

    wait_until(answers_again)
    assert set(statuses) <= {200, 503} and small.store.find("half").pid != before
    assert small.lines("restarting")[-1]["reason"] == "killed by signal 9"


def test_sizes_over_a_limit(small):
    assert small.predict("plain", {"instances": [1.0] * 10})[0] == 200
    for document, words in (
        ({"instances": [1.0] * 11}, "10 instances"),
        ({"signature_name": "classes", "instances": ["a" * 51]}, "50 bytes"),
        ({"instances": [1.0], "more": "a" * 5000}, "5000 bytes"),
    ):
        status, answer = small.predict("plain", document)
        assert status == 413 and words in answer["error"]
    status, _, content = small.ask("POST", "/v1/models/plain:predict", iter([b" " * 3000] * 3))  # no length declared
    assert status == 413 and b"5000 bytes" in content


def test_a_run_without_end(small):
    """It is ended in its time; meanwhile the queue fills, and who comes then is refused at once."""
    endless = {"signature_name": "spin", "instances": [2**50]}
    answers, times = [], []

    def ask(document):
        start = time.monotonic()
        answers.append(small.predict("plain", document))
        times.append(time.monotonic() - start)

    threads = [threading.Thread(target=ask, args=(endless,))]
    threads[0].start()
    time.sleep(0.3)
    threads += [threading.Thread(target=ask, args=({"instances": [1.0]},)) for _ in range(8)]
    for thread in threads[1:]:
        thread.start()
    for thread in threads:
        thread.join()
    by_status = sorted(zip([status for status, _ in answers], times, strict=True))
    statuses = [status for status, _ in by_status]
    assert statuses[:4] == [503] * 4 and set(statuses[4:]) <= {503, 504} and 504 in statuses
    assert min(times) < 2 and max(times) < 12  # refused at once, and nobody hangs
    wait_until(lambda: small.predict("plain", {"instances": [1.0]})[0] == 200)
