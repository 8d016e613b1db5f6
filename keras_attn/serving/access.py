"""Who may ask, and how often."""

import hashlib
import hmac
import secrets
import time

from keras_attn.serving.errors import ServingError


class Access:
    """Checks keys and their rates.

    A key is a long random text, of which the settings hold the SHA-256. Each request is compared with every key, in a
    time that does not depend on how much of it is right.

    Args:
        keys: Sequence of `KeySettings`; empty if everybody may ask.
        clock: Function that gives seconds.

    Example:
        >>> from keras_attn.serving.access import Access, new_key
        >>> from keras_attn.serving.settings import KeySettings
        >>> key, digest = new_key()
        >>> Access([KeySettings("ada", digest)]).check({b"authorization": b"Bearer " + key.encode()})
        'ada'
    """

    def __init__(self, keys, clock=time.monotonic):
        self._keys = [(key, key.sha256.encode()) for key in keys]
        self._clock = clock
        self._left = {key.name: (_burst(key), clock()) for key in keys}

    def check(self, headers):
        """Finds out who asks.

        Args:
            headers: Dict of name -> value, bytes, the names in small letters: `authorization: Bearer KEY` or
                `x-api-key: KEY`.

        Returns:
            The key's name; None if everybody may ask.

        Raises:
            ServingError: 401 without a right key, 429 above the key's rate.
        """
        if not self._keys:
            return None
        given = hashlib.sha256(_given_key(headers)).hexdigest().encode()
        found = [key for key, digest in self._keys if hmac.compare_digest(given, digest)]
        if not found:
            message = "A key is needed: send it as `Authorization: Bearer KEY` or `X-API-Key: KEY`."
            raise ServingError(401, message, "no_key")
        self._count(found[0])
        return found[0].name

    def _count(self, key):
        if key.per_second is None:
            return
        left, last = self._left[key.name]
        now = self._clock()
        left = min(_burst(key), left + (now - last) * key.per_second)
        self._left[key.name] = (left - 1 if left >= 1 else left, now)
        if left < 1:
            seconds = (1 - left) / key.per_second
            message = f"More than {key.per_second:g} requests a second for this key: try again later."
            raise ServingError(429, message, "rate", retry_after=seconds)


def new_key():
    """Makes a key.

    Returns:
        The key, 43 characters, and its SHA-256, 64 hexadecimal digits.
    """
    key = secrets.token_urlsafe(32)
    return key, hashlib.sha256(key.encode()).hexdigest()


def _burst(key):
    """How many requests may come at once: those of a second, at least one."""
    return max(1.0, key.per_second or 1.0)


def _given_key(headers):
    kind, _, value = headers.get(b"authorization", b"").partition(b" ")
    return value.strip() if kind.lower() == b"bearer" else headers.get(b"x-api-key", b"")
