"""What every request passes: who asks, how long it took, what is counted and logged of it."""

import asyncio
import json
import time

from keras_attn.serving.errors import ServingError

_OPEN = {"/healthz", "/readyz", "/", "/page.js", "/page.css", "/icon.svg"}
_QUIET = {"/healthz", "/readyz", "/metrics"}  # asked every few seconds: not in the log


class Door:
    """An ASGI application around another one.

    Args:
        application: The ASGI application behind it.
        access: The `Access`.
        metrics: The `Metrics`.
        log: The `ServerLog`.
    """

    def __init__(self, application, access, metrics, log):
        self._application = application
        self._access = access
        self._metrics = metrics
        self._log = log

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        start, status = time.perf_counter(), [0]
        facts = scope.setdefault("state", {})["facts"] = {"model": None, "verb": "other"}

        async def noted(message):
            if message["type"] == "http.response.start":
                status[0] = message["status"]
            await send(message)

        try:
            if scope["path"] not in _OPEN:
                facts["key"] = self._access.check(dict(scope["headers"]))
            await self._application(scope, receive, noted)
        except ServingError as error:
            await self._refuse(noted, facts, error)
        except Exception as error:  # a bug; its message stays out of answer and log, as it may hold a text
            self._log.failure("answering a request", error)
            if not status[0]:
                message = "The server made an error; its log says where."
                await self._refuse(noted, facts, ServingError(500, message, "failure"))
        finally:
            # in the loop's next turn: in this one the answer is yet to be sent
            seconds = time.perf_counter() - start
            asyncio.get_running_loop().call_soon(self._note, scope["path"], status[0], seconds, facts)

    def _note(self, path, status, seconds, facts):
        model = facts["model"] or ""
        self._metrics.answered(model, facts["verb"], status, seconds)
        if "kind" in facts:
            self._metrics.refused(model, facts["kind"])
        if path not in _QUIET:
            self._log.write("request", status=status, milliseconds=round(1000 * seconds, 2), **facts)

    @staticmethod
    async def _refuse(send, facts, error):
        facts["kind"] = error.kind
        content, headers = error_document(error)
        headers |= {"content-type": "application/json", "content-length": str(len(content))}
        head = [(name.encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": error.status, "headers": head})
        await send({"type": "http.response.body", "body": content})


def error_document(error):
    """Writes the answer to a request that is refused.

    Args:
        error: The `ServingError`.

    Returns:
        Bytes, and a dict of headers.
    """
    headers = {}
    if error.retry_after is not None:
        headers["retry-after"] = str(max(1, round(error.retry_after)))
    if error.status == 401:
        headers["www-authenticate"] = "Bearer"
    return json.dumps({"error": error.message}).encode(), headers
