"""What every request passes, around an application that does as it is told."""

import asyncio
import io
import json

from keras_attn.serving import KeySettings, ServerLog, ServingError, new_key
from keras_attn.serving.access import Access
from keras_attn.serving.door import Door, error_document
from keras_attn.serving.metrics import Metrics


def ask(path, headers=(), keys=(), answer=None):
    """Send a request through the door; return the messages that came back, the log's lines and the metrics."""
    log, metrics, sent = io.StringIO(), Metrics(), []

    async def application(scope, receive, send):
        scope["state"]["facts"] |= {"model": "m", "verb": "predict", "texts": None}
        if isinstance(answer, Exception):
            raise answer
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def send(message):
        sent.append(message)

    door = Door(application, Access(keys), metrics, ServerLog(log))
    scope = {"type": "http", "path": path, "headers": list(headers)}
    asyncio.run(door(scope, None, send))
    return sent, [json.loads(line) for line in log.getvalue().splitlines()], metrics.page()[0].decode()


def test_an_answer_is_counted_and_logged():
    sent, (line,), page = ask("/v1/models/m:predict")
    assert sent[0]["status"] == line["status"] == 200
    assert line["model"] == "m" and "texts" not in line and "key" not in line
    assert 'keras_attn_requests_total{code="200",model="m",verb="predict"} 1.0' in page


def test_health_is_asked_without_key_or_log():
    sent, lines, _ = ask("/readyz", keys=[KeySettings("ada", new_key()[1])])
    assert sent[0]["status"] == 200 and not lines


def test_keys():
    key, digest = new_key()
    keys = [KeySettings("ada", digest)]
    sent, (line,), page = ask("/v1/models/m", keys=keys)
    assert sent[0]["status"] == 401 and (b"www-authenticate", b"Bearer") in sent[0]["headers"]
    assert list(json.loads(sent[1]["body"])) == ["error"] and line["kind"] == "no_key"
    assert 'keras_attn_errors_total{kind="no_key",model=""} 1.0' in page
    sent, (line,), _ = ask("/v1/models/m", [(b"x-api-key", key.encode())], keys)
    assert sent[0]["status"] == 200 and line["key"] == "ada"
    assert key not in json.dumps(line)


def test_an_error_that_nobody_caught():
    sent, (failure, line), page = ask("/v1/models/m", answer=KeyError("a text of somebody"))
    assert sent[0]["status"] == line["status"] == 500 and b"its log says where" in sent[1]["body"]
    assert failure["type"] == "KeyError" and "somebody" not in json.dumps([failure, line])
    assert 'keras_attn_errors_total{kind="failure",model="m"} 1.0' in page


def test_error_documents():
    content, headers = error_document(ServingError(503, "full \ud800", "queue_full", retry_after=0.2))
    assert json.loads(content) == {"error": "full \ud800"} and headers == {"retry-after": "1"}


def test_the_log_is_written_once_the_answer_is_under_way():
    async def check():
        async def application(scope, receive, send):
            await send({"type": "http.response.start", "status": 200, "headers": []})

        async def send(message):
            pass

        log = io.StringIO()
        await Door(application, Access(()), Metrics(), ServerLog(log))(
            {"type": "http", "path": "/models", "headers": []}, None, send
        )
        assert not log.getvalue()
        await asyncio.sleep(0)
        assert json.loads(log.getvalue())["status"] == 200

    asyncio.run(check())
