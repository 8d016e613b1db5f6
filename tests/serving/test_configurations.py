"""Configurations of other engines, as YAML and as what a reader of text protobufs accepts."""

import pytest
import yaml
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format

from keras_attn.serving import ModelSettings, ServerSettings, write_configurations

STRING, MESSAGE, INT64, BOOL = 9, 11, 3, 8


def message_classes():
    """The messages of TF Serving's configuration files, as far as they are used, by its protos' names and numbers."""
    file = descriptor_pb2.FileDescriptorProto(name="serving_test.proto", package="t", syntax="proto3")

    def add(name, *fields):
        message = file.message_type.add(name=name)
        for number, field, kind, *more in fields:
            label = 3 if "repeated" in more else 1
            made = message.field.add(name=field, number=number, type=kind, label=label)
            if kind == MESSAGE:
                made.type_name = f".t.{more[0]}"
        return message

    add("Latest", (1, "num_versions", INT64))
    add("All")
    add("Specific", (1, "versions", INT64, "repeated"))
    add(
        "Policy",
        (100, "latest", MESSAGE, "Latest"),
        (101, "all", MESSAGE, "All"),
        (102, "specific", MESSAGE, "Specific"),
    )
    config = add(
        "Model",
        (1, "name", STRING),
        (2, "base_path", STRING),
        (4, "model_platform", STRING),
        (7, "model_version_policy", MESSAGE, "Policy"),
        (8, "version_labels", MESSAGE, "Model.Label", "repeated"),
    )
    entry = config.nested_type.add(name="Label")
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, type=STRING, label=1)
    entry.field.add(name="value", number=2, type=INT64, label=1)
    add("Models", (1, "config", MESSAGE, "Model", "repeated"))
    add("Server", (1, "model_config_list", MESSAGE, "Models"))
    add("Int", (1, "value", INT64))
    add("Batching", *((n + 1, f, MESSAGE, "Int") for n, f in enumerate(BATCHING)))
    add("Prometheus", (1, "enable", BOOL), (2, "path", STRING))
    add("Monitoring", (1, "prometheus_config", MESSAGE, "Prometheus"))
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        n: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"t.{n}"))
        for n in ("Server", "Batching", "Monitoring")
    }


BATCHING = ("max_batch_size", "batch_timeout_micros", "max_enqueued_batches", "num_batch_threads")


@pytest.fixture
def written(tmp_path):
    for name, versions in (("a", (1, 3)), ("B_b", (2,))):
        for version in versions:
            (tmp_path / name / str(version)).mkdir(parents=True)
            (tmp_path / name / str(version) / "saved_model.pb").write_bytes(b"")
    models = [
        ModelSettings(str(tmp_path / "a"), versions=(1, 3), labels={"stable": 1}, max_rows=32),
        ModelSettings(str(tmp_path / "B_b" / "2"), max_rows=16),
    ]
    files = write_configurations(ServerSettings(models, port=9000, seconds=2.5, max_waiting=99), tmp_path / "out")
    return tmp_path, {path.relative_to(tmp_path / "out").as_posix(): path.read_text() for path in files}


def test_tf_serving(written):
    folder, files = written
    messages = message_classes()
    models = text_format.Parse(files["tf_serving/models.config"], messages["Server"]()).model_config_list.config
    assert [(model.name, model.base_path, model.model_platform) for model in models] == [
        ("a", "/models/a", "tensorflow"),
        ("B_b", "/models/B_b", "tensorflow"),
    ]
    assert list(models[0].model_version_policy.specific.versions) == [1, 3]
    assert dict(models[0].version_labels) == {"stable": 1}
    assert models[1].model_version_policy.latest.num_versions == 1
    batching = text_format.Parse(files["tf_serving/batching.config"], messages["Batching"]())
    assert batching.max_batch_size.value == 32 and batching.max_enqueued_batches.value == 99
    assert text_format.Parse(files["tf_serving/monitoring.config"], messages["Monitoring"]()).prometheus_config.enable
    service = yaml.safe_load(files["tf_serving/compose.yaml"])["services"]["tf-serving"]
    assert "127.0.0.1:9000:8501" in service["ports"] and "--rest_api_timeout_in_ms=2500" in service["command"]
    assert (
        f"{folder / 'a'}:/models/a:ro" in service["volumes"]
        and f"{folder / 'B_b'}:/models/B_b:ro" in service["volumes"]
    )


def test_kserve(written):
    _, files = written
    services = [yaml.safe_load(files[f"kserve/{name}.yaml"]) for name in ("a", "B_b")]
    assert [service["metadata"]["name"] for service in services] == ["a", "b-b"]
    predictor = services[0]["spec"]["predictor"]
    assert predictor["minReplicas"] < predictor["maxReplicas"] and predictor["scaleMetric"] == "concurrency"
    assert predictor["model"]["modelFormat"]["name"] == "tensorflow" and predictor["timeout"] == 2
    assert predictor["model"]["storageUri"].endswith("/a")
