"""Lines of JSON, and what stays out of them."""

import contextlib
import datetime
import io
import json

import numpy as np

from keras_attn.serving import ServerLog

INPUTS = {"text": np.array([b"mail ada@example.org", b"\xff"], object), "x": np.ones(2)}


def test_a_line():
    stream = io.StringIO()
    ServerLog(stream).write("loaded", model="m", version=3, error=None, name="\ud800\n")
    (line,) = stream.getvalue().splitlines()
    found = json.loads(line)
    written = datetime.datetime.fromisoformat(found.pop("time"))
    assert abs(datetime.datetime.now(datetime.UTC) - written) < datetime.timedelta(seconds=10)
    assert found == {"event": "loaded", "model": "m", "version": 3, "name": "\ud800\n"}


def test_texts_only_when_asked_for():
    assert ServerLog(io.StringIO()).texts(INPUTS) is None
    log = ServerLog(io.StringIO(), with_texts=True)
    assert log.texts(INPUTS) == ["mail [email]", "\ufffd"]
    assert log.texts({"text": np.array([b"a" * 9000] * 99, object)}) == ["a" * 500] * 8


def test_a_failure_is_told_without_its_message():
    stream = io.StringIO()
    try:
        raise KeyError("a text of somebody")
    except KeyError as error:
        ServerLog(stream).failure("testing", error)
    found = json.loads(stream.getvalue())
    assert found["what"] == "testing" and found["type"] == "KeyError" and "test_server_log.py" in found["where"][0]
    assert "somebody" not in stream.getvalue()


def test_a_log_that_cannot_be_written_stops_nothing():
    with open("/dev/full", "w") as stream:
        ServerLog(stream).write("request")
        with contextlib.suppress(OSError):  # what `close` still tries to write
            stream.close()
