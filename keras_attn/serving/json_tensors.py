"""Tensors as JSON writes them: nested lists in, nested lists out, binary values as `{"b64": ...}`."""

import base64
import binascii
import itertools

import numpy as np

from keras_attn.serving.errors import ServingError, bad_request, shown
from keras_attn.serving.signature import NUMPY_TYPES

_MAX_AXES = 32
_PIECE = 2**14
_ALLOWED = {"b": {bool}, "O": {str, dict}, "f": {int, float}, "i": {int}, "u": {int}}
_EXPECTED = {"b": "true or false", "O": "a string", "f": "a number", "i": "a whole number", "u": "a whole number"}


def array_from_json(value, tensor, name):
    """Makes an array of a value in a request.

    Args:
        value: A value, or nested lists of values.
        tensor: The `Tensor` of the signature that it is for.
        name: The input's name.

    Returns:
        Array of the signature's type; strings are `bytes`.

    Raises:
        ServingError: If the lists are ragged, a value is of another type or out of its range, or the shape differs.

    Example:
        >>> from keras_attn.serving.json_tensors import array_from_json
        >>> from keras_attn.serving.signature import Tensor
        >>> array_from_json([[1, 2.5]], Tensor("DT_FLOAT", (-1, 2)), "x")
        array([[1. , 2.5]], dtype=float32)
    """
    dtype = NUMPY_TYPES.get(tensor.dtype)
    if dtype is None:
        raise ServingError(
            501, f"Input {name!r} is of type {tensor.dtype}, which JSON cannot express: use gRPC.", "unimplemented"
        )
    leaves, shape = _flatten(value, name)
    shape = _fitting_shape(shape, tensor.shape, name)
    kind = np.dtype(dtype).kind
    if not set(map(type, leaves)) <= _ALLOWED[kind]:
        wrong = next(leaf for leaf in leaves if type(leaf) not in _ALLOWED[kind])
        raise bad_request(
            f"Input {name!r} is of type {tensor.dtype} and takes {_EXPECTED[kind]}. Received: {shown(wrong)}"
        )
    if kind == "O":
        array = np.empty(len(leaves), object)
        array[:] = [_as_bytes(leaf, name) for leaf in leaves]
        return array.reshape(shape)
    return _numbers(leaves, dtype, tensor.dtype, name).reshape(shape)


def json_from_array(array, is_binary=False):
    """Makes nested lists of an array.

    Args:
        array: Array.
        is_binary: Whether strings are written in base64.

    Returns:
        A value or nested lists of values. Numbers of 32 bits have as many digits as they need.

    Raises:
        ServingError: If the numbers are of a type that JSON has no word for, such as complex ones.

    Example:
        >>> import numpy as np
        >>> from keras_attn.serving.json_tensors import json_from_array
        >>> json_from_array(np.array([0.1, 2.0], "float32")), json_from_array(np.array([b"a"], object), True)
        ([0.1, 2.0], [{'b64': 'YQ=='}])
    """
    array = np.asarray(array)
    if array.dtype == object:
        write = _as_base64 if is_binary else _as_text
        texts = np.empty(array.size, object)
        texts[:] = [write(text) for text in array.ravel()]
        return texts.reshape(array.shape).tolist()
    if array.dtype.kind not in _ALLOWED:
        raise ServingError(
            501, f"An output is of type {array.dtype.name}, which JSON cannot express: use gRPC.", "unimplemented"
        )
    if array.dtype in (np.float16, np.float32):
        array = _in_own_digits(array)
    return array.tolist()


def _in_own_digits(array):
    """As 64 bits that are written with the digits of the shorter ones: 0.1 rather than 0.10000000149011612."""
    flat, wide = array.ravel(), np.empty(array.size, np.float64)
    for place in range(0, flat.size, _PIECE):  # a number's digits take thirty times its memory
        piece = slice(place, place + _PIECE)
        wide[piece] = flat[piece].astype("U").astype(np.float64)
    return wide.reshape(array.shape)


def is_base64(value):
    """Tells whether a value of a request is binary data.

    Args:
        value: Any value.

    Returns:
        Whether it is an object with the one key `b64`, whose value is a string.
    """
    return isinstance(value, dict) and len(value) == 1 and isinstance(value.get("b64"), str)


def _flatten(value, name):
    """The values of nested lists, in order, and their shape."""
    level, shape = [value], []
    while level and isinstance(level[0], list):
        size = len(level[0])
        if not all(isinstance(part, list) and len(part) == size for part in level):
            raise bad_request(
                f"Input {name!r} must be a tensor: lists at the same depth have the same length. Pad the short ones."
            )
        level = list(itertools.chain.from_iterable(level))
        shape.append(size)
        if len(shape) > _MAX_AXES:
            raise bad_request(f"Input {name!r} has more than {_MAX_AXES} axes.")
    if any(isinstance(leaf, list) for leaf in level):
        raise bad_request(f"Input {name!r} mixes values and lists at the same depth.")
    return level, shape


def _fitting_shape(shape, expected, name):
    """The shape, or an error; the sizes behind an empty axis, which JSON cannot show, are taken from the signature."""
    if expected is None:
        return shape
    if 0 in shape and len(shape) < len(expected):
        shape = [*shape, *(max(size, 0) for size in expected[len(shape) :])]
    pairs = zip(shape, expected, strict=False)
    if len(shape) != len(expected) or not all(wanted in (-1, size) for size, wanted in pairs):
        wanted = ", ".join("any" if size == -1 else str(size) for size in expected)
        raise bad_request(f"Input {name!r} must have the shape [{wanted}]. Received: shape={shape}")
    return shape


def _numbers(leaves, dtype, type_name, name):
    try:
        with np.errstate(over="ignore"):
            array = np.array(leaves, np.float64 if np.dtype(dtype).kind == "f" else dtype)
            narrow = array.astype(dtype)
    except OverflowError:
        raise bad_request(f"Input {name!r} has a number beyond the range of {type_name}.") from None
    if narrow.dtype.kind == "f" and not np.array_equal(np.isinf(array), np.isinf(narrow)):
        raise bad_request(f"Input {name!r} has a number beyond the range of {type_name}.")
    return narrow


def _as_bytes(value, name):
    if isinstance(value, dict):
        if not is_base64(value):
            raise bad_request(f'Input {name!r} takes a string or {{"b64": "..."}}. Received: {shown(value)}')
        try:
            return base64.b64decode(value["b64"], validate=True)
        except (binascii.Error, ValueError):
            raise bad_request(f"Input {name!r} is not valid base64. Received: {shown(value['b64'])}") from None
    try:
        return value.encode("utf-8")
    except UnicodeEncodeError:
        raise bad_request(f"Input {name!r} has half of a surrogate pair: no text. Received: {shown(value)}") from None


def _as_text(text):
    return text.decode("utf-8", "replace")


def _as_base64(text):
    return {"b64": base64.b64encode(text).decode("ascii")}
