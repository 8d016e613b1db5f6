"""A server in a process of its own, under load: new versions, memory, SIGKILL. Bounded, on this machine."""

import collections
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from keras_attn.serving import Client, ServingError
from tests.serving.running_server import wait_until
from tests.serving.serving_models import write_half_plus

THREADS = 6


class ServerProcess:
    """The command `keras-attn serve` in a process."""

    def __init__(self, folder, log):
        self.folder, self.log = folder, log
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        code = "import sys; from keras_attn.cli import main; sys.exit(main())"
        config = log.with_suffix(".yaml")
        config.write_text("poll_seconds: 0.5\nport: 0\n")
        command = [sys.executable, "-c", code, "serve", str(folder), "--config", str(config)]
        with log.open("w") as stream:
            self.process = subprocess.Popen(command, stderr=stream, env=environment)
        wait_until(lambda: self.lines("loaded"))
        self.address = self.lines("listening")[0]["address"]

    def lines(self, event):
        lines = [json.loads(line) for line in self.log.read_text().splitlines() if f'"{event}"' in line]
        return [line for line in lines if line["event"] == event]

    def children(self):
        return [
            int(pid) for pid in Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        ]

    def memory(self):
        """Resident megabytes of the server and of its model's process, when there is one."""
        wait_until(lambda: len(self.children()) == 1)
        sizes = [
            int(Path(f"/proc/{pid}/statm").read_text().split()[1]) / 256 for pid in (self.process.pid, *self.children())
        ]
        return sizes


class Load:
    """Threads that ask all kinds of things until they are stopped, and note every answer that is not right."""

    def __init__(self, address):
        self.address, self.done = address, threading.Event()
        self.answers, self.wrong = collections.Counter(), []
        self.threads = [threading.Thread(target=self._ask, args=(n,), daemon=True) for n in range(THREADS)]
        for thread in self.threads:
            thread.start()

    def _ask(self, seed):
        draw = random.Random(seed)
        with Client(self.address, "half", retries=0) as client:
            while not self.done.is_set():
                kind = draw.choice(["rows", "rows", "columns", "many", "bad", "status"])
                try:
                    self._one(client, kind, draw)
                    self.answers[kind] += 1
                except Exception as error:
                    self.wrong.append(f"{kind}: {error!r}")
                time.sleep(0.002)

    def _one(self, client, kind, draw):
        if kind == "status":
            assert client.status()
            return
        if kind == "bad":
            try:
                client.predict(["text"])
            except ServingError as error:
                assert error.status == 400
                return
            raise AssertionError("a text was taken for a number")
        values = [draw.uniform(-9, 9) for _ in range(200 if kind == "many" else draw.randint(1, 5))]
        found = client.predict(**{"inputs" if kind == "columns" else "instances": values})
        added = {round(y - x / 2, 3) for x, y in zip(values, found, strict=True)}
        assert len(added) == 1 and added.pop() in (3.0, 4.0), "an answer of no version"

    def stop(self):
        self.done.set()
        for thread in self.threads:
            thread.join(60)
        return self.wrong


def contents(folder):
    return {path.name: hashlib.sha256(path.read_bytes()).digest() for path in folder.rglob("*") if path.is_file()}


def under_load(tmp_path, seconds, reloads):
    """Load a server for some time with new versions coming; return it and the memory after warm-up and at the end."""
    folder = tmp_path / "half"
    folder.mkdir()
    write_half_plus(folder / "1", 3.0)
    server = ServerProcess(folder, tmp_path / "log")
    load = Load(server.address)
    try:
        time.sleep(seconds / (reloads + 1))
        before = server.memory()
        for number in range(reloads):
            write_half_plus(folder / str(number + 2), 3.0 if number % 2 else 4.0)
            wait_until(lambda number=number: len(server.lines("unloaded")) == number + 1)
            time.sleep(seconds / (reloads + 1))
        after = server.memory()
    finally:
        wrong = load.stop()
    assert not wrong, (len(wrong), wrong[:3], load.answers)
    assert min(load.answers.values()) > 5 and len(load.answers) == 5
    return server, before, after


def kill_under_load(server, tmp_path):
    """End a server by SIGKILL while it is asked; another one answers from the same folder."""
    files, children = contents(server.folder), server.children()
    load = Load(server.address)
    time.sleep(0.5)
    server.process.send_signal(signal.SIGKILL)
    server.process.wait()
    load.stop()
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in children), 20)
    assert contents(server.folder) == files
    again = ServerProcess(server.folder, tmp_path / "log again")
    with Client(again.address, "half") as client:
        assert client.predict([1.0])[0] in (3.5, 4.5)
    again.process.terminate()
    assert again.process.wait(60) in (-signal.SIGTERM, 143)
    assert contents(server.folder) == files


def test_some_seconds_of_load_a_new_version_and_a_kill(tmp_path):
    server, _, _ = under_load(tmp_path, seconds=4, reloads=1)
    kill_under_load(server, tmp_path)


@pytest.mark.long
def test_ten_minutes_of_load_with_new_versions(tmp_path):
    server, before, after = under_load(tmp_path, seconds=600, reloads=12)
    print("memory in MB, server and model:", before, "->", after)
    assert all(end <= 1.1 * start for start, end in zip(before, after, strict=True)), (before, after)
    kill_under_load(server, tmp_path)
