"""The page that Prometheus reads, as its own parser reads it."""

from prometheus_client.parser import text_string_to_metric_families

from keras_attn.serving.metrics import Metrics


def samples(metrics):
    content, kind = metrics.page()
    assert kind.startswith("text/plain")
    families = text_string_to_metric_families(content.decode())
    return {(s.name, *sorted(s.labels.items())): s.value for family in families for s in family.samples}


def test_what_is_counted():
    metrics, waiting = Metrics(), [3]
    metrics.answered("m", "predict", 200, 0.02)
    metrics.answered("m", "predict", 200, 0.2)
    metrics.refused("m", "queue_full")
    metrics.ran("m", 5)
    metrics.loaded("m", 2, "")
    metrics.loaded("m", 3, "damaged")
    metrics.restarted("m")
    metrics.watch_queue("m", lambda: waiting[0])
    found, model = samples(metrics), ("model", "m")
    assert found["keras_attn_requests_total", ("code", "200"), model, ("verb", "predict")] == 2
    assert found["keras_attn_request_seconds_bucket", ("le", "0.025"), model, ("verb", "predict")] == 1
    assert found["keras_attn_errors_total", ("kind", "queue_full"), model] == 1
    assert found["keras_attn_batch_rows_sum", model] == 5
    assert found["keras_attn_model_version_loaded", model, ("version", "2")] == 1
    assert ("keras_attn_model_version_loaded", model, ("version", "3")) not in found
    assert found["keras_attn_model_loads_total", model, ("result", "failed")] == 1
    assert found["keras_attn_model_restarts_total", model] == 1
    assert found["keras_attn_queue_requests", model] == 3
    waiting[0] = 0
    metrics.unloaded("m", 2)
    found = samples(metrics)
    assert found["keras_attn_queue_requests", model] == 0
    assert ("keras_attn_model_version_loaded", model, ("version", "2")) not in found
