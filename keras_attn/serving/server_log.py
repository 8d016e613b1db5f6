"""The server's log: one JSON object a line, without the texts of requests unless they are asked for."""

import contextlib
import datetime
import json
import sys
import traceback

from keras_attn.serving.masking import mask

_MAX_TEXTS, _MAX_CHARACTERS = 8, 500


class ServerLog:
    """Writes the log.

    Args:
        stream: Where to; standard error when None.
        with_texts: Whether the texts of requests are written, masked.
    """

    def __init__(self, stream=None, with_texts=False):
        self._stream = sys.stderr if stream is None else stream
        self.with_texts = with_texts

    def write(self, event, **values):
        """Writes a line. One that cannot be written, to a full disk or a closed pipe, is lost and stops nothing.

        Args:
            event: What happened.
            **values: What is to be said of it; None is left out.
        """
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
        line = {"time": now, "event": event, **{name: value for name, value in values.items() if value is not None}}
        with contextlib.suppress(OSError):
            self._stream.write(json.dumps(line) + "\n")
            self._stream.flush()

    def texts(self, inputs):
        """Gives what may be written of a request's texts.

        Args:
            inputs: Dict of name -> array.

        Returns:
            List of masked texts, cut where there is much; None if none are to be written.
        """
        if not self.with_texts:
            return None
        texts = [text for array in inputs.values() if array.dtype == object for text in array.ravel().tolist()]
        return [mask(text.decode("utf-8", "replace"))[:_MAX_CHARACTERS] for text in texts[:_MAX_TEXTS]]

    def failure(self, what, error):
        """Writes where an error came up that should not; its message stays out, as it may hold a text.

        Args:
            what: What was being done.
            error: The exception.
        """
        frames = traceback.extract_tb(error.__traceback__)
        self.write("failure", what=what, type=type(error).__name__, where=[f"{f.filename}:{f.lineno}" for f in frames])
