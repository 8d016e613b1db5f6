import collections
import queue
import threading
import warnings

from keras_attn.monitoring.outputs import DeliveryError


class Outbox:
    """Delivers alerts to several outputs, and knows which are still to be delivered.

    An alert is posted, the caller writes `state` down, and then has it delivered: so none is lost when the process dies
    between. What takes time (a command, a webhook) is done by a thread for each output, and holds up neither the stream
    nor the other outputs. A delivery that fails is counted and warned of, and not tried again.

    Args:
        outputs: List of objects with `name`, `at_once` and `send(alert)`, whose names differ.

    Raises:
        ValueError: If two outputs have one name.
    """

    def __init__(self, outputs):
        self.outputs = {output.name: output for output in outputs}
        if len(self.outputs) < len(outputs):
            names = [output.name for output in outputs]
            raise ValueError(f"The names of the outputs must differ. Received: names={names}")
        self.failed = collections.Counter()
        self.delivered = 0  # since the process began; failures count too
        self._pending = {name: {} for name in self.outputs}  # output -> alert id -> alert
        self._waiting = []
        self._queues = {}
        self._change = threading.Condition()

    def post(self, alert):
        """Takes an alert in.

        Args:
            alert: Dict with the key `id`.
        """
        with self._change:
            for pending in self._pending.values():
                pending[alert["id"]] = alert
        self._waiting += [(name, alert) for name in self.outputs]

    def deliver(self):
        """Sends what was posted: at once, or by the output's thread."""
        waiting, self._waiting = self._waiting, []
        for name, alert in sorted(waiting, key=lambda item: not self.outputs[item[0]].at_once):
            if self.outputs[name].at_once:
                self._send(name, alert)
            else:
                self._queue(name).put(alert)

    def _queue(self, name):
        if name not in self._queues:
            self._queues[name] = queue.SimpleQueue()
            threading.Thread(target=self._work, args=(name,), daemon=True).start()
        return self._queues[name]

    def _work(self, name):
        while True:
            self._send(name, self._queues[name].get())

    def _send(self, name, alert):
        failed = 0
        try:
            self.outputs[name].send(alert)
        except DeliveryError as error:
            failed = 1
            warnings.warn(f"The alert {alert['id']} was not delivered: {error}.", stacklevel=2)
        with self._change:
            self.failed[name] += failed
            self.delivered += 1
            del self._pending[name][alert["id"]]
            self._change.notify_all()

    def wait(self, seconds=None):
        """Waits until everything that was given to the outputs is delivered or has failed.

        Args:
            seconds: Most seconds to wait; None waits as long as it takes.

        Returns:
            Whether nothing is left.
        """
        with self._change:
            return self._change.wait_for(lambda: not any(self._pending.values()), seconds)

    def state(self):
        """Gives what `restore` needs.

        Returns:
            Dict of plain values.
        """
        with self._change:
            pending = {name: list(alerts.values()) for name, alerts in self._pending.items()}
            return {"pending": pending, "failed": dict(self.failed)}

    def restore(self, state):
        """Goes on from an earlier state: what was not delivered then is posted again.

        Args:
            state: What `state` gave. Alerts for outputs that there are no more are dropped, with a warning.
        """
        self.failed = collections.Counter(state["failed"])
        for name, alerts in state["pending"].items():
            if name not in self.outputs:
                if alerts:
                    warnings.warn(f"{len(alerts)} alerts were still to go to the {name}; it is gone.", stacklevel=2)
                continue
            for alert in alerts:
                self._pending[name][alert["id"]] = alert
                self._waiting.append((name, alert))
