"""Bodies and addresses that nobody would send in good faith: never a 500, always an error document, always alive."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from keras_attn.serving import ModelSettings, ServerSettings
from tests.serving.running_server import RunningServer

QUICK, LONG = 250, 10_000  # cases of each kind
NAMES = [
    "serving_default",
    "several",
    "no_batch",
    "summary",
    "row_sums",
    "types",
    "positive",
    "classes",
    "features",
    "z",
    "",
]
OPTIONS = {
    "deadline": None,
    "database": None,
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
}


def named(inner):
    """Objects with the names of inputs, and others."""
    keys = st.sampled_from(["x", "number", "name", "text", "examples", "whole", "flag", "wide", "small", "b64"])
    return st.dictionaries(keys | st.text(max_size=5), inner, max_size=5)


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
scalars |= st.builds(lambda text: {"b64": text}, st.text(max_size=8))
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=4) | named(inner), max_leaves=12)


documents = st.fixed_dictionaries(
    {},
    optional={
        "signature_name": st.sampled_from(NAMES) | scalars,
        "instances": st.lists(values, max_size=4) | values,
        "inputs": named(values) | values,
        "examples": st.lists(named(values), max_size=4) | values,
        "context": named(values),
    },
)


@pytest.fixture(scope="module")
def target(plain_folder):
    running = RunningServer(ServerSettings([ModelSettings(str(plain_folder))], seconds=60), in_process=True)
    yield running
    running.stop()


def check(status, content):
    assert status in (200, 400, 404, 405, 413, 501), (status, content[:300])
    if status != 200:
        assert list(json.loads(content)) == ["error"]


def fuzz_bodies(server, cases):
    @settings(max_examples=cases // 2, **OPTIONS)
    @given(st.binary(max_size=300), st.sampled_from(["predict", "classify", "regress"]))
    def bytes_are_survived(body, verb):
        status, _, content = server.ask("POST", f"/v1/models/plain:{verb}", body)
        check(status, content)

    @settings(max_examples=cases - cases // 2, **OPTIONS)
    @given(documents, st.sampled_from(["predict", "classify", "regress"]))
    def documents_are_survived(document, verb):
        status, _, content = server.ask("POST", f"/v1/models/plain:{verb}", json.dumps(document).encode())
        check(status, content)

    bytes_are_survived()
    documents_are_survived()
    assert server.predict("plain", {"instances": [1.0]}) == (200, {"predictions": [3.5]})


def fuzz_by_the_document(server, cases):
    """What schemathesis makes of the OpenAPI document; in every other case the model exists."""
    openapi = pytest.importorskip("schemathesis").openapi
    schema = openapi.from_url(f"http://{server.host}:{server.port}/openapi.json")
    operations = [result.ok() for result in schema.get_all_operations()]
    assert len(operations) > 15
    for operation in operations:

        @settings(max_examples=max(1, cases // len(operations)), **OPTIONS)
        @given(operation.as_strategy(), st.booleans())
        def is_survived(case, exists):
            if exists and "model" in (case.path_parameters or {}):
                case.path_parameters["model"] = "plain"
            response = case.call()
            check(response.status_code, response.content)

        is_survived()
    assert server.predict("plain", {"instances": [1.0]}) == (200, {"predictions": [3.5]})


def test_some_bodies(target):
    fuzz_bodies(target, QUICK)


def test_some_requests_of_the_openapi_document(target):
    fuzz_by_the_document(target, QUICK)


@pytest.mark.long
def test_ten_thousand_bodies(target):
    fuzz_bodies(target, LONG)


@pytest.mark.long
def test_ten_thousand_requests_of_the_openapi_document(target):
    fuzz_by_the_document(target, LONG)
