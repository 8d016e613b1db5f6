"""The command `serve`: what it reads, what it writes, and that it serves."""

import contextlib
import hashlib
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
import yaml

from keras_attn.cli import main
from keras_attn.serving import load_settings
from tests.serving.running_server import wait_until
from tests.serving.serving_models import write_half_plus


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    (folder / "half").mkdir()
    write_half_plus(folder / "half" / "1", 3.0)
    return folder


def test_a_new_key(capsys, tmp_path):
    assert main(["serve", "--new-key", "ada"]) == 0
    key, _, text = capsys.readouterr().out.partition("\n")
    (tmp_path / "serve.yaml").write_text(text)
    (found,) = load_settings(tmp_path / "serve.yaml").keys
    assert found.name == "ada" and found.sha256 == hashlib.sha256(key.encode()).hexdigest() and key not in text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "nothing to serve"),
        (["nowhere"], "is no folder"),
        (["--config", "nowhere.yaml"], "nowhere.yaml"),
        (["--new-key", "a b"], "letters, digits"),
        (["--write-config", "out"], "nothing to serve"),
    ],
)
def test_mistakes(words, message, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert main(["serve", *words]) == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_configurations(models, tmp_path, capsys):
    assert main(["serve", str(models / "half"), "--write-config", str(tmp_path / "deploy")]) == 0
    written = capsys.readouterr().out.split()
    assert str(tmp_path / "deploy" / "kserve" / "half.yaml") in written
    service = yaml.safe_load((tmp_path / "deploy" / "kserve" / "half.yaml").read_text())
    assert service["kind"] == "InferenceService" and service["metadata"]["name"] == "half"


def test_it_serves_and_finishes_what_it_began(plain_folder, tmp_path):
    config, log = tmp_path / "serve.yaml", tmp_path / "log"
    config.write_text("port: 1\nmax_instances: 2\n")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    code = "import sys; from keras_attn.cli import main; sys.exit(main())"
    words = ["serve", str(plain_folder), "--config", str(config), "--port", "0"]
    with log.open("w") as stream:
        process = subprocess.Popen([sys.executable, "-c", code, *words], stderr=stream, env=environment)
    try:
        wait_until(lambda: '"loaded"' in log.read_text())
        port = int(json.loads(log.read_text().splitlines()[0])["address"].rpartition(":")[2])
        assert ask(port, {"instances": [1.0]}) == (200, {"predictions": [3.5]})
        assert ask(port, {"instances": [1.0] * 3})[0] == 413
        answers, slow = [], {"signature_name": "spin", "instances": [5000]}
        thread = threading.Thread(target=lambda: answers.append(ask(port, slow)))
        thread.start()
        time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        thread.join(60)
        assert answers == [(200, {"predictions": [5000]})]
        assert process.wait(60) in (-signal.SIGTERM, 143)
        assert '"stopped"' in log.read_text()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port))
    finally:
        process.kill()


def ask(port, document):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    with contextlib.closing(connection):
        connection.request("POST", "/v1/models/plain:predict", json.dumps(document))
        response = connection.getresponse()
        return response.status, json.loads(response.read())
