"""`keras-attn launch`: a training in several processes of this machine, watched and started again."""

import contextlib
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time

from keras_attn.commands import terminal
from keras_attn.commands.parsing import positive
from keras_attn.training import Terminated

_PROGRAM = "import sys; from keras_attn.cli import main; sys.exit(main())"
_GRACE = 120  # seconds in which workers may end by themselves: time to notice that one is gone, and to save
_FINAL = (2, 3)  # exit codes after which the same command would fail again: a mistake, a training that diverged


class LaunchError(Exception):
    """The training failed and is not started again.

    Args:
        message: What happened.
        exit_code: That of the worker that failed first.
    """

    def __init__(self, message, exit_code):
        super().__init__(message)
        self.exit_code = exit_code


def add_launch(parser):
    """Adds what `launch` takes.

    Args:
        parser: The command's parser.
    """
    parser.epilog = (
        "example:\n  keras-attn launch --workers 2 --restarts 3 -- train translation --train train.en train.de "
        "--valid val.en val.de --out runs/en-de"
    )
    workers = positive(int, "a whole number")
    parser.add_argument("--workers", type=workers, required=True, metavar="N", help="processes to train in")
    restarts_help = "times to start all again with --resume after one has failed (default: 0)"
    parser.add_argument("--restarts", type=int, default=0, metavar="R", help=restarts_help)
    parser.add_argument("train", nargs="...", metavar="-- train TASK ...", help="the training, as without launch")


def run(options):
    """Runs `launch`.

    Args:
        options: What the parser gave.

    Raises:
        LaunchError: If a worker fails and no restart is left, or would not help.
        ValueError: If the command is no training.
    """
    words = options.train[1:] if options.train[:1] == ["--"] else options.train
    if words[:1] != ["train"] or options.restarts < 0:
        raise ValueError(
            "launch starts a training: keras-attn launch --workers N [--restarts R, 0 or more] -- train TASK ... "
            f"Received: {shlex.join(options.words)}"
        )
    if "--strategy" not in words:
        words = [*words, "--strategy", "multiworker"]
    for attempt in range(options.restarts + 1):
        failed = _Job(words, options.workers).watch()
        if failed is None:
            return
        index, code = failed
        left = 0 if code in _FINAL else options.restarts - attempt
        what = f"Worker {index} ended with exit code {code}"
        if not left:
            raise LaunchError(f"{what}, and the others were stopped.", code if code > 0 else 128 - code)
        terminal.say(f"keras-attn: {what}; all are started again, {left - 1} more times if need be.")
        words = words if "--resume" in words else [*words, "--resume"]


class _Job:
    """The processes of one attempt."""

    def __init__(self, words, count):
        ports = _free_ports(count)
        cluster = {"worker": [f"127.0.0.1:{port}" for port in ports]}
        self.processes, self.threads, self.signal = [], [], None
        for index in range(count):
            task = {"cluster": cluster, "task": {"type": "worker", "index": index}}
            process = subprocess.Popen(
                [sys.executable, "-c", _PROGRAM, *words],
                env={**os.environ, "TF_CONFIG": json.dumps(task)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C reaches them by this process alone
            )
            self.processes.append(process)
            self.threads.append(threading.Thread(target=_pass_on, args=(index, process.stdout), daemon=True))
            self.threads[-1].start()

    def watch(self):
        """Waits for the end of all; returns (index, exit code) of the worker that failed first, or None."""
        failed = deadline = None
        with self._signals_passed_on():
            while any(process.poll() is None for process in self.processes):
                codes = [process.poll() for process in self.processes]
                if failed is None and self.signal is None:
                    failed = next(((index, code) for index, code in enumerate(codes) if code), None)
                    deadline = failed and time.monotonic() + _GRACE
                if deadline and time.monotonic() > deadline:
                    self._send(signal.SIGKILL)
                time.sleep(0.1)
            if failed is None:
                failed = next(((i, p.returncode) for i, p in enumerate(self.processes) if p.returncode), None)
        for thread in self.threads:
            thread.join(5)
        if self.signal == signal.SIGINT:
            raise KeyboardInterrupt
        if self.signal == signal.SIGTERM:
            raise Terminated
        return failed

    @contextlib.contextmanager
    def _signals_passed_on(self):
        """Sends Ctrl-C and SIGTERM to all workers, which save and end; a second one kills them."""

        def pass_on(number, frame):
            self._send(number if self.signal is None else signal.SIGKILL)
            self.signal = self.signal or number

        before = {number: signal.signal(number, pass_on) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            self._send(signal.SIGKILL)

    def _send(self, number):
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(number)


def _pass_on(index, stream):
    """Writes what a worker says to standard error, line by line, behind its number."""
    for line in stream:
        sys.stderr.write(f"[{index}] {line.decode('utf-8', 'replace')}")
        sys.stderr.flush()


def _free_ports(count):
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
