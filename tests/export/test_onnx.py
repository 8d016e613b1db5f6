"""ONNX Runtime gives the model's logits."""

import functools
import sys

import numpy as np
import pytest

from keras_attn import models
from keras_attn.export import ExportError, onnx_logits, write_onnx
from tests.layer_checks import numbers, shuffle_weights

V, SIZES = 11, {"num_layers": 2, "hidden_dim": 6, "num_heads": 3, "intermediate_dim": 10}
PAIRS = [  # batches of any size and length, with padding
    (
        np.array([[5, 6, 7, 2, 0], [8, 2, 0, 0, 0], [9, 10, 4, 5, 2]], "int32"),
        np.array([[1, 4], [1, 7], [1, 9]], "int32"),
    ),
    (np.array([[5, 2]], "int32"), np.array([[1, 4, 5, 6, 7, 8, 9]], "int32")),
]


@functools.cache  # no test changes it
def model_of(normalize_first):
    model = models.transformer(V, normalize_first=normalize_first, **SIZES)
    shuffle_weights(model)
    return model


@pytest.mark.parametrize("normalize_first", [True, False])
def test_it_gives_the_same_numbers(tmp_path, normalize_first):
    onnxruntime = pytest.importorskip("onnxruntime")
    model = model_of(normalize_first)
    write_onnx(model, tmp_path)
    encoder, decoder = (onnxruntime.InferenceSession(tmp_path / f"{x}.onnx") for x in ("encoder", "decoder"))
    for source, target in PAIRS:
        (memory,) = encoder.run(None, {"source": source})
        np.testing.assert_allclose(
            memory[source != 0], numbers(models.encode(model, source)[0])[source != 0], atol=1e-4
        )
        (logits,) = decoder.run(None, {"source": source, "memory": memory, "target": target})
        expected = numbers(model({"source": source, "target": target}))[:, -1]
        np.testing.assert_allclose(logits, expected, atol=1e-4)
    for found, (source, target) in zip(onnx_logits(tmp_path, PAIRS), PAIRS, strict=True):
        np.testing.assert_allclose(found, numbers(model({"source": source, "target": target}))[0, -1], atol=1e-4)


def test_what_is_not_installed_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ExportError, match=r"pip install 'keras_attn\[onnx\]'\. Received: no module 'onnx'"):
        write_onnx(model_of(True), tmp_path)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ExportError, match=r"pip install 'keras_attn\[onnx\]'\. Received: no module 'onnxruntime'"):
        onnx_logits(tmp_path, [])
    assert list(tmp_path.iterdir()) == []
