"""The HTTP application: TF Serving's REST API, a page, health and metrics."""

import asyncio
import contextlib
import functools
import re
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.responses import Response
from fastapi.routing import APIRoute
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
    app.router.route_class = _BareRoute
    app.add_middleware(Door, access=Access(settings.keys), metrics=metrics, log=log)
    app.state.store = store
    _add_errors(app)
    _add_predictions(app, _Answers(settings, store, log))
    _add_descriptions(app, store)
    _add_watching(app, store, metrics)
    _add_page(app)
    _add_malformed(app)
    return app


class _BareRoute(APIRoute):
    """A route that FastAPI describes and finds; its function is called without FastAPI's dependencies and checks."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.app = self._answer

    async def _answer(self, scope, receive, send):
        response = await self.endpoint(Request(scope, receive), **scope["path_params"])
        await response(scope, receive, send)


class _Watcher:
    """Hands on what happens to models."""

    def __init__(self, metrics, log):
        self._metrics = metrics
        self._log = log
        self.ran = metrics.ran
        self.failed = log.failure

    def loading(self, model, version):
        self._log.write("loading", model=model, version=version)

    def loaded(self, model, version, error):
        self._metrics.loaded(model, version, error)
        self._log.write("load failed" if error else "loaded", model=model, version=version, error=error or None)

    def unloaded(self, model, version):
        self._metrics.unloaded(model, version)
        self._log.write("unloaded", model=model, version=version)

    def restarted(self, model, version, reason):
        self._metrics.restarted(model)
        self._metrics.unloaded(model, version)
        self._log.write("restarting", model=model, version=version, reason=reason)


class _Answers:
    """Answers to `:predict`, `:classify` and `:regress`."""

    def __init__(self, settings, store, log):
        self._settings = settings
        self._store = store
        self._log = log

    async def answer(self, verb, request, model, version=None, label=None):
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
        return _json(content)


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
            )(_endpoint(place, functools.partial(answers.answer, verb)))


def _endpoint(place, answer):
    """A function that takes the names of a place, as FastAPI wants to see them, and hands them on."""
    if "{version}" in place:

        async def ask(request: Request, model: str, version: str):
            return await answer(request, model, version=version)
    elif "{label}" in place:

        async def ask(request: Request, model: str, label: str):
            return await answer(request, model, label=label)
    else:

        async def ask(request: Request, model: str):
            return await answer(request, model)

    return ask


def _add_descriptions(app, store):
    async def status(request, model, version=None, label=None):
        if ":" in model:
            raise bad_request(f"Malformed request: GET {shown(model)}: predictions are asked with POST")
        versions = store.versions(model)
        if version is not None or label is not None:
            number = store.number_of(model, label) if label is not None else _number(version)
            if number not in versions:
                raise ServingError(404, f"Could not find version {number} of model {model}", "unknown_version")
            versions = {number: versions[number]}
        found = [_status(number, versions[number]) for number in sorted(versions, reverse=True)]
        return _json(dump({"model_version_status": found}))

    async def metadata(request, model, version=None, label=None):
        served = store.find(model, _number(version), label)
        signatures = {name: signature.as_document() for name, signature in served.signatures.items()}
        spec = {"name": model, "signature_name": "", "version": str(served.number)}
        return _json(dump({"model_spec": spec, "metadata": {"signature_def": {"signature_def": signatures}}}))

    options = {"tags": ["models"], "response_class": Response, "responses": RESPONSES["get"]}
    for what, path, answer in (("Status", "", status), ("Metadata", "/metadata", metadata)):
        for place in _PLACES:
            app.get(place + path, summary=f"{what}{_ending(place)}", **options)(_endpoint(place, answer))

    @app.get("/models", summary="Names, versions and labels of all models", **options)
    async def models(request: Request):
        return _json(dump({"models": [_overview(store, name) for name in store.names]}))


def _add_watching(app, store, metrics):
    options = {"tags": ["watching"], "response_class": Response}

    @app.get("/healthz", summary="Whether the server runs", **options)
    async def healthz(request: Request):
        return _json(dump({"status": "ok"}))

    @app.get("/readyz", summary="Whether every model can answer", responses=RESPONSES["get"], **options)
    async def readyz(request: Request):
        if not store.is_ready():
            raise ServingError(503, "Not every model is loaded.", "not_ready", retry_after=1)
        return _json(dump({"status": "ready"}))

    @app.get("/metrics", summary="Prometheus's metrics", **options)
    async def page(request: Request):
        content, kind = metrics.page()
        return Response(content, media_type=kind)


def _add_page(app):
    folder = Path(__file__).parent / "page"
    for path, (name, kind) in _PAGE_FILES.items():
        app.add_route(path, _page_file((folder / name).read_bytes(), kind))


def _page_file(content, kind):
    async def answer(request):
        return Response(content, media_type=kind, headers=_PAGE_HEADERS)

    return answer


def _add_malformed(app):
    async def malformed(request):
        raise bad_request(f"Malformed request: {request.method} {shown(request.url.path)}")

    app.add_route("/v1/{rest:path}", malformed, methods=["GET", "POST", "PUT", "PATCH", "DELETE"])


def _add_errors(app):
    @app.exception_handler(HTTPException)
    async def no_such_place(request, error):
        request.scope["state"]["facts"]["kind"] = "no_such_place"
        content, _ = error_document(ServingError(error.status_code, str(error.detail), "no_such_place"))
        return Response(content, error.status_code, error.headers, "application/json")


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


def _json(content):
    return Response(content, media_type="application/json")


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
