"""The warm-up requests, read with the messages as TF Serving declares them, and the configurations."""

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from tensorflow.core.framework import tensor_pb2

from keras_attn.export import write_serving_files

# From prediction_log.proto, predict.proto and model.proto: what a message holds, by field number.
MESSAGES = {
    "PredictionLog": {6: ("predict_log", "PredictLog")},
    "PredictLog": {1: ("request", "PredictRequest")},
    "PredictRequest": {1: ("model_spec", "ModelSpec"), 2: ("inputs", "PredictRequest.InputsEntry")},
    "ModelSpec": {1: ("name", None), 3: ("signature_name", None)},
}


@pytest.fixture(scope="module")
def prediction_log():
    kinds = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="serving.proto", package="serving", syntax="proto3")
    file.dependency.append(tensor_pb2.DESCRIPTOR.name)
    for message, fields in MESSAGES.items():
        declared = file.message_type.add(name=message)
        for number, (name, kind) in fields.items():
            field = declared.field.add(name=name, number=number, label=kinds.LABEL_OPTIONAL, type=kinds.TYPE_STRING)
            if kind:
                field.type, field.type_name = kinds.TYPE_MESSAGE, f".serving.{kind}"
            if name == "inputs":  # map<string, TensorProto>
                field.label = kinds.LABEL_REPEATED
                entry = declared.nested_type.add(name="InputsEntry")
                entry.options.map_entry = True
                entry.field.add(name="key", number=1, label=kinds.LABEL_OPTIONAL, type=kinds.TYPE_STRING)
                value = entry.field.add(name="value", number=2, label=kinds.LABEL_OPTIONAL, type=kinds.TYPE_MESSAGE)
                value.type_name = ".tensorflow.TensorProto"
    pool = descriptor_pool.Default()
    pool.Add(file) if hasattr(pool, "Add") else pool.AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("serving.PredictionLog"))


def test_the_requests_are_what_a_server_reads(tmp_path, prediction_log):
    requests = [
        ("serving_default", {"text": ["ä", "b" * 300]}),
        ("sample", {"text": ["x"], "seed": [3], "temperature": [0.5]}),
    ]
    write_serving_files(tmp_path, requests)
    file = str(tmp_path / "assets.extra" / "tf_serving_warmup_requests")
    records = [prediction_log.FromString(record.numpy()) for record in tf.data.TFRecordDataset(file)]
    assert len(records) == 2
    for record, (signature, inputs) in zip(records, requests, strict=True):
        request = record.predict_log.request
        assert request.model_spec.signature_name == signature and request.inputs.keys() == inputs.keys()
        for name, values in inputs.items():
            expected = [value.encode() if isinstance(value, str) else value for value in values]
            assert tf.make_ndarray(request.inputs[name]).tolist() == expected


def test_numbers_have_the_types_of_the_signature(tmp_path, prediction_log):
    inputs = {"seed": np.array([1], "int32"), "temperature": np.array([1.0], "float32")}
    write_serving_files(tmp_path, [("sample", inputs)])
    file = str(tmp_path / "assets.extra" / "tf_serving_warmup_requests")
    (record,) = tf.data.TFRecordDataset(file)
    found = prediction_log.FromString(record.numpy()).predict_log.request.inputs
    assert {name: tf.make_ndarray(value).dtype for name, value in found.items()} == {
        "seed": np.dtype("int32"),
        "temperature": np.dtype("float32"),
    }


def test_the_configurations(tmp_path):
    write_serving_files(tmp_path, [])
    batching = (tmp_path / "batching_params.pbtxt").read_text()
    assert "max_batch_size { value: 64 }" in batching and "num_batch_threads" in batching
    assert 'path: "/monitoring/prometheus/metrics"' in (tmp_path / "monitoring.config").read_text()
