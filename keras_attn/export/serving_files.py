"""What TF Serving reads beside a SavedModel: requests to warm up with, and how to batch and to be watched."""

from pathlib import Path

import tensorflow as tf

# Read with --enable_per_model_batching_parameters, or named to --batching_parameters_file.
_BATCHING = """\
max_batch_size { value: 64 }
batch_timeout_micros { value: 5000 }
max_enqueued_batches { value: 100 }
num_batch_threads { value: 2 }
"""
# Named to --monitoring_config_file.
_MONITORING = """\
prometheus_config {
  enable: true
  path: "/monitoring/prometheus/metrics"
}
"""


def write_serving_files(folder, requests):
    """Writes `assets.extra/tf_serving_warmup_requests`, `batching_params.pbtxt` and `monitoring.config`.

    A server answers the requests before it says that the model is ready, so that nobody waits for the first one.

    Args:
        folder: Folder of the version, beside `saved_model.pb`.
        requests: List of pairs: the name of a signature, and its inputs, a dict of name -> array.

    Reference:
        TensorFlow Serving, "SavedModel Warmup" and "Serving Configuration"; the messages are those of
        prediction_log.proto, predict.proto and model.proto.
    """
    folder = Path(folder)
    (folder / "assets.extra").mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(folder / "assets.extra" / "tf_serving_warmup_requests")) as file:
        for signature, inputs in requests:
            file.write(_prediction_log(signature, inputs))
    (folder / "batching_params.pbtxt").write_text(_BATCHING, "utf-8")
    (folder / "monitoring.config").write_text(_MONITORING, "utf-8")


def _prediction_log(signature, inputs):
    """PredictionLog{predict_log=6: PredictLog{request=1: PredictRequest{model_spec=1, inputs=2}}}."""
    request = _field(1, _field(3, signature.encode()))  # ModelSpec{signature_name=3}
    for name, value in inputs.items():
        tensor = tf.make_tensor_proto(value).SerializeToString()  # 32 bits for Python's numbers
        request += _field(2, _field(1, name.encode()) + _field(2, tensor))  # an entry of a map: key=1, value=2
    return _field(6, _field(1, request))


def _field(number, content):
    """One field of a protobuf message that holds bytes, a string or a message, as it is encoded."""
    length, size = len(content), b""
    while length > 127:
        size, length = size + bytes([length & 127 | 128]), length >> 7
    return bytes([number << 3 | 2]) + size + bytes([length]) + content
