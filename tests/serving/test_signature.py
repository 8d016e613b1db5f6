"""Signatures as documents, and which of them can be run for several requests at once."""

from keras_attn.serving.signature import Signature, Tensor


def make(inputs, outputs):
    return Signature(
        "f",
        {str(n): Tensor("DT_FLOAT", shape) for n, shape in enumerate(inputs)},
        {str(n): Tensor("DT_FLOAT", shape) for n, shape in enumerate(outputs)},
    )


def test_what_has_a_batch():
    assert make([(-1,), (-1, 3)], [(-1,), (-1, -1)]).is_batched
    assert make([(-1,)], [None]).is_batched  # found out when it runs
    assert not make([(-1,), ()], [(-1,)]).is_batched
    assert not make([(2,)], [(-1,)]).is_batched
    assert not make([(-1,)], [(2,)]).is_batched
    assert not make([(-1,)], [()]).is_batched
    assert not make([None], [(-1,)]).is_batched
    assert not make([], [(-1,)]).is_batched


def test_documents():
    signature = make([(-1, 2), None], [()])
    document = signature.as_document()
    assert document["inputs"]["0"]["tensor_shape"]["dim"] == [{"size": "-1", "name": ""}, {"size": "2", "name": ""}]
    assert document["inputs"]["1"]["tensor_shape"] == {"dim": [], "unknown_rank": True}
    assert document["outputs"]["0"]["tensor_shape"] == {"dim": [], "unknown_rank": False}
    assert Signature.from_document("f", document) == signature
