"""Classification and regression by examples; TensorFlow reads what is written here."""

import numpy as np
import pytest
import tensorflow as tf

from keras_attn.serving import ServingError
from keras_attn.serving.examples import encode_example, read_examples, write_results
from keras_attn.serving.signature import Signature, Tensor


def test_tensorflow_reads_the_examples():
    features = {
        "texts": ["a", {"b64": "AP8="}, "ß" * 100],
        "whole": [0, -1, 2**63 - 1, -(2**63)],
        "decimal": [0.5, -1e30, float("inf")],
        "flag": True,
        "one": 300,
        "none": [],
    }
    found = tf.train.Example.FromString(encode_example(features)).features.feature
    assert list(found["texts"].bytes_list.value) == [b"a", b"\x00\xff", ("ß" * 100).encode()]
    assert list(found["whole"].int64_list.value) == features["whole"]
    np.testing.assert_array_equal(found["decimal"].float_list.value, np.array(features["decimal"], "float32"))
    assert list(found["flag"].int64_list.value) == [1] and list(found["one"].int64_list.value) == [300]
    assert found["none"].WhichOneof("kind") is None
    assert set(found) == set(features)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ([1, 2.5], "whole"),
        ([None], "strings"),
        ([[1]], "strings"),
        (2**63, "INT64"),
        ([1e39], "FLOAT"),
        ("\ud800", "sur"),
    ],
)
def test_features_that_no_example_holds(value, words):
    with pytest.raises(ServingError, match=words):
        encode_example({"x": value})


def test_results():
    names, scores = np.array([[b"a", b"b"]], object), np.array([[0.25, 0.75]], "float32")
    assert write_results({"classes": names, "scores": scores}, "classify") == (
        b'{"results": [[["a", 0.25], ["b", 0.75]]]}'
    )
    assert write_results({"scores": scores}, "classify") == b'{"results": [[["", 0.25], ["", 0.75]]]}'
    assert write_results({"classes": names}, "classify") == b'{"results": [[["a", 0.0], ["b", 0.0]]]}'
    assert write_results({"z": np.array([1.5])}, "regress") == b'{"results": [1.5]}'
    with pytest.raises(ServingError, match="2 axes"):
        write_results({"scores": scores[0]}, "classify")
    with pytest.raises(ServingError, match="1 axes"):
        write_results({"outputs": scores}, "regress")


def test_outputs_that_do_not_belong_together():
    with pytest.raises(ServingError, match="same shape"):
        write_results({"classes": np.array([[b"a", b"b"]], object), "scores": np.ones([1, 3], "float32")}, "classify")


def test_a_signature_made_for_it_gives_what_it_should():
    text = {"x": Tensor("DT_STRING", (-1,))}
    signature = Signature("f", text, {"z": Tensor("DT_FLOAT", (-1,))}, "tensorflow/serving/classify")
    with pytest.raises(ServingError, match="`classes` or `scores`") as raised:
        read_examples({"examples": [{"x": "a"}]}, signature, "classify")
    assert raised.value.status == 400
