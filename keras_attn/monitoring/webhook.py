import http.client
import json
import time
import urllib.error
import urllib.parse
import urllib.request

from keras_attn.monitoring.outputs import DeliveryError


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirected POST would become a GET without its body."""

    def redirect_request(self, *_):
        return None


class Webhook:
    """Posts each alert as JSON to an address.

    Any answer 2xx is a success. Without an answer in time, and after 408, 429 or 5xx, it is tried again, after 0.5 s,
    1 s, 2 s and so on; other answers, redirections among them, fail at once. An alert may arrive twice, such as when
    the answer is lost; it has the same `id` then, which is in the header `Idempotency-Key` too.

    Args:
        url: Address, http or https.
        seconds: Time limit of a try.
        retries: Tries after the first.
        pause: Seconds before the second try; each further pause is twice as long.

    Raises:
        ValueError: If the address is none.
    """

    name = "webhook"
    at_once = False

    def __init__(self, url, seconds=5.0, retries=3, pause=0.5):
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(
                f"A webhook must be an address such as https://example.org/alerts. Received: webhook={url!r}"
            )
        self.url = url
        self.seconds = seconds
        self.retries = retries
        self.pause = pause
        self._opener = urllib.request.build_opener(_NoRedirects)

    def send(self, alert):
        """Posts an alert.

        Args:
            alert: Dict with the key `id`.

        Raises:
            DeliveryError: If no try succeeds.
        """
        for number in range(self.retries + 1):
            if number:
                time.sleep(self.pause * 2 ** (number - 1))
            problem, is_final = self._post(alert)
            if problem is None:
                return
            if is_final:
                break
        raise DeliveryError(f"{self.url} {problem}, after {number + 1} {'tries' if number else 'try'}")

    def _post(self, alert):
        """Gives what went wrong, or None, and whether another try is of no use."""
        request = urllib.request.Request(
            self.url,
            data=json.dumps(alert, ensure_ascii=False).encode("utf-8"),
            headers={"Content-Type": "application/json; charset=utf-8", "Idempotency-Key": alert["id"]},
            method="POST",
        )
        try:
            with self._opener.open(request, timeout=self.seconds):
                return None, True
        except urllib.error.HTTPError as error:
            error.close()
            return f"answered {error.code}", error.code < 500 and error.code not in (408, 429)
        except (OSError, http.client.HTTPException) as error:
            return f"could not be reached ({getattr(error, 'reason', error) or type(error).__name__})", False
