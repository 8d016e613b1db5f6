"""A real server on a socket of this machine, in a thread, and requests to it."""

import asyncio
import contextlib
import http.client
import io
import json
import socket
import threading
import time
import unittest.mock

import uvicorn

from keras_attn.serving import ServerLog, make_app, served_version
from keras_attn.serving.messages import LENGTH, decode_message, encode_message
from keras_attn.serving.model_process import ModelProcess, outputs_of
from keras_attn.serving.model_worker import answer_message


class LocalProcess:
    """Stands in for a model's process, to save its start: the same code, in a thread of this one."""

    pid = None

    def __init__(self, model):
        self.model, self.signatures = model, model.signatures

    @classmethod
    async def start(cls, folder, seconds):
        from keras_attn.serving.model_worker import LoadedModel

        return cls(await asyncio.to_thread(LoadedModel, folder))

    async def run(self, signature, inputs):
        content = encode_message({"signature": signature}, inputs)[LENGTH.size :]
        answer = await asyncio.to_thread(answer_message, self.model, *decode_message(content))
        return outputs_of(*decode_message(answer[LENGTH.size :]))

    async def stop(self):
        self.model = None


class RunningServer:
    """The server, and what it logs; `in_process` has models in this process."""

    def __init__(self, settings, in_process=False):
        self.log = io.StringIO()
        self.app = make_app(settings, ServerLog(self.log, settings.log_texts))
        self.store = self.app.state.store
        self._socket = socket.create_server((settings.host, 0))
        self.host, self.port = self._socket.getsockname()
        tls = {"ssl_certfile": settings.tls_certificate, "ssl_keyfile": settings.tls_key}
        config = uvicorn.Config(self.app, log_config=None, access_log=False, timeout_graceful_shutdown=30, **tls)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._socket]}, daemon=True)
        with unittest.mock.patch.object(served_version, "ModelProcess", LocalProcess if in_process else ModelProcess):
            self._thread.start()
            wait_until(self.store.is_ready)

    def ask(self, method, path, body=None, headers=None):
        """Send a request on a connection of its own; return the status, the headers and the content."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=60)
        with contextlib.closing(connection):
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return response.status, dict(response.headers), response.read()

    def get(self, path, **headers):
        """Get a JSON document; return it with the status."""
        status, _, content = self.ask("GET", path, headers=headers)
        return status, json.loads(content)

    def post(self, path, document, **headers):
        """Post a JSON document or bytes; return the status and the answer's document."""
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        status, _, content = self.ask("POST", path, body, headers)
        return status, json.loads(content)

    def predict(self, model, document, **headers):
        return self.post(f"/v1/models/{model}:predict", document, **headers)

    def lines(self, event):
        """The logged lines of an event."""
        lines = [json.loads(line) for line in self.log.getvalue().splitlines()]
        return [line for line in lines if line["event"] == event]

    def stop(self):
        self._server.should_exit = True
        self._thread.join(60)
        self._socket.close()
        assert not self._thread.is_alive()


def wait_until(holds, seconds=240):
    """Wait for a condition, longer than a busy machine needs."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)
