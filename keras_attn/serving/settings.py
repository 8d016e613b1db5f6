"""What a server is told: its models, limits, keys and certificates. One place names, types and checks it."""

import dataclasses
import difflib
import math
import re
from pathlib import Path

from keras_attn.serving.model_folder import check_name, find_versions

_POSITIVE = ("max_rows", "max_body_bytes", "max_instances", "max_text_bytes", "max_waiting")
_POSITIVE += ("seconds", "load_seconds", "poll_seconds", "stop_seconds")


@dataclasses.dataclass(frozen=True)
class ModelSettings:
    """A model to serve.

    Args:
        folder: Its folder, with a folder for each version; or the folder of one version.
        name: Its name in addresses; the folder's name when None.
        versions: "latest", "all", or a list of numbers.
        labels: Dict of label -> number of a version.
        max_rows: Most rows that requests share in one run; 1 for no sharing.

    Raises:
        ValueError: If a value is none of these.
    """

    folder: str
    name: str | None = None
    versions: str | tuple = "latest"
    labels: dict = dataclasses.field(default_factory=dict)
    max_rows: int = 64

    def __post_init__(self):
        if self.name is None:
            path = Path(self.folder).resolve()
            own = path.parent if (path / "saved_model.pb").is_file() and path.name.isdigit() else path
            object.__setattr__(self, "name", own.name)
        check_name(self.name)
        if isinstance(self.versions, list):
            object.__setattr__(self, "versions", tuple(self.versions))
        numbers = self.versions if isinstance(self.versions, tuple) else ()
        are_numbers = numbers and all(type(number) is int and number > 0 for number in numbers)
        if not (self.versions in ("latest", "all") or are_numbers):
            raise ValueError(
                f"`versions` must be latest, all, or a list of numbers. Received: versions={self.versions!r}"
            )
        if not isinstance(self.labels, dict) or not all(type(n) is int for n in self.labels.values()):
            raise ValueError(f"`labels` must give each label a version's number. Received: labels={self.labels!r}")
        _check_positive(self)

    def check_folder(self):
        """Raises a ValueError if there is nothing to serve in the folder.

        Raises:
            ValueError: Saying what is there instead, and what to do.
        """
        if find_versions(self.folder):
            return
        path = Path(self.folder)
        what = "holds no version of a model (1/saved_model.pb, 2/saved_model.pb, ...)"
        if not path.is_dir():
            what = "is no folder"
        elif (path / "config.yaml").is_file():
            what = f"is a run folder: write its model first, with `keras-attn export {path} saved_models/{path.name}`"
        elif any(find_versions(inner) for inner in path.iterdir() if inner.is_dir()):
            what = f"holds models, not versions of one: serve {path}/*"
        raise ValueError(f"{path} {what}. Received: folder={str(self.folder)!r}")


@dataclasses.dataclass(frozen=True)
class KeySettings:
    """Somebody who may ask.

    Args:
        name: Who; it stands in logs and counts.
        sha256: The SHA-256 of the key, as `keras-attn serve --new-key NAME` writes it.
        per_second: Requests a second, on average; None for as many as the server can.

    Raises:
        ValueError: If a value is none of these.
    """

    name: str
    sha256: str
    per_second: float | None = None

    def __post_init__(self):
        check_name(self.name)
        if not isinstance(self.sha256, str) or not re.fullmatch(r"[0-9a-f]{64}", self.sha256):
            raise ValueError(
                "`sha256` must be 64 hexadecimal digits: make a key with `keras-attn serve --new-key NAME`. "
                f"Received: a text of {len(str(self.sha256))} characters"
            )
        if self.per_second is not None and not (_is_number(self.per_second) and self.per_second > 0):
            raise ValueError(f"`per_second` must be a number above 0. Received: per_second={self.per_second!r}")


@dataclasses.dataclass(frozen=True)
class ServerSettings:
    """A server.

    Args:
        models: Tuple of `ModelSettings`.
        host: Address to listen at. `0.0.0.0` lets other machines in: give keys then.
        port: Port; 0 for a free one.
        tls_certificate: File of the certificate chain, in PEM; None for plain HTTP.
        tls_key: File of its private key, in PEM.
        keys: Tuple of `KeySettings`; empty if everybody may ask.
        max_body_bytes: Longest body of a request.
        max_instances: Most rows of a request.
        max_text_bytes: Longest text, in UTF-8.
        max_waiting: Most requests that wait for a model.
        seconds: Time limit of a request, its waiting counted.
        load_seconds: Time limit for loading a version.
        poll_seconds: How often the folders are looked at for new versions.
        stop_seconds: How long requests that are under way may take when the server stops.
        log_texts: Whether the log holds the texts of requests, e-mail addresses, phone and card numbers masked.

    Raises:
        ValueError: If a value is out of its range, or two models have one name.
    """

    models: tuple = ()
    host: str = "127.0.0.1"
    port: int = 8501
    tls_certificate: str | None = None
    tls_key: str | None = None
    keys: tuple = ()
    max_body_bytes: int = 4 * 2**20
    max_instances: int = 1024
    max_text_bytes: int = 100_000
    max_waiting: int = 256
    seconds: float = 30.0
    load_seconds: float = 300.0
    poll_seconds: float = 2.0
    stop_seconds: float = 30.0
    log_texts: bool = False

    def __post_init__(self):
        for name in ("models", "keys"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
            names = [entry.name for entry in getattr(self, name)]
            twice = sorted({entry for entry in names if names.count(entry) > 1})
            if twice:
                raise ValueError(f"`{name}` must have different names. Received: {', '.join(twice)}, given twice")
        _check_positive(self)
        if type(self.port) is not int or not 0 <= self.port < 2**16:
            raise ValueError(f"`port` must be a number from 0 to 65535. Received: port={self.port!r}")
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError(
                "`tls_certificate` and `tls_key` belong together. "
                f"Received: tls_certificate={self.tls_certificate!r}, tls_key={self.tls_key!r}"
            )
        for name in ("tls_certificate", "tls_key"):
            path = getattr(self, name)
            if path is not None and not Path(path).is_file():
                raise ValueError(f"`{name}` must be a file. Received: {name}={path!r}")
        if type(self.log_texts) is not bool:
            raise ValueError(f"`log_texts` must be true or false. Received: log_texts={self.log_texts!r}")


def load_settings(path):
    """Reads the settings of a server from a YAML file.

    Folders and files are named from where the file stands.

    Args:
        path: The file: the names of `ServerSettings`, with a list of `ModelSettings` under `models` and a list of
            `KeySettings` under `keys`.

    Returns:
        A `ServerSettings`.

    Raises:
        ValueError: If the file is no YAML of this kind; an unknown name is answered with the nearest.
    """
    import yaml

    path = Path(path)
    try:
        document = yaml.safe_load(path.read_text("utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        where = getattr(error, "problem_mark", None)
        line = f":{where.line + 1}" if where else ""
        raise ValueError(f"{path}{line}: not valid YAML: {getattr(error, 'problem', error)}") from None
    values = _checked_names(document or {}, ServerSettings, f"{path}")
    for name, kind in (("models", ModelSettings), ("keys", KeySettings)):
        entries = values.get(name, [])
        if not isinstance(entries, list):
            raise ValueError(f"{path}: `{name}` must be a list. Received: {name}={entries!r}")
        made = []
        for number, entry in enumerate(entries, start=1):
            made.append(_make(kind, entry, path, f"{path}: {name}, entry {number}"))
        values[name] = made
    return _make(ServerSettings, values, path, f"{path}")


def _make(kind, values, path, where):
    values = _checked_names(values, kind, where)
    for name in ("folder", "tls_certificate", "tls_key"):
        if isinstance(values.get(name), str):
            values[name] = str(path.parent / values[name])
    required = [f.name for f in dataclasses.fields(kind) if _is_required(f)]
    missing = [name for name in required if name not in values]
    if missing:
        raise ValueError(f"{where} lacks `{missing[0]}`. Received: {sorted(values)}")
    try:
        return kind(**values)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{where}: {error}") from None


def _is_required(field):
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _checked_names(values, kind, where):
    if not isinstance(values, dict):
        raise ValueError(f"{where}: names and values were expected. Received: {values!r}")
    known = [field.name for field in dataclasses.fields(kind)]
    for name in values:
        if name not in known:
            close = difflib.get_close_matches(str(name), known, n=1)
            hint = f" Did you mean `{close[0]}`?" if close else ""
            raise ValueError(f"{where}: unknown name.{hint} Known are {', '.join(known)}. Received: {name!r}")
    return dict(values)


def _check_positive(settings):
    for field in dataclasses.fields(settings):
        value = getattr(settings, field.name)
        if field.name not in _POSITIVE:
            continue
        whole = field.type in (int, "int")
        if not _is_number(value) or value <= 0 or (whole and type(value) is not int):
            kind = "whole number" if whole else "number"
            raise ValueError(f"`{field.name}` must be a {kind} above 0. Received: {field.name}={value!r}")


def _is_number(value):
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
