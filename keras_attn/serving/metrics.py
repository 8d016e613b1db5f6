"""Counts and times for Prometheus."""

import prometheus_client
from prometheus_client import Counter, Gauge, Histogram

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)


class Metrics:
    """What a server counts. Each server has a registry of its own.

    The names of models are those of the settings, never a request's, so that nobody can fill the memory with names.

    Example:
        >>> from keras_attn.serving.metrics import Metrics
        >>> metrics = Metrics()
        >>> metrics.answered("dates", "predict", 200, 0.02)
        >>> b'keras_attn_requests_total{code="200",model="dates",verb="predict"} 1.0' in metrics.page()[0]
        True
    """

    def __init__(self):
        self.registry = prometheus_client.CollectorRegistry()
        own = {"registry": self.registry, "namespace": "keras_attn"}
        self._requests = Counter("requests", "Requests answered", ["model", "verb", "code"], **own)
        self._seconds = Histogram("request_seconds", "Time of a request", ["model", "verb"], buckets=_SECONDS, **own)
        self._errors = Counter("errors", "Requests refused or failed, by kind", ["model", "kind"], **own)
        self._rows = Histogram("batch_rows", "Rows of a model's runs", ["model"], buckets=_ROWS, **own)
        self._waiting = Gauge("queue_requests", "Requests that wait for a model", ["model"], **own)
        self._versions = Gauge("model_version_loaded", "1 for each version that is loaded", ["model", "version"], **own)
        self._loads = Counter("model_loads", "Versions loaded", ["model", "result"], **own)
        self._restarts = Counter("model_restarts", "Processes that ended and were started again", ["model"], **own)

    def answered(self, model, verb, status, seconds):
        """Counts a request.

        Args:
            model: The model's name, "" for none of the settings.
            verb: What was asked, such as "predict".
            status: HTTP status.
            seconds: How long it took.
        """
        self._requests.labels(model, verb, str(status)).inc()
        self._seconds.labels(model, verb).observe(seconds)

    def refused(self, model, kind):
        """Counts an error.

        Args:
            model: The model's name, or "".
            kind: The `ServingError`'s kind.
        """
        self._errors.labels(model, kind).inc()

    def ran(self, model, rows):
        """Counts a run of a model.

        Args:
            model: The model's name.
            rows: Its rows.
        """
        self._rows.labels(model).observe(rows)

    def loaded(self, model, version, error):
        """Counts a version that was loaded, or could not be.

        Args:
            model: The model's name.
            version: The version's number.
            error: What went wrong, or "".
        """
        self._loads.labels(model, "failed" if error else "loaded").inc()
        if not error:
            self._versions.labels(model, str(version)).set(1)

    def unloaded(self, model, version):
        """Notes that a version is gone.

        Args:
            model: The model's name.
            version: The version's number.
        """
        self._versions.remove(model, str(version))

    def restarted(self, model):
        """Counts a process that ended by itself.

        Args:
            model: The model's name.
        """
        self._restarts.labels(model).inc()

    def watch_queue(self, model, count):
        """Has the length of a queue read whenever the page is made.

        Args:
            model: The model's name.
            count: Function that gives the number of requests that wait.
        """
        self._waiting.labels(model).set_function(count)

    def page(self):
        """Writes all in Prometheus's text format.

        Returns:
            Bytes, and their content type.
        """
        return prometheus_client.generate_latest(self.registry), prometheus_client.CONTENT_TYPE_LATEST
