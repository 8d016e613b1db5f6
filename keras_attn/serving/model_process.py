"""The server's end of a model's process: starting it, asking it, stopping it."""

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
from pathlib import Path

from keras_attn.serving.errors import ServingError, bad_request
from keras_attn.serving.messages import LENGTH, decode_message, encode_message
from keras_attn.serving.signature import Signature

_PACKAGE_PARENT = str(Path(__file__).resolve().parents[2])
# TensorFlow's kinds of errors -> HTTP status.
_STATUSES = {3: 400, 9: 400, 11: 400, 5: 404, 8: 429, 12: 501, 14: 503, 4: 504}


class ModelLoadError(Exception):
    """A version that cannot be loaded; the message says why."""


class ModelProcess:
    """A running process with one version of a model. Made by `ModelProcess.start`.

    Args:
        process: The `subprocess.Popen`.
        reader: `asyncio.StreamReader` of the connection.
        writer: `asyncio.StreamWriter` of the connection.
    """

    def __init__(self, process, reader, writer):
        self._process = process
        self._reader = reader
        self._writer = writer
        self._turn = asyncio.Lock()
        self.signatures = {}
        self.pid = process.pid

    @classmethod
    async def start(cls, folder, seconds):
        """Starts a process, and waits until its model is loaded and warmed up.

        Args:
            folder: Folder of the version.
            seconds: Time limit.

        Returns:
            A `ModelProcess`.

        Raises:
            ModelLoadError: If the model cannot be loaded, or not in time.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            process = _spawn(theirs.fileno(), folder)
        reader, writer = await asyncio.open_connection(sock=ours)
        started = cls(process, reader, writer)
        try:
            async with asyncio.timeout(seconds):
                header, _ = await started._receive()
        except TimeoutError:
            await started.kill()
            raise ModelLoadError(f"{folder} was not loaded within {seconds:g} s: give it more time") from None
        except (OSError, asyncio.IncompleteReadError):
            await started.kill()
            raise ModelLoadError(f"The process that loads {folder} ended: {started.exit_reason()}") from None
        except BaseException:
            await started.kill()
            raise
        if "error" in header:
            await started.kill()
            raise ModelLoadError(f"{folder} cannot be loaded: {header['error']}")
        documents = header["signatures"]
        started.signatures = {name: Signature.from_document(name, value) for name, value in documents.items()}
        return started

    async def run(self, signature, inputs):
        """Calls a signature; calls take turns.

        Args:
            signature: Its name.
            inputs: Dict of name -> array.

        Returns:
            Dict of name -> array.

        Raises:
            ServingError: If the model refuses the inputs.
            ConnectionError: If the process has ended.
        """
        async with self._turn:
            if self._writer.is_closing():  # killed; writing would be an error of the loop's own kind
                raise ConnectionError(self.exit_reason())
            try:
                self._writer.write(encode_message({"signature": signature}, inputs))
                await self._writer.drain()
                header, outputs = await self._receive()
            except (asyncio.IncompleteReadError, ConnectionError):
                await self._wait_for_end(1.0)
                raise ConnectionError(self.exit_reason()) from None
        return outputs_of(header, outputs)

    async def _receive(self):
        (size,) = LENGTH.unpack(await self._reader.readexactly(LENGTH.size))
        return decode_message(await self._reader.readexactly(size))

    def exit_reason(self):
        """Tells how the process ended.

        Returns:
            A text.
        """
        code = self._process.poll()
        if code is None:
            return "its connection was closed"
        return f"killed by signal {-code}" if code < 0 else f"exit code {code}"

    async def stop(self, seconds=5.0):
        """Ends the process: by closing its connection, by force if that takes too long.

        Args:
            seconds: How long it may take.
        """
        self._writer.close()
        if not await self._wait_for_end(seconds):
            await self.kill()

    async def _wait_for_end(self, seconds):
        for _ in range(int(seconds / 0.02)):
            if self._process.poll() is not None:
                return True
            await asyncio.sleep(0.02)
        return False

    async def kill(self):
        """Ends the process by force, whatever it does."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        self._writer.close()
        while self._process.poll() is None:
            await asyncio.sleep(0.005)


def outputs_of(header, arrays):
    """Reads an answer of a model's process.

    Args:
        header: Its header.
        arrays: Its arrays.

    Returns:
        Dict of name -> array.

    Raises:
        ServingError: If it is an error.
    """
    if "error" not in header:
        return arrays
    status = _STATUSES.get(header["code"], 500)
    raise bad_request(header["error"]) if status == 400 else ServingError(status, header["error"], "model_error")


def _spawn(number, folder):
    environment = {
        **os.environ,
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "PYTHONPATH": os.pathsep.join(filter(None, [_PACKAGE_PARENT, os.environ.get("PYTHONPATH")])),
    }
    # -P: nothing is imported from the folder in which the server was started.
    command = [sys.executable, "-P", "-m", "keras_attn.serving.model_worker", str(number), os.fspath(folder)]
    return subprocess.Popen(
        command,
        env=environment,
        pass_fds=[number],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=None if os.environ.get("KERAS_ATTN_DEBUG") == "1" else subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C is for the server, which lets it finish
    )
