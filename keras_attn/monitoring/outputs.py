"""Where alerts go: a file, standard output, a command. Each takes an alert as a dict that has an `id`."""

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys


class DeliveryError(Exception):
    """An alert could not be delivered."""


class AlertFile:
    """Appends alerts to a file, one JSON object a line, each once.

    Args:
        path: The file; made if missing.

    Example:
        >>> from keras_attn.monitoring import AlertFile
        >>> for _ in range(2):
        ...     AlertFile("alerts.jsonl").send({"id": "a-1"})
        >>> open("alerts.jsonl").read()
        '{"id": "a-1"}\\n'
    """

    name = "file"
    at_once = True

    def __init__(self, path):
        self.path = path

    def send(self, alert):
        """Appends an alert, unless it is there already.

        Args:
            alert: Dict with the key `id`.
        """
        with open(self.path, "a+b") as file:
            file.seek(0)
            whole = file.read()
            end = whole.rfind(b"\n") + 1
            if end < len(whole):  # torn by a crash
                file.truncate(end)
            if any(json.loads(line)["id"] == alert["id"] for line in whole[:end].splitlines()):
                return
            file.write(json.dumps(alert, ensure_ascii=False).encode("utf-8") + b"\n")
            file.flush()
            os.fsync(file.fileno())


class AlertPrinter:
    """Prints alerts on standard output, one JSON object a line.

    After a crash the last one may be printed again, with the same `id`.
    """

    name = "stdout"
    at_once = True

    def send(self, alert):
        """Prints an alert.

        Args:
            alert: Dict with the key `id`.
        """
        print(json.dumps(alert, ensure_ascii=False), flush=True)


class CommandHook:
    """Runs a command for each alert, with the alert as a JSON line on its standard input.

    The command is no line for a shell: it is cut into words, and the first word is run. What it prints goes to standard
    error. It fails if it ends with another code than 0 or does not end in time; then it is killed, with all that it
    started. After a crash the last alert may be given to it again, with the same `id`.

    Args:
        command: Command line, quoted like in a shell.
        seconds: Time limit.

    Raises:
        ValueError: If there is no such command.

    Example:
        >>> from keras_attn.monitoring import CommandHook
        >>> CommandHook("grep -q a-1").send({"id": "a-1"})
    """

    name = "command"
    at_once = False

    def __init__(self, command, seconds=10.0):
        self.words = shlex.split(command)
        self.seconds = seconds
        if not self.words or shutil.which(self.words[0]) is None:
            raise ValueError(
                "The command of a hook must be a program that exists and may be run; for a shell's features name a "
                f"script, or sh -c '...'. Received: command={command!r}"
            )

    def send(self, alert):
        """Runs the command.

        Args:
            alert: Dict with the key `id`.

        Raises:
            DeliveryError: If it fails.
        """
        line = json.dumps(alert, ensure_ascii=False).encode("utf-8") + b"\n"
        try:
            process = subprocess.Popen(self.words, stdin=subprocess.PIPE, stdout=sys.__stderr__, start_new_session=True)
        except OSError as error:
            raise DeliveryError(f"the command {self.words[0]} cannot be run: {error}") from None
        try:
            process.communicate(line, timeout=self.seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise DeliveryError(f"the command {self.words[0]} took more than {self.seconds:g} s") from None
        if process.returncode:
            raise DeliveryError(f"the command {self.words[0]} ended with code {process.returncode}")
