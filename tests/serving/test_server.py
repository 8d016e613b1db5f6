"""The server as a process of its own: it starts without TensorFlow, and stops when it has finished what it began."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from keras_attn.serving import ModelSettings, ServerSettings, run_server
from tests.serving.running_server import wait_until

PROGRAM = """
import sys
from keras_attn.serving import ModelSettings, ServerSettings, run_server
run_server(ServerSettings([ModelSettings(sys.argv[1])], port=0))
"""


def start(folder, log):
    """Start a server; return the process and its port."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", PROGRAM, str(folder)]
    with log.open("w") as stream:
        process = subprocess.Popen(command, stderr=stream, env=environment)
    wait_until(lambda: "\n" in log.read_text())
    line = json.loads(log.read_text().splitlines()[0])
    assert line["event"] == "listening" and line["models"] == ["plain"]
    return process, int(line["address"].rpartition(":")[2])


def ask(port, document):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("POST", "/v1/models/plain:predict", json.dumps(document))
    response = connection.getresponse()
    return response.status, json.loads(response.read())


def test_from_start_to_sigterm(plain_folder, tmp_path):
    log = tmp_path / "log"
    process, port = start(plain_folder, log)
    try:
        wait_until(lambda: ask(port, {"instances": [1.0]})[0] == 200)
        answers = []
        slow = {"signature_name": "spin", "instances": [5000]}
        thread = threading.Thread(target=lambda: answers.append(ask(port, slow)))
        thread.start()
        time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        thread.join(60)
        assert answers == [(200, {"predictions": [5000]})]
        process.wait(60)
        assert json.loads(log.read_text().splitlines()[-1])["event"] == "stopped"
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port))
    finally:
        process.kill()


def test_what_it_refuses(plain_folder, tmp_path):
    with pytest.raises(ValueError, match="nothing to serve"):
        run_server(ServerSettings())
    with pytest.raises(ValueError, match="holds no version"):
        run_server(ServerSettings([ModelSettings(str(tmp_path), "a")]))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ValueError, match=f"cannot listen.*port={port}"):
            run_server(ServerSettings([ModelSettings(str(plain_folder))], port=port))


def test_no_heavy_import():
    code = (
        "import sys, keras_attn.serving.app; print(*sorted({'tensorflow', 'keras', 'jax', 'torch'} & set(sys.modules)))"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert done.returncode == 0 and not done.stdout.strip(), done.stderr
