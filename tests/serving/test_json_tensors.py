"""JSON's nested lists as arrays and back, against NumPy."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from keras_attn.serving import ServingError
from keras_attn.serving.json_tensors import array_from_json, json_from_array
from keras_attn.serving.signature import NUMPY_TYPES, Tensor

NUMBERS = {name: dtype for name, dtype in NUMPY_TYPES.items() if name != "DT_STRING"}


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_every_array_comes_back(data):
    name = data.draw(st.sampled_from(sorted(NUMBERS)))
    shape = data.draw(arrays.array_shapes(min_dims=0, max_dims=4, max_side=4))
    array = data.draw(arrays.arrays(NUMBERS[name], shape))
    value = json.loads(json.dumps(json_from_array(array)))
    back = array_from_json(value, Tensor(name, None), "x")
    assert back.dtype == array.dtype
    np.testing.assert_array_equal(back, array)


def test_texts():
    tensor = Tensor("DT_STRING", (-1, 2))
    array = array_from_json([["ß", {"b64": "AP8="}]], tensor, "x")
    assert array.tolist() == [["ß".encode(), b"\x00\xff"]]
    assert json_from_array(array) == [["ß", "\x00\ufffd"]]
    assert json_from_array(array, is_binary=True) == [[{"b64": "w58="}, {"b64": "AP8="}]]


def test_empty_axes_take_their_sizes_from_the_signature():
    assert array_from_json([], Tensor("DT_FLOAT", (-1, 3)), "x").shape == (0, 3)
    assert array_from_json([[]], Tensor("DT_FLOAT", (-1, -1)), "x").shape == (1, 0)


@pytest.mark.parametrize(
    ("value", "dtype", "shape", "words"),
    [
        ([1, [2]], "DT_FLOAT", None, "mixes"),
        ([[1], 2], "DT_FLOAT", None, "length"),
        ([[1, 2], [3]], "DT_FLOAT", None, "length"),
        ([1, 2], "DT_FLOAT", (3,), r"shape \[3\]. Received: shape=\[2\]"),
        ([[]], "DT_FLOAT", (-1, 3), r"\[any, 3\]"),
        ([], "DT_FLOAT", (), "shape"),
        (["1"], "DT_FLOAT", None, "Received: '1'"),
        ([1], "DT_STRING", None, "a string"),
        ([{"b64": 1}], "DT_STRING", None, "b64"),
        ([{"b64": "YQ==", "more": 1}], "DT_STRING", None, "b64"),
        ([1.5], "DT_INT32", None, "a whole number"),
        ([256], "DT_UINT8", None, "range of DT_UINT8"),
        ([-1e39], "DT_FLOAT", None, "range of DT_FLOAT"),
        ([1], "DT_HALF", None, "gRPC"),
    ],
)
def test_what_does_not_fit(value, dtype, shape, words):
    with pytest.raises(ServingError, match=words):
        array_from_json(value, Tensor(dtype, shape), "x")


def test_too_many_axes():
    value = 1
    for _ in range(40):
        value = [value]
    with pytest.raises(ServingError, match="axes"):
        array_from_json(value, Tensor("DT_FLOAT", None), "x")


def test_float32_is_written_with_its_own_digits():
    values = np.array([0.1, 1 / 3, 1e-42, 16777216.0, np.finfo("float32").max], "float32")
    written = json_from_array(values)
    assert written[0] == 0.1
    np.testing.assert_array_equal(np.array(written, "float32"), values)
    many = np.random.default_rng(0).normal(size=[3, 9000]).astype("float32")
    np.testing.assert_array_equal(np.array(json_from_array(many), "float32"), many)


@pytest.mark.parametrize("array", [np.ones(2, "complex64"), np.zeros(1, [("qint8", "int8")])])
def test_what_json_has_no_word_for(array):
    with pytest.raises(ServingError, match="gRPC") as raised:
        json_from_array(array)
    assert raised.value.status == 501
