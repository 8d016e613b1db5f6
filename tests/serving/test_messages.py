"""Messages come out as they went in, and hold no code."""

import numpy as np
import pytest

from keras_attn.serving.messages import LENGTH, decode_message, encode_message

ARRAYS = {
    "float": np.arange(6, dtype="float32").reshape(2, 3),
    "scalar": np.array(7, "int64"),
    "empty": np.zeros([0, 3], "float64"),
    "flags": np.array([True, False]),
    "texts": np.array([[b"", b"\x00\xff"], ["ß".encode(), b"a" * 3000]], object),
    "text": np.array(b"alone", object),
    "no texts": np.empty([0, 2], object),
}


def test_round_trip():
    message = encode_message({"signature": "ß", "code": 3}, ARRAYS)
    assert LENGTH.unpack(message[: LENGTH.size]) == (len(message) - LENGTH.size,)
    header, arrays = decode_message(message[LENGTH.size :])
    assert header == {"signature": "ß", "code": 3} and list(arrays) == list(ARRAYS)
    for name, array in ARRAYS.items():
        assert arrays[name].dtype == array.dtype and arrays[name].shape == array.shape
        np.testing.assert_array_equal(arrays[name], array)


def test_only_bytes_are_texts():
    with pytest.raises(TypeError):
        encode_message({}, {"x": np.array([print], object)})
