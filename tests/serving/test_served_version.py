"""A served model with real processes: a killed one, a run without end, limits. `test_load.py` brings new versions."""

import asyncio
import os
import signal
import threading
import time

import pytest

from keras_attn.serving import ModelSettings, ServerSettings, served_version
from keras_attn.serving.model_process import ModelLoadError
from tests.serving.running_server import RunningServer, wait_until


@pytest.fixture(scope="module")
def small(plain_folder):
    """A server with narrow limits."""
    models = [ModelSettings(str(plain_folder))]
    limits = {"max_body_bytes": 5000, "max_instances": 10, "max_text_bytes": 50, "max_waiting": 4, "seconds": 6}
    running = RunningServer(ServerSettings(models, poll_seconds=0.1, **limits))
    wait_until(lambda: running.predict("plain", {"instances": [1.0]})[0] == 200)  # the first run takes long
    yield running
    running.stop()


def test_a_killed_process_is_started_again(small):
    before = small.store.find("plain").pid
    os.kill(before, signal.SIGKILL)
    statuses = []

    def answers_again():
        statuses.append(small.predict("plain", {"instances": [1.0]})[0])
        return statuses[-1] == 200

    wait_until(answers_again)
    assert set(statuses) <= {200, 503} and small.store.find("plain").pid != before
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


class Process:
    """Stands in for a model's process that ends when it is asked; the starts after it fail or not, as they are told."""

    starts = []

    @classmethod
    async def start(cls, folder, seconds):
        if not cls.starts.pop(0):
            raise ModelLoadError("no memory")
        return cls()

    async def run(self, name, inputs):
        raise ConnectionError("ended")

    def exit_reason(self):
        return "killed by signal 9"

    async def kill(self):
        pass

    async def stop(self):
        pass


class Watcher:
    def __init__(self):
        self.seen = []

    def __getattr__(self, name):
        return lambda *values: self.seen.append((name, *values))


def test_what_is_told_of_a_process_that_ends(monkeypatch):
    monkeypatch.setattr(served_version, "ModelProcess", Process)
    monkeypatch.setattr(served_version, "_LONGEST_PAUSE", 0.01)
    monkeypatch.setattr(Process, "starts", [True, False, True])

    async def check():
        watcher = Watcher()
        version = served_version.ServedVersion(ModelSettings("m"), 1, "m/1", ServerSettings(), watcher)
        await version.load()
        assert version.state == "AVAILABLE" and watcher.seen == [("loading", "m", 1)]
        version._begin_restart()
        assert version.state == "LOADING"
        await asyncio.wait_for(version._restarting, 30)
        assert version.state == "AVAILABLE" and not version.error
        await version.unload(1)
        return watcher.seen[1:]

    assert asyncio.run(check()) == [
        ("restarted", "m", 1, "killed by signal 9"),
        ("loading", "m", 1),
        ("loaded", "m", 1, "no memory"),
        ("loading", "m", 1),
        ("loaded", "m", 1, ""),
    ]


def test_a_version_that_cannot_be_loaded(monkeypatch):
    monkeypatch.setattr(served_version, "ModelProcess", Process)
    monkeypatch.setattr(Process, "starts", [False])
    version = served_version.ServedVersion(ModelSettings("m"), 1, "m/1", ServerSettings(), Watcher())
    asyncio.run(version.load())
    assert (version.state, version.error) == ("END", "no memory")
