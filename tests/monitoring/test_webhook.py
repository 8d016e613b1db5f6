"""Posting alerts to a real server, on this machine, that answers as it is told."""

import http.server
import json
import threading
import time

import pytest

from keras_attn.monitoring import DeliveryError, Webhook

ALERT = {"id": "s-1", "alert": "negative: rate 2x", "note": "\u00fc"}


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.received.append((self.path, dict(self.headers), json.loads(body), time.monotonic()))
        answer = self.server.answers.pop(0) if self.server.answers else 200
        if answer == "hang":
            self.server.released.wait(20)
            return
        if answer == "nothing":
            self.close_connection = True
            return
        self.send_response(answer)
        if answer == 302:
            self.send_header("Location", "/elsewhere")
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.received, server.answers, server.released = [], [], threading.Event()
    server.url = f"http://127.0.0.1:{server.server_port}/alerts?key=1"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield server
    server.released.set()
    server.shutdown()
    server.server_close()


def test_a_post(server):
    Webhook(server.url).send(ALERT)
    ((path, headers, body, _),) = server.received
    assert path == "/alerts?key=1" and body == ALERT
    assert headers["Content-Type"] == "application/json; charset=utf-8"
    assert headers["Idempotency-Key"] == "s-1"


def test_it_is_tried_again_with_growing_pauses(server):
    server.answers = [503, 429, "nothing", 204]
    Webhook(server.url, pause=0.05).send(ALERT)
    times = [time for *_, time in server.received]
    assert [body for _, _, body, _ in server.received] == [ALERT] * 4
    for pause, earlier, later in zip((0.05, 0.1, 0.2), times, times[1:], strict=False):
        assert pause <= later - earlier < pause + 2


def test_it_gives_up(server):
    server.answers = [500] * 9
    with pytest.raises(DeliveryError, match="answered 500, after 3 tries"):
        Webhook(server.url, retries=2, pause=0.01).send(ALERT)
    assert len(server.received) == 3


@pytest.mark.parametrize("answer", [400, 404, 302])
def test_what_cannot_get_better_is_not_tried_again(server, answer):
    server.answers = [answer]
    with pytest.raises(DeliveryError, match=f"answered {answer}, after 1 try"):
        Webhook(server.url, pause=0.01).send(ALERT)
    assert len(server.received) == 1


def test_a_server_that_does_not_answer(server):
    server.answers = ["hang", "hang"]
    start = time.monotonic()
    with pytest.raises(DeliveryError, match=r"could not be reached \(timed out\), after 2 tries"):
        Webhook(server.url, seconds=0.2, retries=1, pause=0.01).send(ALERT)
    assert 0.4 <= time.monotonic() - start < 5


def test_no_server(server):
    server.shutdown()
    server.server_close()
    with pytest.raises(DeliveryError, match=r"could not be reached .*refused.*after 2 tries"):
        Webhook(server.url, retries=1, pause=0.01).send(ALERT)


@pytest.mark.parametrize("url", ["", "example.org", "ftp://example.org", "http://", "file:///etc/passwd"])
def test_what_is_no_address(url):
    with pytest.raises(ValueError, match=r"must be an address such as https.*Received: webhook="):
        Webhook(url)
