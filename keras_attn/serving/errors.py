"""What a request can be refused with: the HTTP status and the text of its error document."""


class ServingError(Exception):
    """A request that gets an error document.

    Args:
        status: HTTP status.
        message: What was wrong, and how to put it right.
        kind: A word for logs and counts, which holds nothing of the request.
        retry_after: Seconds after which another try may succeed, or None.

    Example:
        >>> from keras_attn.serving import ServingError
        >>> ServingError(404, "Servable not found for request: Latest(half)", "unknown_model").status
        404
    """

    def __init__(self, status, message, kind, retry_after=None):
        super().__init__(message)
        self.status = status
        self.message = message
        self.kind = kind
        self.retry_after = retry_after


def bad_request(message):
    """Makes the error of a request that can never be answered.

    Args:
        message: What is wrong with it.

    Returns:
        A `ServingError` of status 400.
    """
    return ServingError(400, message, "bad_request")


def shown(value):
    """Writes a value of a request for an error's text.

    Args:
        value: Any value.

    Returns:
        Its `repr`, cut where it is long.
    """
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
