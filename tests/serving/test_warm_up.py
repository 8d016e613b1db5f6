"""The warm-up file, as the package's exporter writes it with TensorFlow's own messages."""

import numpy as np
import pytest
import tensorflow as tf

from keras_attn.export import write_serving_files
from keras_attn.serving.warm_up import WARM_UP_FILE, read_warm_up

REQUESTS = [("", {"text": ["ß", ""]}), ("several", {"a": np.arange(300.0).reshape(2, 150), "b": [True]})]


def test_what_was_written_is_read(tmp_path):
    assert read_warm_up(tmp_path) == []
    write_serving_files(tmp_path, REQUESTS)
    found = read_warm_up(tmp_path)
    assert [name for name, _ in found] == ["", "several"]
    for (_, inputs), (_, expected) in zip(found, REQUESTS, strict=True):
        assert sorted(inputs) == sorted(expected)
        for name, content in inputs.items():
            tensor = tf.make_tensor_proto(expected[name])
            assert content == tensor.SerializeToString()


@pytest.mark.parametrize("damage", [lambda c: c[:-3], lambda c: c[:5], lambda c: c[:40] + b"\xff" * 9 + c[49:]])
def test_damaged_files(tmp_path, damage):
    write_serving_files(tmp_path, REQUESTS)
    path = tmp_path / WARM_UP_FILE
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError, match=r"tf_serving_warmup_requests.*export the model again"):
        read_warm_up(tmp_path)


def test_another_kind_of_request(tmp_path):
    (tmp_path / "assets.extra").mkdir()
    with tf.io.TFRecordWriter(str(tmp_path / WARM_UP_FILE)) as file:
        file.write(bytes([2 << 3 | 2, 0]))  # an empty RegressLog
    with pytest.raises(ValueError, match="record 1 is no PredictLog"):
        read_warm_up(tmp_path)
