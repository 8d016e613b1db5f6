"""The HTTP application: TF Serving's REST API, a page, health and metrics."""

import asyncio
import contextlib
import re
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from keras_attn.serving.access import Access
from keras_attn.serving.door import Door, error_document
from keras_attn.serving.errors import ServingError, bad_request, shown
from keras_attn.serving.examples import read_examples, write_results
from keras_attn.serving.metrics import Metrics
from keras_attn.serving.model_store import ModelStore
from keras_attn.serving.openapi import DESCRIPTION, REQUESTS, RESPONSES
from keras_attn.serving.predict_request import (
    dump,
    find_signature,
    read_document,
    read_predict,
    signature_name,
    write_predict,
)
from keras_attn.serving.server_log import ServerLog
from keras_attn.version import __version__

_PAGE_FILES = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/page.js": ("page.js", "text/javascript; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
}
_PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
_MODEL = "/v1/models/{model}"
_PLACES = (_MODEL, _MODEL + "/versions/{version}", _MODEL + "/labels/{label}")


def make_app(settings, log=None, wait=False):
    """Makes the application of a server.

    Args:
        settings: The `ServerSettings`.
        log: A `ServerLog`; one to standard error when None.
        wait: Whether it takes its first request when every model is loaded; otherwise it answers 503 until then.

    Returns:
        An ASGI application, a `FastAPI`. Its models are loaded while it runs.
    """
    log = log or ServerLog(with_texts=settings.log_texts)
    metrics = Metrics()
    store = ModelStore(settings, _Watcher(metrics, log))
    for name in store.names:
        metrics.watch_queue(name, lambda name=name: store.waiting(name))

    @contextlib.asynccontextmanager
    async def lifespan(app):
        store.start()
        while wait and not store.is_ready():
            await asyncio.sleep(0.05)
        yield
        await store.stop()
        log.write("stopped")

    app = FastAPI(
        title="keras_attn serving",
        description=DESCRIPTION,
        version=__version__,
        lifespan=lifespan,
        docs_url=None,  # those pages load scripts from elsewhere
        redoc_url=None,
    )
    app.add_middleware(Door, access=Access(settings.keys), metrics=metrics, log=log)
    app.state.store = store
    _add_errors(app)
    _add_predictions(app, _Answers(settings, store, log))
    _add_descriptions(app, store)
    _add_watching(app, store, metrics)
    _add_page(app)
    _add_malformed(app)
    return app


class _Watcher:
    """Hands on what happens to models."""

    def __init__(self, metrics, log):
        self._metrics = metrics
        self._log = log
        self.ran = metrics.ran
        self.failed = log.failure

    def loaded(self, model, version, error):
        self._metrics.loaded(model, version, error)
        self._log.write("load failed" if error else "loaded", model=model, version=version, error=error or None)

    def unloaded(self, model, version):
        self._metrics.unloaded(model, version)
        self._log.write("unloaded", model=model, version=version)

    def restarted(self, model, version, reason):
        self._metrics.restarted(model)
        self._log.write("restarting", model=model, version=version, reason=reason)


class _Answers:
    """Answers to `:predict`, `:classify` and `:regress`."""

    def __init__(self, settings, store, log):
        self._settings = settings
        self._store = store
        self._log = log

    async def answer(self, request, verb, model, version, label):
        """Answers a request within its time; what it learns of it goes to the log."""
        facts = request.scope["state"]["facts"]
        facts["verb"] = verb
        if model in self._store.names:
            facts["model"] = model
        try:
            async with asyncio.timeout(self._settings.seconds):
                return await self._answer(request, facts, verb, model, version, label)
        except TimeoutError:
            message = f"The request took longer than {self._settings.seconds:g} s."
            raise ServingError(504, message, "timeout") from None

    async def _answer(self, request, facts, verb, model, version, label):
        document = read_document(await _read_body(request, self._settings.max_body_bytes))
        served = self._store.find(model, _number(version), label)  # nothing waits from here on until it is asked
        facts["version"] = served.number
        name = signature_name(document)
        signature = find_signature(served.signatures, name)
        facts["signature"] = signature.name
        in_rows = False
        if verb == "predict":
            inputs, in_rows = read_predict(document, signature)
        else:
            inputs = read_examples(document, signature, verb)
        facts["rows"] = _check_size(inputs, self._settings)
        facts["texts"] = self._log.texts(inputs)
        outputs = await served.ask(signature, inputs)
        content = write_predict(outputs, in_rows) if verb == "predict" else write_results(outputs, verb)
        return Response(content, media_type="application/json")


def _add_predictions(app, answers):
    for verb in ("predict", "classify", "regress"):
        for place in _PLACES:
            app.post(
                f"{place}:{verb}",
                summary=f"{verb.capitalize()}{_ending(place)}",
                tags=["models"],
                response_class=Response,
                responses=RESPONSES[verb],
                openapi_extra={"requestBody": REQUESTS[verb]},
            )(_prediction(answers, verb, place))


def _prediction(answers, verb, place):
    if place.endswith("{version}"):

        async def predict(request: Request, model: str, version: str):
            return await answers.answer(request, verb, model, version, None)
    elif place.endswith("{label}"):

        async def predict(request: Request, model: str, label: str):
            return await answers.answer(request, verb, model, None, label)
    else:

        async def predict(request: Request, model: str):
            return await answers.answer(request, verb, model, None, None)

    return predict


def _add_descriptions(app, store):
    def status(model, version=None, label=None):
        if ":" in model:
            raise bad_request(f"Malformed request: GET {shown(model)}: predictions are asked with POST")
        versions = store.versions(model)
        if version is not None or label is not None:
            number = store.number_of(model, label) if label is not None else _number(version)
            if number not in versions:
                raise ServingError(404, f"Could not find version {number} of model {model}", "unknown_version")
            versions = {number: versions[number]}
        found = [_status(number, versions[number]) for number in sorted(versions, reverse=True)]
        return Response(dump({"model_version_status": found}), media_type="application/json")

    def metadata(model, version=None, label=None):
        served = store.find(model, _number(version), label)
        signatures = {name: signature.as_document() for name, signature in served.signatures.items()}
        spec = {"name": model, "signature_name": "", "version": str(served.number)}
        document = {"model_spec": spec, "metadata": {"signature_def": {"signature_def": signatures}}}
        return Response(dump(document), media_type="application/json")

    for what, answer in (("Status", status), ("Metadata", metadata)):
        path = "" if what == "Status" else "/metadata"
        for place in _PLACES:
            options = {"tags": ["models"], "response_class": Response, "responses": RESPONSES["get"]}
            app.get(place + path, summary=f"{what}{_ending(place)}", **options)(_description(answer, place))

    @app.get("/models", summary="Names, versions and labels of all models", tags=["models"], responses=RESPONSES["get"])
    async def models():
        return {"models": [_overview(store, name) for name in store.names]}


def _description(answer, place):
    if place.endswith("{version}"):

        async def describe(model: str, version: str):
            return answer(model, version=version)
    elif place.endswith("{label}"):

        async def describe(model: str, label: str):
            return answer(model, label=label)
    else:

        async def describe(model: str):
            return answer(model)

    return describe


def _add_watching(app, store, metrics):
    @app.get("/healthz", summary="Whether the server runs", tags=["watching"])
    async def healthz():
        return {"status": "ok"}

    @app.get("/readyz", summary="Whether every model can answer", tags=["watching"], responses=RESPONSES["get"])
    async def readyz():
        if not store.is_ready():
            raise ServingError(503, "Not every model is loaded.", "not_ready", retry_after=1)
        return {"status": "ready"}

    @app.get("/metrics", summary="Prometheus's metrics", tags=["watching"], response_class=Response)
    async def page():
        content, kind = metrics.page()
        return Response(content, media_type=kind)


def _add_page(app):
    folder = Path(__file__).parent / "page"
    for path, (name, kind) in _PAGE_FILES.items():
        content = (folder / name).read_bytes()

        async def file(content=content, kind=kind):
            return Response(content, media_type=kind, headers=_PAGE_HEADERS)

        app.get(path, include_in_schema=False)(_without_arguments(file))


def _without_arguments(file):
    async def answer():
        return await file()

    return answer


def _add_malformed(app):
    @app.api_route("/v1/{rest:path}", methods=["GET", "POST", "PUT", "PATCH", "DELETE"], include_in_schema=False)
    async def malformed(request: Request):
        raise bad_request(f"Malformed request: {request.method} {shown(request.url.path)}")


def _add_errors(app):
    def answer(request, error):
        request.scope["state"]["facts"]["kind"] = error.kind
        content, headers = error_document(error)
        return Response(content, error.status, headers, "application/json")

    @app.exception_handler(ServingError)
    async def refused(request, error):
        return answer(request, error)

    @app.exception_handler(RequestValidationError)
    async def invalid(request, error):
        return answer(request, bad_request(f"Invalid request: {error.errors()[0]['msg']}"))

    @app.exception_handler(HTTPException)
    async def no_such_place(request, error):
        response = answer(request, ServingError(error.status_code, str(error.detail), "no_such_place"))
        response.headers.update(error.headers or {})
        return response


async def _read_body(request, limit):
    too_long = ServingError(413, f"The body is longer than {limit} bytes: send less at a time.", "body_too_long")
    declared = request.headers.get("content-length", "")
    if re.fullmatch(r"[0-9]+", declared) and int(declared[:20]) > limit:
        raise too_long
    parts, size = [], 0
    try:
        async for part in request.stream():
            size += len(part)
            if size > limit:
                raise too_long
            parts.append(part)
    except ClientDisconnect:
        raise ServingError(400, "The connection was closed before the body's end.", "disconnected") from None
    return b"".join(parts)


def _check_size(inputs, settings):
    """Rows of a request, within the limits."""
    rows = max((len(array) for array in inputs.values() if array.ndim), default=1)
    if rows > settings.max_instances:
        message = f"At most {settings.max_instances} instances may be sent at a time. Received: {rows} instances"
        raise ServingError(413, message, "too_many_instances")
    for name, array in inputs.items():
        longest = max(map(len, array.ravel().tolist()), default=0) if array.dtype == object else 0
        if longest > settings.max_text_bytes:
            message = f"Texts may have {settings.max_text_bytes} bytes. Received: {name} with {longest} bytes"
            raise ServingError(413, message, "text_too_long")
    return rows


def _number(version):
    if version is None:
        return None
    if not re.fullmatch(r"[0-9]{1,19}", version) or int(version) >= 2**63:
        raise bad_request(f"Failed to convert version: {shown(version)} to numeric.")
    return int(version)


def _status(number, version):
    error = {"error_code": "UNKNOWN", "error_message": version.error} if version.error else None
    return {
        "version": str(number),
        "state": version.state,
        "status": error or {"error_code": "OK", "error_message": ""},
    }


def _overview(store, name):
    versions = store.versions(name)
    loaded = sorted(number for number, version in versions.items() if version.state == "AVAILABLE")
    return {"name": name, "versions": [str(number) for number in loaded], "labels": store.labels(name)}


def _ending(place):
    return " of a version" if "{version}" in place else " of a label" if "{label}" in place else ""
