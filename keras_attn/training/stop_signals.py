import contextlib
import signal
import threading


class Terminated(SystemExit):
    """SIGTERM came, and what was trained is saved. The process leaves with exit code 143, as 128 + SIGTERM."""

    def __init__(self):
        super().__init__(128 + signal.SIGTERM)


class StopSignals:
    """Holds Ctrl-C and SIGTERM back while a training is in a step, so that it can save a checkpoint and then leave.

    A second one acts at once. Outside the main thread, where Python handles no signals, nothing happens; a signal that
    the process was told to ignore (as by `nohup`) stays ignored.

    Example:
        >>> import signal
        >>> from keras_attn.training import StopSignals
        >>> with StopSignals() as signals:
        ...     signal.raise_signal(signal.SIGTERM)
        ...     print(signals.received == signal.SIGTERM)
        True
    """

    def __init__(self):
        self.received = None
        self._handlers = {}
        self._at_once = False

    def __enter__(self):
        self.received = None
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                if signal.getsignal(number) != signal.SIG_IGN:
                    self._handlers[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *error):
        while self._handlers:
            signal.signal(*self._handlers.popitem())

    def _note(self, number, frame):
        again = self.received is not None
        self.received = number
        if again or self._at_once:
            self.leave()

    @contextlib.contextmanager
    def at_once(self):
        """Lets signals act at once within the block, where nothing can be lost.

        Yields:
            None

        Raises:
            KeyboardInterrupt: After Ctrl-C, which may have come before.
            Terminated: After SIGTERM.
        """
        self._at_once = True
        try:
            if self.received:
                self.leave()
            yield
        finally:
            self._at_once = False

    def leave(self):
        """Does what the signal that was held back asks for.

        Raises:
            KeyboardInterrupt: After Ctrl-C.
            Terminated: After SIGTERM.
        """
        raise KeyboardInterrupt if self.received == signal.SIGINT else Terminated
