import base64
import collections

from keras_attn.monitoring.message import MalformedMessageError, parse_message

_CLOCK_ERROR = 60.0  # seconds that a sender's clock may be ahead of ours


class Intake:
    """Lets each message of a stream in once and in time, and counts what it leaves out.

    A message is late if its time is more than `lateness` before the newest time that was let in; ahead if its time is
    more than a minute after this machine's; repeated if one of the last `memory` messages had its key.

    Args:
        lateness: Seconds.
        memory: How many messages are remembered, eight bytes each.
        **columns: `time_column`, `text_column` and `id_column` of `parse_message`.

    Example:
        >>> from keras_attn.monitoring import Intake
        >>> intake = Intake(lateness=60)
        >>> line = b'{"time": 1000, "text": "Hello", "id": 7}'
        >>> [message.text for message in intake.take([line, line, b"{"], now=1000)]
        ['Hello']
        >>> intake.counts["repeated"], intake.malformed["json"]
        (1, 1)
    """

    def __init__(self, lateness, memory=100_000, **columns):
        self.lateness = lateness
        self.memory = memory
        self.columns = columns
        self.newest = 0.0
        self.counts = dict.fromkeys(("messages", "late", "ahead", "repeated", "malformed"), 0)
        self.malformed = collections.Counter()
        self._order = collections.deque()
        self._seen = set()

    def take(self, lines, now):
        """Lets messages in.

        Args:
            lines: List of bytes; None stands for a line that was too long to be kept.
            now: This machine's time, in seconds since 1970.

        Returns:
            List of those `Message`s that are new, in their order.
        """
        taken = []
        for line in lines:
            if line is not None and not line.strip():
                continue
            try:
                if line is None:
                    raise MalformedMessageError("length")
                message = parse_message(line, **self.columns)
            except MalformedMessageError as error:
                self.counts["malformed"] += 1
                self.malformed[error.reason] += 1
                continue
            fate = self._fate(message, now)
            self.counts[fate] += 1
            if fate == "messages":
                self._remember(message)
                taken.append(message)
        return taken

    def _fate(self, message, now):
        if message.time > now + _CLOCK_ERROR:
            return "ahead"
        if message.time < self.newest - self.lateness:
            return "late"
        return "repeated" if message.key in self._seen else "messages"

    def _remember(self, message):
        self.newest = max(self.newest, message.time)
        self._seen.add(message.key)
        self._order.append(message.key)
        if len(self._order) > self.memory:
            self._seen.discard(self._order.popleft())

    def state(self):
        """Gives what `restore` needs.

        Returns:
            Dict of plain values.
        """
        return {
            "newest": self.newest,
            "counts": self.counts,
            "malformed": dict(self.malformed),
            "seen": base64.b64encode(b"".join(self._order)).decode("ascii"),
        }

    def restore(self, state):
        """Goes on from an earlier state.

        Args:
            state: What `state` gave.
        """
        self.newest = state["newest"]
        self.counts = dict(state["counts"])
        self.malformed = collections.Counter(state["malformed"])
        keys = base64.b64decode(state["seen"])
        self._order = collections.deque(keys[start : start + 8] for start in range(0, len(keys), 8))
        self._seen = set(self._order)
