"""The bodies of `:predict`: rows (`instances`) or columns (`inputs`) in, `predictions` or `outputs` out."""

import json

from keras_attn.serving.errors import ServingError, bad_request, shown
from keras_attn.serving.json_tensors import array_from_json, is_base64, json_from_array

DEFAULT_SIGNATURE = "serving_default"


def read_document(body):
    """Reads the body of a request.

    Args:
        body: Bytes.

    Returns:
        Dict. `NaN`, `Infinity` and `-Infinity` are numbers.

    Raises:
        ServingError: If it is no JSON object in UTF-8.

    Example:
        >>> from keras_attn.serving.predict_request import read_document
        >>> read_document(b'{"instances": [1, NaN]}')
        {'instances': [1, nan]}
    """
    try:
        document = json.loads(body.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise bad_request(f"JSON Parse error: not valid UTF-8 at offset: {error.start}") from None
    except json.JSONDecodeError as error:
        raise bad_request(f"JSON Parse error: {error.msg} at offset: {error.pos}") from None
    except RecursionError:
        raise bad_request("JSON Parse error: lists within lists, deeper than any tensor") from None
    except ValueError:  # a number of thousands of digits
        raise bad_request("JSON Parse error: a number with too many digits") from None
    if not isinstance(document, dict):
        raise bad_request(f"JSON Value: Is not object: the body must be an object. Received: {shown(document)}")
    return document


def signature_name(document):
    """Gives the name of the signature that a request asks for.

    Args:
        document: What `read_document` gave.

    Returns:
        The name; `serving_default` if none is given.

    Raises:
        ServingError: If it is no string.
    """
    name = document.get("signature_name", DEFAULT_SIGNATURE)
    if not isinstance(name, str):
        raise bad_request(
            f"JSON Value: not formatted correctly. 'signature_name' key must be a string value. Received: {shown(name)}"
        )
    return name or DEFAULT_SIGNATURE


def read_predict(document, signature):
    """Reads the inputs of a prediction.

    Args:
        document: What `read_document` gave.
        signature: The `Signature` to be called.

    Returns:
        Dict of name -> array, and whether they were given in rows.

    Raises:
        ServingError: If they do not fit the signature.
    """
    if "instances" in document and "inputs" in document:
        raise bad_request("Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist")
    if "instances" in document:
        columns = _columns_of_rows(document["instances"], signature)
    elif "inputs" in document:
        columns = _columns(document["inputs"], signature)
    else:
        raise bad_request("Missing 'inputs' or 'instances' key")
    arrays = {name: array_from_json(columns[name], tensor, name) for name, tensor in signature.inputs.items()}
    return arrays, "instances" in document


def write_predict(outputs, in_rows):
    """Writes the answer of a prediction.

    Args:
        outputs: Dict of name -> array. Strings whose name ends in `_bytes` are written in base64.
        in_rows: Whether the inputs came in rows.

    Returns:
        Bytes.

    Raises:
        ServingError: If the outputs have no batch in common, which rows need.

    Example:
        >>> import numpy as np
        >>> from keras_attn.serving.predict_request import write_predict
        >>> write_predict({"y": np.array([3.5, 4.0], "float32")}, in_rows=True)
        b'{"predictions": [3.5, 4.0]}'
    """
    values = {name: json_from_array(array, name.endswith("_bytes")) for name, array in sorted(outputs.items())}
    if not in_rows:
        return dump({"outputs": next(iter(values.values())) if len(values) == 1 else values})
    sizes = {name: array.shape[0] if array.ndim else None for name, array in outputs.items()}
    if None in sizes.values() or len(set(sizes.values())) > 1:
        raise bad_request(
            "The outputs have no batch dimension in common, so that they cannot be written in rows: ask with 'inputs'. "
            f"Received: sizes={sizes}"
        )
    if len(values) == 1:
        return dump({"predictions": next(iter(values.values()))})
    return dump({"predictions": [dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)]})


def dump(document):
    """Writes a JSON document.

    Args:
        document: Dict.

    Returns:
        Bytes in UTF-8.
    """
    return json.dumps(document, ensure_ascii=False).encode("utf-8")


def _columns_of_rows(rows, signature):
    if not isinstance(rows, list):
        raise bad_request(f"Expecting 'instances' to be an list/array. Received: {shown(rows)}")
    if not rows:
        raise bad_request("No values in 'instances' array")
    are_objects = {isinstance(row, dict) and not is_base64(row) for row in rows}
    if are_objects == {True, False}:
        raise bad_request("'instances' must be all objects or all values, not both.")
    if are_objects == {False}:
        return {_only_input(signature, "instances"): rows}
    for number, row in enumerate(rows):
        if row.keys() != signature.inputs.keys():
            raise bad_request(
                f"Failed to process element: {number} of 'instances' list. JSON object keys must be equal to: "
                f"{','.join(signature.inputs)}. Received: {shown(list(row))}"
            )
    return {name: [row[name] for row in rows] for name in signature.inputs}


def _columns(value, signature):
    if not isinstance(value, dict) or is_base64(value):
        return {_only_input(signature, "inputs"): value}
    for name in signature.inputs:
        if name not in value:
            raise bad_request(f"Missing named input: {name} in 'inputs' object.")
    return value


def _only_input(signature, key):
    if len(signature.inputs) != 1:
        raise bad_request(
            f"{key} is a plain value or list, but the signature {signature.name!r} has several inputs: give an object "
            f"with the keys {','.join(signature.inputs)}"
        )
    return next(iter(signature.inputs))


def find_signature(signatures, name):
    """Finds a signature.

    Args:
        signatures: Dict of name -> `Signature`.
        name: The name asked for.

    Returns:
        The `Signature`.

    Raises:
        ServingError: If there is none of this name.
    """
    if name not in signatures or name.startswith("__"):
        offered = ", ".join(sorted(known for known in signatures if not known.startswith("__")))
        raise ServingError(
            400,
            f"Serving signature name: {shown(name)} not found in signature def. The model has: {offered}",
            "bad_request",
        )
    return signatures[name]
