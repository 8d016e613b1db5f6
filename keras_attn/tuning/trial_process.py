"""One trial: a training in a process of its own, whose learning curve is read while it grows."""

import contextlib
import json
import os
import signal
import subprocess
from pathlib import Path


class TrialProcess:
    """A command that trains into a run folder, and goes on there if it is started again.

    Args:
        command: Called with the path of the run folder and whether to resume; returns the list of words to run.
        run: Path of the run folder; beside it stand `NAME.log`, what the command wrote, and `NAME.lock`.
        monitor: The metric of each epoch's line in `metrics.jsonl` that counts.
        environment: Dict of further environment variables.
    """

    def __init__(self, command, run, monitor, environment=None):
        self._command = command
        self._monitor = monitor
        self._environment = environment or {}
        self.run = Path(run)
        self._lock = None
        self._process = None

    def claim(self):
        """Takes the trial for this process and what it starts.

        The command inherits the lock: while it runs the trial is taken, even if this process was killed.

        Returns:
            Whether it was free.
        """
        import fcntl

        self.run.parent.mkdir(parents=True, exist_ok=True)
        self._lock = open(self.run.with_suffix(".lock"), "a")  # noqa: SIM115 kept open as long as the trial is ours
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            self.release()
            return False

    def release(self):
        """Gives the trial back."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def start(self):
        """Starts the command, or lets its earlier run go on."""
        resume = (self.run / "config.yaml").exists()
        with open(self.run.with_suffix(".log"), "ab") as log:
            self._process = subprocess.Popen(
                self._command(self.run, resume),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **self._environment},
                pass_fds=[self._lock.fileno()],
                start_new_session=True,  # Ctrl-C is for the tuner, which then stops its trials
            )

    def is_running(self):
        """Tells whether the command still runs.

        Returns:
            Whether it does.
        """
        return self._process.poll() is None

    def stop(self):
        """Ends the command; it saves where it stands."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGTERM)
        self._process.wait()

    @property
    def exit_code(self):
        """Exit code of the command."""
        return self._process.returncode

    def curve(self):
        """Reads the metric of each epoch that is done.

        Returns:
            Dict of epoch -> value.

        Raises:
            KeyError: If the task's runs have no such metric.
        """
        path, curve = self.run / "metrics.jsonl", {}
        for line in path.read_text("utf-8").splitlines(keepends=True) if path.exists() else ():
            if line.endswith("\n") and "event" not in (values := json.loads(line)):
                curve[values["epoch"]] = values[self._monitor]
        return curve

    def last_words(self):
        """Reads why the command failed.

        Returns:
            The last line that it wrote.
        """
        lines = self.run.with_suffix(".log").read_text("utf-8", errors="replace").splitlines()
        return next((line.strip() for line in reversed(lines) if line.strip()), "")
