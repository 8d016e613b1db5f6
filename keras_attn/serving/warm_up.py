"""The requests with which a model is warmed up: TF Serving's file beside a SavedModel."""

import struct
from pathlib import Path

WARM_UP_FILE = "assets.extra/tf_serving_warmup_requests"
_PREDICT_LOG, _REQUEST, _SPEC, _SIGNATURE, _INPUTS = 6, 1, 1, 3, 2


def read_warm_up(folder):
    """Reads the requests of a version.

    Args:
        folder: Folder of the version.

    Returns:
        List of pairs: the name of a signature, and its inputs, a dict of name -> a serialized TensorProto. Empty if
        there is no file.

    Raises:
        ValueError: If the file is damaged, or has a record that is no request to predict.

    Reference:
        TensorFlow Serving, "SavedModel Warmup"; prediction_log.proto, predict.proto and model.proto.
    """
    path = Path(folder, WARM_UP_FILE)
    if not path.is_file():
        return []
    return [_request(record, f"{path}: record {number}") for number, record in enumerate(_records(path), start=1)]


def _records(path):
    """The records of a TFRecord file: length, its checksum, content, its checksum."""
    content, place = path.read_bytes(), 0
    while place < len(content):
        if place + 12 > len(content):
            raise ValueError(f"{path} ends within a record: export the model again")
        (length,) = struct.unpack_from("<Q", content, place)
        if place + 16 + length > len(content):
            raise ValueError(f"{path} ends within a record: export the model again")
        yield content[place + 12 : place + 12 + length]
        place += 16 + length


def _request(record, where):
    logs = [value for number, value in _fields(record, where) if number == _PREDICT_LOG]
    if not logs:
        raise ValueError(f"{where} is no PredictLog, the only kind that is read here")
    requests = [value for number, value in _fields(logs[0], where) if number == _REQUEST]
    name, inputs = "", {}
    for number, value in _fields(requests[0] if requests else b"", where):
        if number == _SPEC:
            name = dict(_fields(value, where)).get(_SIGNATURE, b"").decode("utf-8")
        elif number == _INPUTS:
            entry = dict(_fields(value, where))
            inputs[entry.get(1, b"").decode("utf-8")] = entry.get(2, b"")
    return name, inputs


def _fields(content, where):
    """Pairs of number and content of the fields that hold bytes, strings or messages; numbers are passed over."""
    place = 0
    while place < len(content):
        tag, place = _varint(content, place, where)
        if tag & 7 == 2:
            length, place = _varint(content, place, where)
            if place + length > len(content):
                raise ValueError(f"{where} is damaged: export the model again")
            yield tag >> 3, content[place : place + length]
            place += length
        elif tag & 7 == 0:
            _, place = _varint(content, place, where)
        elif tag & 7 in (1, 5):
            place += 8 if tag & 7 == 1 else 4
        else:
            raise ValueError(f"{where} is damaged: export the model again")


def _varint(content, place, where):
    number = shift = 0
    while place < len(content):
        byte = content[place]
        number |= (byte & 127) << shift
        place, shift = place + 1, shift + 7
        if byte < 128:
            return number, place
    raise ValueError(f"{where} is damaged: export the model again")
