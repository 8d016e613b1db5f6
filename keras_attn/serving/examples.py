"""The bodies of `:classify` and `:regress`: examples of named features in, labels and scores or values out."""

import struct

import numpy as np

from keras_attn.serving.errors import ServingError, bad_request, shown
from keras_attn.serving.json_tensors import array_from_json, is_base64, json_from_array
from keras_attn.serving.predict_request import dump
from keras_attn.serving.signature import Tensor


def read_examples(document, signature, method):
    """Reads the examples of a classification or regression.

    A signature made for it takes `tf.Example`s as one tensor of strings; another takes features named like its inputs.

    Args:
        document: What `read_document` gave.
        signature: The `Signature` to be called.
        method: "classify" or "regress".

    Returns:
        Dict of name -> array.

    Raises:
        ServingError: If the signature is none for it, or the examples do not fit.
    """
    _check_method(signature, method)
    examples = document.get("examples")
    if not isinstance(examples, list) or not examples:
        raise bad_request(
            f"When method is {method}, key 'examples' is expected to hold a list with at least one object"
        )
    context = document.get("context", {})
    for example in (context, *examples):
        if not isinstance(example, dict):
            raise bad_request(f"Example must be JSON object. Received: {shown(example)}")
    twice = sorted({name for example in examples for name in example if name in context})
    if twice:
        raise bad_request(f"Features of 'context' must not appear in 'examples'. Received: {shown(twice)}")
    rows = [{**context, **example} for example in examples]
    if _takes_examples(signature, method):
        array = np.empty(len(rows), object)
        array[:] = [encode_example(row) for row in rows]
        return {next(iter(signature.inputs)): array}
    for row in rows:
        if row.keys() != signature.inputs.keys():
            raise bad_request(
                f"An example must have the features {','.join(signature.inputs)}. Received: {shown(list(row))}"
            )
    return {
        name: array_from_json([row[name] for row in rows], tensor, name) for name, tensor in signature.inputs.items()
    }


def write_results(outputs, method):
    """Writes the answer of a classification or regression.

    Args:
        outputs: Dict of name -> array: `classes` and `scores` [B, C] (one of them may be missing); for a regression
            `outputs`, or whatever is the only one, [B] or [B, 1].
        method: "classify" or "regress".

    Returns:
        Bytes.

    Raises:
        ServingError: If the outputs have other shapes.

    Example:
        >>> import numpy as np
        >>> from keras_attn.serving.examples import write_results
        >>> write_results({"outputs": np.array([[3.5], [4.0]], "float32")}, "regress")
        b'{"results": [3.5, 4.0]}'
    """
    if method == "regress":
        values = outputs["outputs"] if "outputs" in outputs else next(iter(outputs.values()))
        if values.ndim == 2 and values.shape[1] == 1:
            values = values[:, 0]
        _check_axes(values, 1, "The value of a regression")
        return dump({"results": json_from_array(values)})
    known = {name: outputs[name] for name in ("classes", "scores") if name in outputs}
    for name, array in known.items():
        _check_axes(array, 2, f"The output {name!r} of a classification")
    if len({array.shape for array in known.values()}) > 1:
        shapes = {name: list(array.shape) for name, array in known.items()}
        raise bad_request(f"Classes and scores must have the same shape: use :predict. Received: shapes={shapes}")
    rows, columns = next(iter(known.values())).shape
    labels = json_from_array(known["classes"]) if "classes" in known else [[""] * columns] * rows
    scores = json_from_array(known["scores"]) if "scores" in known else [[0.0] * columns] * rows
    return dump(
        {"results": [[list(pair) for pair in zip(*row, strict=True)] for row in zip(labels, scores, strict=True)]}
    )


def encode_example(features):
    """Writes features as a `tf.Example`.

    Args:
        features: Dict of name -> a string, a number, true or false, `{"b64": ...}`, or a list of one of them.

    Returns:
        Bytes.

    Raises:
        ServingError: If the values of a feature are mixed, or of no type that an example can hold.

    Reference:
        TensorFlow, example.proto and feature.proto.
    """
    entries = b""
    for name, value in features.items():
        values = value if isinstance(value, list) else [value]
        key = _field(1, name.encode("utf-8", "surrogatepass"))
        entries += _field(1, key + _field(2, _feature(values, name)))
    return _field(1, entries)


def _feature(values, name):
    kinds = {_kind(value) for value in values}
    if len(kinds) > 1 or None in kinds:
        raise bad_request(
            f"Feature {shown(name)} must be of strings, of whole numbers or of decimal ones. Received: {shown(values)}"
        )
    kind = next(iter(kinds), None)
    if kind is None:
        return b""
    if kind == "bytes":
        return _field(1, b"".join(_field(1, text) for text in _texts(values, name)))
    if kind == "float":
        with np.errstate(over="ignore"):
            numbers = np.array(values, np.float32)
        if not np.array_equal(np.isinf(numbers), np.isinf(np.array(values, np.float64))):
            raise bad_request(f"Feature {shown(name)} has a number beyond the range of DT_FLOAT.")
        return _field(2, _field(1, struct.pack(f"<{len(values)}f", *numbers.tolist())))
    if not all(-(2**63) <= value < 2**63 for value in values):
        raise bad_request(f"Feature {shown(name)} has a number beyond the range of DT_INT64.")
    return _field(3, _field(1, b"".join(_varint(int(value) % 2**64) for value in values)))


def _kind(value):
    if isinstance(value, str) or is_base64(value):
        return "bytes"
    return {bool: "int", int: "int", float: "float"}.get(type(value))


def _texts(values, name):
    return array_from_json(values, Tensor("DT_STRING", (-1,)), name).tolist()


def _field(number, content):
    return bytes([number << 3 | 2]) + _varint(len(content)) + content


def _varint(number):
    encoded = b""
    while number > 127:
        encoded, number = encoded + bytes([number & 127 | 128]), number >> 7
    return encoded + bytes([number])


def _takes_examples(signature, method):
    return signature.method == f"tensorflow/serving/{method}"


def _check_method(signature, method):
    names = set(signature.outputs)
    fits = bool(names & {"classes", "scores"}) if method == "classify" else "outputs" in names or len(names) == 1
    if not fits:
        wanted = "`classes` or `scores`" if method == "classify" else "`outputs`, or a single output"
        raise bad_request(
            f"Expected {method} signature: one with {wanted}. Signature {signature.name!r} gives {', '.join(names)}: "
            "use :predict"
        )


def _check_axes(array, axes, what):
    if array.ndim != axes:
        raise ServingError(
            400, f"{what} must have {axes} axes: use :predict. Received: shape={list(array.shape)}", "bad_request"
        )
