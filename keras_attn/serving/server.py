"""A server on a socket: it starts, says where it listens, and stops when it has finished what it began."""

import socket

from keras_attn.serving.server_log import ServerLog


def run_server(settings, log=None):
    """Serves until SIGTERM or Ctrl-C.

    New connections are refused from then on, and requests under way are answered, for at most `stop_seconds`.

    Args:
        settings: The `ServerSettings`.
        log: A `ServerLog`; one to standard error when None.

    Raises:
        ValueError: If there is nothing to serve, or the address cannot be listened at.
    """
    import uvicorn

    from keras_attn.serving.app import make_app

    if not settings.models:
        raise ValueError("There is nothing to serve: name the folder of a model. Received: models=()")
    for model in settings.models:
        model.check_folder()
    log = log or ServerLog(with_texts=settings.log_texts)
    listening = _listen(settings)
    config = uvicorn.Config(
        make_app(settings, log),
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # nobody asks where a request comes from
        ssl_certfile=settings.tls_certificate,
        ssl_keyfile=settings.tls_key,
        timeout_graceful_shutdown=max(1, round(settings.stop_seconds)),
    )
    host, port = listening.getsockname()[:2]
    address = f"{'https' if settings.tls_key else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"
    log.write("listening", address=address, models=[model.name for model in settings.models])
    with listening:
        uvicorn.Server(config).run(sockets=[listening])


def _listen(settings):
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        return socket.create_server((settings.host, settings.port), family=family, backlog=1024)
    except OSError as error:
        raise ValueError(
            f"The server cannot listen there ({error.strerror}): choose another port or address. "
            f"Received: host={settings.host!r}, port={settings.port}"
        ) from None
