"""The same models behind other servers: files for TF Serving's image and for KServe."""

from pathlib import Path

from keras_attn.serving.model_folder import chosen_versions, find_versions

_IMAGE = "tensorflow/serving:2.20.0"  # links tensorflow-text's ops


def write_configurations(settings, folder):
    """Writes configurations of engines that scale over many machines.

    `tf_serving/models.config`, `batching.config` and `monitoring.config` are TF Serving's; `tf_serving/compose.yaml`
    starts its image with them. `kserve/NAME.yaml` is an `InferenceService` for each model, which runs the same image
    with as many replicas as its load needs.

    Args:
        settings: The `ServerSettings`.
        folder: Folder to write into, made if missing.

    Returns:
        List of the files.

    Raises:
        ValueError: If there is no model.
    """
    if not settings.models:
        raise ValueError("There is nothing to serve: name the folder of a model. Received: models=()")
    for model in settings.models:
        model.check_folder()
    folder = Path(folder)
    contents = {
        "tf_serving/models.config": "model_config_list {\n" + "".join(map(_model_config, settings.models)) + "}\n",
        "tf_serving/batching.config": _batching(settings),
        "tf_serving/monitoring.config": _MONITORING,
        "tf_serving/compose.yaml": _compose(settings),
        **{f"kserve/{model.name}.yaml": _inference_service(model, settings) for model in settings.models},
    }
    for name, content in contents.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content, "utf-8")
    return [folder / name for name in contents]


_MONITORING = """\
prometheus_config {
  enable: true
  path: "/monitoring/prometheus/metrics"
}
"""


def _model_config(model):
    policy = {"latest": "latest { num_versions: 1 }", "all": "all {}"}.get(model.versions)
    if policy is None:
        policy = f"specific {{ {' '.join(f'versions: {number}' for number in model.versions)} }}"
    labels = "".join(
        f"    version_labels {{ key: {_text(label)} value: {number} }}\n" for label, number in model.labels.items()
    )
    return (
        f"  config {{\n    name: {_text(model.name)}\n    base_path: {_text(f'/models/{model.name}')}\n"
        f'    model_platform: "tensorflow"\n    model_version_policy {{ {policy} }}\n{labels}  }}\n'
    )


def _batching(settings):
    return (
        f"max_batch_size {{ value: {max(model.max_rows for model in settings.models)} }}\n"
        "batch_timeout_micros { value: 2000 }\n"
        f"max_enqueued_batches {{ value: {settings.max_waiting} }}\n"
        "num_batch_threads { value: 2 }\n"
    )


def _text(value):
    """A string of a text protobuf, or of YAML."""
    return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'


def _compose(settings):
    mounts = "".join(f"      - {_text(f'{_base(model)}:/models/{model.name}:ro')}\n" for model in settings.models)
    labels = any(model.labels for model in settings.models)
    more = "      - --allow_version_labels_for_unavailable_models\n" if labels else ""
    return f"""\
# docker compose up; REST at {settings.port}, gRPC at 8500, this machine alone
services:
  tf-serving:
    image: {_IMAGE}
    ports:
      - "127.0.0.1:{settings.port}:8501"
      - "127.0.0.1:8500:8500"
    command:
      - --model_config_file=/config/models.config
      - --model_config_file_poll_wait_seconds=30
      - --enable_batching=true
      - --batching_parameters_file=/config/batching.config
      - --monitoring_config_file=/config/monitoring.config
      - --rest_api_timeout_in_ms={round(1000 * settings.seconds)}
{more}    volumes:
      - .:/config:ro
{mounts}"""


def _base(model):
    """The absolute folder that holds the model's versions."""
    path = Path(model.folder).resolve()
    return path.parent if (path / "saved_model.pb").is_file() else path


def _inference_service(model, settings):
    versions = chosen_versions(find_versions(model.folder), model.versions)
    return f"""\
# kubectl apply -f {model.name}.yaml, once the model's versions ({", ".join(map(str, versions))}) stand at storageUri
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata:
  name: {model.name.lower().replace("_", "-").replace(".", "-")}
spec:
  predictor:
    minReplicas: 1
    maxReplicas: 8
    scaleMetric: concurrency
    scaleTarget: 16
    containerConcurrency: {settings.max_waiting}
    timeout: {max(1, round(settings.seconds))}
    model:
      modelFormat:
        name: tensorflow
        version: "2"
      protocolVersion: v1
      runtimeVersion: {_text(_IMAGE.partition(":")[2])}
      storageUri: {_text(f"pvc://models/{model.name}")}
      args:
        - --enable_batching=true
      resources:
        requests: {{cpu: "1", memory: 1Gi}}
        limits: {{cpu: "2", memory: 2Gi}}
"""
