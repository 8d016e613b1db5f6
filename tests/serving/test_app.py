"""TF Serving's REST API on a real socket: the rules of its page, one by one. Expected values are worked out by hand."""

import base64
import http.client
import io
import json
import math
import socket
import struct

import pytest

from keras_attn.serving import ServerLog
from keras_attn.serving.app import _Watcher
from keras_attn.serving.metrics import Metrics
from tests.serving.running_server import wait_until

PREDICT = "/v1/models/plain:predict"


def error(answer, status, *words):
    """Check that an answer is an error document of a status, whose text has the words."""
    assert answer[0] == status
    assert list(answer[1]) == ["error"]
    assert all(word in answer[1]["error"] for word in words), answer[1]["error"]


def test_rows_in_predictions_out(server):
    assert server.predict("plain", {"instances": [1.0, 2.0, 5.0]}) == (200, {"predictions": [3.5, 4.0, 5.5]})
    assert server.predict("plain", {"instances": [{"x": 1}, {"x": 2}]}) == (200, {"predictions": [3.5, 4.0]})


def test_columns_in_outputs_out(server):
    assert server.predict("plain", {"inputs": [1.0, 2.0, 5.0]}) == (200, {"outputs": [3.5, 4.0, 5.5]})
    assert server.predict("plain", {"inputs": {"x": [1.0]}}) == (200, {"outputs": [3.5]})


def test_several_inputs_and_outputs(server):
    rows = [{"number": [1, 2], "name": "a"}, {"number": [3.5, 4], "name": {"b64": base64.b64encode(b"\x00").decode()}}]
    encoded = [{"b64": base64.b64encode(text).decode()} for text in (b"a", b"\x00")]
    assert server.predict("plain", {"signature_name": "several", "instances": rows}) == (
        200,
        {
            "predictions": [
                {"name": "a", "name_bytes": encoded[0], "total": 3.0},
                {"name": "\x00", "name_bytes": encoded[1], "total": 7.5},
            ]
        },
    )
    columns = {"number": [[1, 2], [3.5, 4]], "name": ["a", "ß€😀"]}
    status, answer = server.predict("plain", {"signature_name": "several", "inputs": columns})
    assert status == 200 and answer["outputs"]["total"] == [3.0, 7.5] and answer["outputs"]["name"] == ["a", "ß€😀"]


def test_inputs_need_no_batch(server):
    assert server.predict("plain", {"signature_name": "no_batch", "inputs": 4}) == (200, {"outputs": 5})
    error(server.predict("plain", {"signature_name": "no_batch", "instances": [4]}), 400, "shape")
    assert server.predict("plain", {"signature_name": "summary", "inputs": [1, 2, 4]}) == (200, {"outputs": [7.0, 4.0]})


def test_every_type(server):
    row = {"whole": -(2**31), "flag": True, "wide": 2**63 - 1, "small": 255}
    assert server.predict("plain", {"signature_name": "types", "instances": [row]}) == (200, {"predictions": [row]})
    for name, wrong in {"whole": 2**31, "wide": 2**63, "small": -1, "flag": 1}.items():
        error(server.predict("plain", {"signature_name": "types", "instances": [{**row, name: wrong}]}), 400, name)
    error(server.predict("plain", {"signature_name": "types", "instances": [{**row, "whole": 1.0}]}), 400, "1.0")
    error(server.predict("plain", {"signature_name": "complex", "instances": [1.0]}), 501, "DT_COMPLEX64")


def test_numbers_that_are_none(server):
    status, _, content = server.ask("POST", PREDICT, b'{"instances": [NaN, Infinity, -Infinity, 1e2]}')
    nan, infinity, negative, number = json.loads(content)["predictions"]
    assert status == 200 and math.isnan(nan) and (infinity, negative, number) == (math.inf, -math.inf, 53.0)
    assert b"[NaN, Infinity, -Infinity, 53.0]" in content
    error(server.predict("plain", {"instances": [1e39]}), 400, "range")
    error(server.predict("plain", {"instances": [10**400]}), 400, "range")


def test_numbers_have_as_many_digits_as_they_need(server):
    _, _, content = server.ask("POST", PREDICT, b'{"instances": [0.2]}')
    assert content == b'{"predictions": [3.1]}'
    (exact,) = struct.unpack("f", struct.pack("f", 3.1))
    assert json.loads(content)["predictions"][0] == pytest.approx(exact, abs=1e-7)


def test_places_of_versions_and_labels(server):
    body = {"instances": [1.0]}
    for place in ("/versions/1", "/labels/stable"):
        assert server.post(f"/v1/models/plain{place}:predict", body) == (200, {"predictions": [3.5]})
    error(server.post("/v1/models/plain/versions/7:predict", body), 404, "Specific(plain, 7)")
    error(server.post("/v1/models/plain/labels/canary:predict", body), 400, "canary")
    error(server.post("/v1/models/half:predict", body), 404, "Servable not found for request: Latest(half)")
    error(server.post("/v1/models/plain/versions/x:predict", body), 400, "numeric")
    error(server.post(f"/v1/models/plain/versions/{2**63}:predict", body), 400, "numeric")


def test_status(server):
    status = {"version": "1", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
    for place in ("", "/versions/1", "/labels/stable"):
        assert server.get(f"/v1/models/plain{place}") == (200, {"model_version_status": [status]})
    error(server.get("/v1/models/half"), 404, "half")
    error(server.get("/v1/models/plain/versions/2"), 404, "2")
    error(server.get("/v1/models/plain/labels/canary"), 400, "canary")


def test_metadata(server):
    status, document = server.get("/v1/models/plain/metadata")
    assert status == 200 and document["model_spec"] == {"name": "plain", "signature_name": "", "version": "1"}
    signature = document["metadata"]["signature_def"]["signature_def"]["several"]
    assert signature["method_name"] == "tensorflow/serving/predict"
    assert signature["inputs"]["number"] == {
        "dtype": "DT_FLOAT",
        "tensor_shape": {"dim": [{"size": "-1", "name": ""}, {"size": "2", "name": ""}], "unknown_rank": False},
        "name": "several_number:0",
    }
    assert server.get("/v1/models/plain/versions/1/metadata") == (status, document)
    error(server.get("/v1/models/plain/versions/2/metadata"), 404)


def test_classify(server):
    answer = {"results": [[["short", 0.5], ["long", 0.5]], [["short", 0.25], ["long", 0.75]]]}
    examples = [{"text": "a"}, {"text": "abc"}]
    place = "/v1/models/plain:classify"
    assert server.post(place, {"signature_name": "classes", "examples": examples}) == (200, answer)
    shared = {"signature_name": "classes", "context": {"text": "abc"}, "examples": [{}]}
    assert server.post(place, shared) == (200, {"results": answer["results"][1:]})
    error(server.post(place, {**shared, "examples": [{"text": "a"}]}), 400, "context")
    error(server.post(place, {"examples": [{"x": 1.0}]}), 400, "classes")
    error(server.post(place, {"signature_name": "classes", "examples": []}), 400, "examples")


def test_regress(server):
    place, answer = "/v1/models/plain:regress", {"results": [3.5, 4.0]}
    for name in ("serving_default", "features"):  # by its input's name, and of serialized examples
        examples = [{"x": 1.0}, {"x": 2.0}]
        assert server.post(place, {"signature_name": name, "examples": examples}) == (200, answer)
    error(server.post(place, {"signature_name": "features", "examples": [{"z": 1.0}]}), 400, "x")
    error(server.post(place, {"signature_name": "several", "examples": [{"x": 1.0}]}), 400, "several")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "JSON"),
        (b"[1]", "object"),
        (b'{"instances": [1}', "offset: 16"),
        (b'{"instances": [1], "inputs": [1]}', "only one"),
        (b'{"rows": [1]}', "'inputs' or 'instances'"),
        (b'{"instances": 1}', "list"),
        (b'{"instances": []}', "No values"),
        (b'{"instances": ["a"]}', "a number"),
        (b'{"instances": [true]}', "a number"),
        (b'{"instances": [null]}', "a number"),
        (b'{"instances": [[1], [1, 2]]}', "length"),
        (b'{"instances": [[1]]}', "shape"),
        (b'{"instances": [1, {"x": 1}]}', "not both"),
        (b'{"instances": [{"z": 1}]}', "x"),
        (b'{"inputs": {"z": 1}}', "Missing named input: x"),
        (b'{"signature_name": 3, "instances": [1]}', "string"),
        (b'{"signature_name": "z", "instances": [1]}', "not found"),
        (b'{"signature_name": "__saved_model_init_op", "inputs": {}}', "not found"),
        (b'{"signature_name": "several", "instances": [1]}', "several inputs"),
        (b'{"signature_name": "several", "instances": [{"name": "\\ud800", "number": [1, 2]}]}', "surrogate"),
        (b'{"signature_name": "several", "instances": [{"name": {"b64": "?"}, "number": [1, 2]}]}', "base64"),
        (b'{"signature_name": "several", "instances": [{"name": "a", "number": [1, 2, 3]}]}', "2"),
        (b'{"signature_name": "positive", "instances": [-1]}', "x must not be negative"),
        (b"\xff", "UTF-8"),
        (b"[" * 100_000, "deep"),
        (b'{"instances": [' + b"9" * 5000 + b"]}", "digits"),
    ],
)
def test_bodies_that_cannot_be_answered(server, body, words):
    error(server.post(PREDICT, body), 400, words)


def test_places_that_do_not_exist(server):
    error(server.get("/nowhere"), 404)
    error(server.get(PREDICT), 400, "Malformed request: GET")
    error(server.post("/v1/models/plain", {}), 400, "Malformed request: POST")
    error(server.post("/v1/models/plain:explain", {}), 400, "Malformed")
    error(server.post("/healthz", {}), 405)
    assert server.ask("POST", "/healthz", b"")[1]["allow"] == "GET"


@pytest.mark.parametrize(
    "name", ["..", "../plain", "%2e%2e%2fplain", "..%2f..%2fetc%2fpasswd", "plain%00", "/", "%2Fetc"]
)
def test_no_path_escapes_by_a_models_name(server, name):
    for answer in (server.post(f"/v1/models/{name}:predict", {"instances": [1.0]}), server.get(f"/v1/models/{name}")):
        assert answer[0] in (400, 404) and list(answer[1]) == ["error"]


def test_a_connection_is_kept(server):
    connection = http.client.HTTPConnection(server.host, server.port, timeout=60)
    connection.connect()
    own = connection.sock
    for _ in range(3):
        connection.request("POST", PREDICT, json.dumps({"instances": [1.0]}))
        response = connection.getresponse()
        assert response.headers["content-type"] == "application/json"
        assert json.loads(response.read()) == {"predictions": [3.5]}
    assert connection.sock is own
    connection.close()


def test_a_connection_that_breaks_off(server):
    before = len(server.lines("request"))
    with socket.create_connection((server.host, server.port)) as connection:
        connection.sendall(b"POST /v1/models/plain:predict HTTP/1.1\r\nHost: a\r\nContent-Length: 99\r\n\r\n{")
    wait_until(lambda: len(server.lines("request")) > before)
    assert server.lines("request")[-1]["kind"] == "disconnected" and not server.lines("failure")
    assert server.predict("plain", {"instances": [1.0]}) == (200, {"predictions": [3.5]})


def test_watching(server):
    assert server.get("/healthz") == (200, {"status": "ok"}) and server.get("/readyz") == (200, {"status": "ready"})
    before = count(server, 'keras_attn_requests_total{code="200",model="plain",verb="predict"}')
    server.predict("plain", {"instances": [1.0, 2.0]})
    server.post("/v1/models/nobody-knows-me:predict", {"instances": [1.0, 2.0]})
    assert count(server, 'keras_attn_requests_total{code="200",model="plain",verb="predict"}') == before + 1
    assert count(server, 'keras_attn_model_version_loaded{model="plain",version="1"}') == 1
    assert "nobody-knows-me" not in server.ask("GET", "/metrics")[2].decode()


def test_a_version_counts_as_loaded_while_it_can_answer():
    metrics = Metrics()
    watcher = _Watcher(metrics, ServerLog(io.StringIO()))
    name = b'keras_attn_model_version_loaded{model="m",version="1"} 1.0'
    watcher.loaded("m", 1, "")
    assert name in metrics.page()[0]
    watcher.restarted("m", 1, "killed by signal 9")
    assert name not in metrics.page()[0]
    watcher.loaded("m", 1, "")
    assert name in metrics.page()[0]


def count(server, name):
    page = server.ask("GET", "/metrics")[2].decode()
    return next((float(line.split()[-1]) for line in page.splitlines() if line.startswith(name)), 0.0)


def test_the_log_says_what_is_being_loaded(server):
    (loading,), (loaded,) = server.lines("loading"), server.lines("loaded")
    assert loading.pop("time") <= loaded.pop("time")
    assert loading == {"event": "loading", "model": "plain", "version": 1}
    assert loaded == {"event": "loaded", "model": "plain", "version": 1}


def test_the_log_has_no_text(server):
    columns = {"number": [[1, 2]], "name": ["a secret"]}
    server.predict("plain", {"signature_name": "several", "inputs": columns})
    server.predict("plain", {"instances": ["another secret"]})
    assert "secret" not in server.log.getvalue()
    line = [line for line in server.lines("request") if line.get("signature") == "several"][-1]
    assert (line["status"], line["rows"], line["model"], line["version"], line["verb"]) == (
        200,
        1,
        "plain",
        1,
        "predict",
    )


def test_the_openapi_document_says_how_to_ask(server):
    paths = server.get("/openapi.json")[1]["paths"]
    assert {"/v1/models/{model}:predict", "/v1/models/{model}/labels/{label}/metadata", "/readyz"} <= set(paths)
    responses = paths["/v1/models/{model}:predict"]["post"]["responses"]
    assert {"200", "400", "404", "413", "429", "503", "504"} <= set(responses)
