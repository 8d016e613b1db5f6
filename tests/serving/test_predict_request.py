"""Bodies of predictions: what `test_app.py` does not reach through a model."""

import numpy as np
import pytest

from keras_attn.serving import ServingError
from keras_attn.serving.predict_request import read_document, read_predict, signature_name, write_predict
from keras_attn.serving.signature import Signature, Tensor

PAIR = Signature("f", {"a": Tensor("DT_INT32", (-1,)), "b": Tensor("DT_STRING", (-1, 2))}, {})


def test_rows_become_columns():
    rows = [{"b": ["x", "y"], "a": 1}, {"a": 2, "b": ["z", ""]}]
    arrays, in_rows = read_predict({"instances": rows}, PAIR)
    assert in_rows and arrays["a"].tolist() == [1, 2] and arrays["b"].tolist() == [[b"x", b"y"], [b"z", b""]]
    columns, in_rows = read_predict({"inputs": {"a": [1, 2], "b": [["x", "y"], ["z", ""]], "more": 0}}, PAIR)
    assert not in_rows and all((columns[name] == arrays[name]).all() for name in "ab")


def test_rows_need_the_same_names():
    with pytest.raises(ServingError, match=r"element: 1 .* a,b"):
        read_predict({"instances": [{"a": 1, "b": ["x", "y"]}, {"a": 1}]}, PAIR)


def test_outputs_that_are_no_rows():
    for outputs in ({"y": np.array(1.0)}, {"y": np.zeros(2), "z": np.zeros(3)}):
        with pytest.raises(ServingError, match="inputs"):
            write_predict(outputs, in_rows=True)
    assert write_predict({"y": np.array(1.0)}, in_rows=False) == b'{"outputs": 1.0}'
    assert write_predict({"z": np.zeros(1), "y": np.ones(2)}, False) == b'{"outputs": {"y": [1.0, 1.0], "z": [0.0]}}'


def test_the_default_signature():
    assert signature_name({}) == signature_name({"signature_name": ""}) == "serving_default"
    assert read_document(b'{"a": "\xc3\x9f"}') == {"a": "ß"}


def test_a_model_without_outputs():
    assert write_predict({}, in_rows=False) == b'{"outputs": {}}'
