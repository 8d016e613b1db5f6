"""What the OpenAPI document says of requests and answers."""

DESCRIPTION = 'The REST API of TensorFlow Serving, for every SavedModel. Errors are documents {"error": "..."}.'

_SIGNATURE = {"type": "string", "description": "Signature to call; serving_default if none is given"}
_EXAMPLE = {"type": "object", "additionalProperties": True}


def _body(**properties):
    schema = {"type": "object", "properties": {"signature_name": _SIGNATURE, **properties}}
    return {"required": True, "content": {"application/json": {"schema": schema}}}


_EXAMPLES = _body(context=_EXAMPLE, examples={"type": "array", "minItems": 1, "items": _EXAMPLE})

REQUESTS = {
    "predict": _body(
        instances={"type": "array", "minItems": 1, "items": {}, "description": "Rows; not together with inputs"},
        inputs={"description": "Columns: a tensor, or an object of tensors"},
    ),
    "classify": _EXAMPLES,
    "regress": _EXAMPLES,
}
"""The body of each verb."""

_ERROR = {
    "application/json": {
        "schema": {"type": "object", "required": ["error"], "properties": {"error": {"type": "string"}}}
    }
}
_MEANINGS = {
    400: "The request cannot be answered",
    401: "A key is needed",
    404: "No such model or version",
    413: "Over a limit of size",
    429: "Over the key's rate",
    501: "A type that JSON cannot express",
    503: "The queue is full, or the model is being loaded",
    504: "It took too long",
}


def _responses(**properties):
    schema = {"type": "object", "properties": properties}
    answer = {200: {"description": "The answer", "content": {"application/json": {"schema": schema}}}}
    errors = {code: {"description": text, "content": _ERROR} for code, text in _MEANINGS.items()}
    return answer | errors


RESPONSES = {
    "predict": _responses(predictions={}, outputs={}),
    "classify": _responses(results={"type": "array"}),
    "regress": _responses(results={"type": "array"}),
    "get": _responses(),
}
"""The answers of each verb."""
