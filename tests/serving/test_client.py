"""The client, against this package's server and against one that answers as it is told."""

import http.server
import json
import threading
import time

import numpy as np
import pytest

from keras_attn.serving import Client, ServingError


@pytest.fixture
def client(server):
    with Client(f"http://{server.host}:{server.port}/", "plain") as client:
        yield client


def test_rows_and_columns(client):
    assert client.predict([1.0, 2.0, 5.0]) == [3.5, 4.0, 5.5]
    assert client.predict(np.array([1.0, 2.0], "float32")) == [3.5, 4.0]
    assert client.predict(inputs={"x": np.array([1.0])}) == [3.5]
    row = {"number": np.ones(2), "name": b"\xff"}
    found = client.predict([row], signature="several")
    assert found == [{"total": 2.0, "name": "\ufffd", "name_bytes": {"b64": "/w=="}}]
    for arguments in ({}, {"instances": [1], "inputs": [1]}):
        with pytest.raises(ValueError, match="either"):
            client.predict(**arguments)


def test_the_other_verbs(client):
    assert client.classify([{"text": "abc"}], signature="classes") == [[["short", 0.25], ["long", 0.75]]]
    assert client.regress([{"x": 1.0}], signature="features") == [3.5]
    assert client.regress([{}], {"x": 2.0}) == [4.0]
    assert client.status()[0]["state"] == "AVAILABLE"
    assert client.metadata()["row_sums"]["inputs"]["x"]["dtype"] == "DT_FLOAT"


def test_versions_and_labels(server):
    url = f"http://{server.host}:{server.port}"
    for place in ({"version": 1}, {"label": "stable"}):
        with Client(url, "plain", **place) as client:
            assert client.predict([1.0]) == [3.5]
    with Client(url, "plain", version=9) as client, pytest.raises(ServingError, match="Specific") as raised:
        client.predict([1.0])
    assert raised.value.status == 404
    with Client(url, "../x?y") as client, pytest.raises(ServingError) as raised:
        client.status()
    assert raised.value.status in (400, 404)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.received.append((time.monotonic(), self.path, self.headers["Authorization"], json.loads(body)))
        status, document = self.server.answers.pop(0)
        if status == "late":
            self.server.late.wait(30)
            return
        if status is None:
            self.close_connection = True
            return
        content = document if isinstance(document, bytes) else json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


@pytest.fixture
def told():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.received, server.answers, server.late = [], [], threading.Event()
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_it_tries_again(told):
    told.answers = [(503, {"error": "full"}), (None, None), (200, {"predictions": [1]})]
    with Client(f"http://127.0.0.1:{told.server_port}", "m", key="secret") as client:
        assert client.predict([1]) == [1]
    times, paths, keys, bodies = zip(*told.received, strict=True)
    assert times[1] - times[0] >= 0.1 and times[2] - times[1] >= 0.2
    assert set(paths) == {"/v1/models/m:predict"} and set(keys) == {"Bearer secret"}
    assert bodies == ({"instances": [1]},) * 3


def test_it_gives_up(told):
    address = f"http://127.0.0.1:{told.server_port}"
    told.answers = [(503, {"error": "full"})] * 2 + [(400, {"error": "no"}), (500, b"<html>"), (None, None)]
    with Client(address, "m", retries=1) as client:
        for status, message in ((503, "full"), (400, "no"), (500, "<html>")):
            with pytest.raises(ServingError, match=message) as raised:
                client.predict([1])
            assert raised.value.status == status
    with Client(address, "m", retries=0) as client, pytest.raises(ConnectionError, match="1 tries"):
        client.predict([1])


def test_after_a_time_limit_it_asks_on_a_new_connection(told):
    told.answers = [("late", None), (200, {"predictions": [1]})]
    with Client(f"http://127.0.0.1:{told.server_port}", "m", seconds=0.5, retries=0) as client:
        with pytest.raises(TimeoutError):
            client.predict([1])
        client._connection.timeout = 30
        assert client.predict([1]) == [1]
    told.late.set()


def test_what_is_no_address():
    with pytest.raises(ValueError, match="address"):
        Client("127.0.0.1:8501", "m")
    with pytest.raises(ValueError, match="version or a label"):
        Client("http://127.0.0.1:8501", "m", version=1, label="a")
