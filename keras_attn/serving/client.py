"""A client of TF Serving's REST API: of this server, and of the stock one."""

import base64
import http.client
import json
import ssl
import time
import urllib.parse

from keras_attn.serving.errors import ServingError

_DROPPED = (http.client.HTTPException, ConnectionError)
_PATIENCE = 8.0  # the longest pause between two tries, in seconds


class Client:
    """Asks a server. It keeps its connection; one client is for one thread.

    A request that gets a 503 (a full queue, a model that is being loaded), or whose connection breaks, is sent again,
    after 0.1 s, 0.2 s, 0.4 s and so on, or after the server's `Retry-After`.

    Args:
        url: Address of the server, such as "http://127.0.0.1:8501".
        model: Name of the model.
        version: Number of the version; None for the one that the server chooses.
        label: Label of the version, or None.
        key: API key, or None.
        seconds: Time limit of a try.
        retries: Tries after the first.
        tls_certificate: File of the certificate to trust, in PEM; None for those that the system trusts.

    Raises:
        ValueError: If the address is none, or both a version and a label are given.

    Example:
        >>> from keras_attn.serving import Client
        >>> client = Client("http://127.0.0.1:8501", "dates")
        >>> client.close()
    """

    def __init__(self, url, model, version=None, label=None, key=None, seconds=30.0, retries=5, tls_certificate=None):
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"A server has an address such as http://127.0.0.1:8501. Received: url={url!r}")
        if version is not None and label is not None:
            raise ValueError(f"Give a version or a label. Received: version={version!r}, label={label!r}")
        self.model = model
        self.retries = retries
        place = f"/versions/{int(version)}" if version is not None else ""
        place = f"/labels/{urllib.parse.quote(label, safe='')}" if label is not None else place
        self._path = f"{parts.path.rstrip('/')}/v1/models/{urllib.parse.quote(model, safe='')}{place}"
        self._headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {key}"} if key else {})}
        if parts.scheme == "https":
            context = ssl.create_default_context(cafile=tls_certificate)
            self._connection = http.client.HTTPSConnection(parts.hostname, parts.port, timeout=seconds, context=context)
        else:
            self._connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=seconds)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Closes the connection; the next request opens a new one."""
        self._connection.close()

    def predict(self, instances=None, inputs=None, signature=None):
        """Asks for predictions, in rows or in columns.

        Args:
            instances: List of rows: values, or dicts of input name -> value. Arrays and `bytes` may stand in it.
            inputs: Columns instead: an array or nested lists, or a dict of input name -> array.
            signature: Name of the signature; the server's default when None.

        Returns:
            The predictions, a list; for `inputs` the outputs, an array as nested lists or a dict of them.

        Raises:
            ServingError: If the server refuses the request; its `status` and `message` are the server's.
            ConnectionError: If the server cannot be reached.
            ValueError: If not exactly one of `instances` and `inputs` is given.
        """
        if (instances is None) == (inputs is None):
            raise ValueError("Give either `instances`, for rows, or `inputs`, for columns. Received: both or none")
        given = {"inputs": inputs} if instances is None else {"instances": instances}
        answer = self._ask("POST", ":predict", given, signature)
        return answer["outputs"] if instances is None else answer["predictions"]

    def classify(self, examples, context=None, signature=None):
        """Asks for classes.

        Args:
            examples: List of dicts of feature name -> value or list of values.
            context: Dict of features that all examples share, or None.
            signature: Name of the signature; the server's default when None.

        Returns:
            For each example a list of pairs of label and score.
        """
        return self._results(":classify", examples, context, signature)

    def regress(self, examples, context=None, signature=None):
        """Asks for a number for each example.

        Args:
            examples: List of dicts of feature name -> value or list of values.
            context: Dict of features that all examples share, or None.
            signature: Name of the signature; the server's default when None.

        Returns:
            List of numbers.
        """
        return self._results(":regress", examples, context, signature)

    def status(self):
        """Asks for the states of the model's versions.

        Returns:
            List of dicts with `version`, `state` and `status`.
        """
        return self._ask("GET", "")["model_version_status"]

    def metadata(self):
        """Asks what the model can be asked.

        Returns:
            Dict of signature name -> dict with `inputs`, `outputs` and `method_name`.
        """
        return self._ask("GET", "/metadata")["metadata"]["signature_def"]["signature_def"]

    def _results(self, verb, examples, context, signature):
        given = {"examples": examples, **({"context": context} if context else {})}
        answer = self._ask("POST", verb, given, signature)
        return answer["results"] if "results" in answer else answer["result"]

    def _ask(self, method, ending, document=None, signature=None):
        body = None
        if document is not None:
            named = {"signature_name": signature} if signature else {}
            body = json.dumps({**named, **document}, default=_plain).encode()
        for number in range(self.retries + 1):
            try:
                self._connection.request(method, self._path + ending, body, self._headers)
                response = self._connection.getresponse()
                status, content = response.status, response.read()
                wait = _seconds(response.headers.get("Retry-After"))
            except _DROPPED as error:
                self._connection.close()
                status, wait, lost = 503, None, error
                content = None
            except OSError:  # such as a time limit: what is left of this request must not meet the next one
                self._connection.close()
                raise
            if status == 200:
                return json.loads(content)
            if status != 503 or number == self.retries:
                break
            time.sleep(min(_PATIENCE, max(0.1 * 2**number, wait or 0.0)))
        if content is None:
            raise ConnectionError(f"The server was not reached in {self.retries + 1} tries: {lost!r}") from lost
        raise ServingError(status, _message(content), "refused")


def _plain(value):
    """What JSON has no word for: arrays, numbers of NumPy, and binary data."""
    if isinstance(value, bytes):
        return {"b64": base64.b64encode(value).decode("ascii")}
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"A request takes lists, numbers, texts, bytes and arrays. Received: {type(value).__name__}")


def _seconds(text):
    return float(text) if text and text.isascii() and text.isdigit() else None


def _message(content):
    try:
        return str(json.loads(content)["error"])
    except (ValueError, KeyError, TypeError):
        return content[:500].decode("utf-8", "replace")
