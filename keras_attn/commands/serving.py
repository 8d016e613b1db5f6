"""The command `serve`."""

from keras_attn.commands.parsing import positive

_EXAMPLE = """\
examples:
  keras-attn serve saved_models/dates
  keras-attn serve --config serve.yaml
  keras-attn serve --new-key ada
  keras-attn serve saved_models/* --write-config deploy"""


def add_serve(parser):
    """Adds the flags of `serve`.

    Args:
        parser: The command's parser, made with `run` as its function.
    """
    parser.epilog = _EXAMPLE
    folder_help = "folder of an exported model, with a folder for each version, or the folder of one version"
    parser.add_argument("folders", nargs="*", metavar="DIR", help=folder_help)
    parser.add_argument("--host", metavar="H", help="address to listen at (default: 127.0.0.1, this machine alone)")
    parser.add_argument("--port", type=_port, metavar="P", help="port; 0 for a free one (default: 8501)")
    parser.add_argument("--config", metavar="F", help="YAML file of models, limits, keys and certificates")
    kind = positive(int, "a whole number")
    rows_help = "most rows that requests share in one run; 1 for no sharing (default: 64)"
    parser.add_argument("--max-rows", type=kind, metavar="N", help=rows_help)
    parser.add_argument(
        "--new-key", metavar="NAME", help="make an API key, print it and what the config takes, and end"
    )
    write_help = "write configurations for TF Serving's image and for KServe into DIR, and end"
    parser.add_argument("--write-config", metavar="DIR", help=write_help)


def run(options):
    """Runs `serve`.

    Args:
        options: What the parser gave.

    Raises:
        ValueError: If there is nothing to serve, or the extra `serve` is not installed.
    """
    from keras_attn.serving import run_server, write_configurations

    if options.new_key:
        _print_key(options.new_key)
        return
    settings = _settings(options)
    if options.write_config:
        print(*write_configurations(settings, options.write_config), sep="\n")
        return
    try:
        import fastapi  # noqa: F401
        import prometheus_client  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise ValueError(
            f"The server needs a package that is not installed: pip install 'keras_attn[serve]'. "
            f"Received: no module {error.name!r}"
        ) from error
    run_server(settings)


def _settings(options):
    import dataclasses

    from keras_attn.serving import ModelSettings, ServerSettings, load_settings

    settings = load_settings(options.config) if options.config else ServerSettings()
    given = {name: getattr(options, name) for name in ("host", "port") if getattr(options, name) is not None}
    rows = {"max_rows": options.max_rows} if options.max_rows else {}
    models = [ModelSettings(folder, **rows) for folder in options.folders]
    if models:
        given["models"] = [*settings.models, *models]
    return dataclasses.replace(settings, **given)


def _print_key(name):
    from keras_attn.serving import KeySettings, new_key

    key, digest = new_key()
    KeySettings(name, digest)
    print(key)
    print(
        f"# It is shown this once. The server's config takes its hash:\nkeys:\n  - name: {name}\n    sha256: {digest}"
    )


def _port(text):
    import argparse

    if not (text.isascii() and text.isdigit() and int(text) < 2**16):
        raise argparse.ArgumentTypeError(f"must be a number from 0 to 65535. Received: {text!r}")
    return int(text)
