"""What the OpenAPI document is made of is JSON Schema."""

import pytest

from keras_attn.serving.openapi import REQUESTS, RESPONSES


@pytest.mark.parametrize("verb", ["predict", "classify", "regress"])
def test_requests_and_answers(verb):
    schema = REQUESTS[verb]["content"]["application/json"]["schema"]
    assert schema["properties"]["signature_name"]["type"] == "string"
    assert set(schema["properties"]) & {"instances", "examples"}
    for code in (400, 401, 404, 413, 429, 501, 503, 504):
        assert RESPONSES[verb][code]["content"]["application/json"]["schema"]["required"] == ["error"]
