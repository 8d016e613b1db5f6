"""One version of a model while it is served: its state, its process, and what waits for it."""

import asyncio
import time

from keras_attn.serving.batcher import Batcher
from keras_attn.serving.errors import ServingError
from keras_attn.serving.model_process import ModelLoadError, ModelProcess

_LONGEST_PAUSE = 30.0  # seconds between tries to start a process that keeps ending


class ServedVersion:
    """A version, from its loading to its end.

    Args:
        model: The `ModelSettings`.
        number: The version's number.
        folder: Its folder.
        settings: The `ServerSettings`.
        watcher: Object with the methods `loading(model, version)` and `ran(model, rows)`; and, for a process that ended
            by itself, `restarted(model, version, reason)`, then `loaded(model, version, error)` after each try.
    """

    def __init__(self, model, number, folder, settings, watcher):
        self.model = model
        self.number = number
        self.folder = folder
        self.state = "START"
        self.error = ""
        self.under_way = 0
        self._settings = settings
        self._watcher = watcher
        self._process = None
        self._batcher = None
        self._restarting = None

    @property
    def signatures(self):
        """Dict of name -> `Signature`."""
        return self._process.signatures

    @property
    def waiting(self):
        """Number of requests that wait for a run."""
        return self._batcher.waiting if self._batcher else 0

    @property
    def pid(self):
        """Number of its process, or None."""
        return self._process.pid if self._process else None

    async def load(self):
        """Starts the process; the state is then AVAILABLE, or END with an `error`."""
        self.state = "LOADING"
        await self._start()
        if self.state != "AVAILABLE":
            self.state = "END"
            return
        self._batcher = Batcher(
            self._run,
            self.model.max_rows,
            self._settings.max_waiting,
            self._settings.seconds,
            self._process_hangs,
            lambda rows: self._watcher.ran(self.model.name, rows),
        )

    async def ask(self, signature, inputs):
        """Answers a request.

        Args:
            signature: The `Signature`.
            inputs: Dict of name -> array.

        Returns:
            Dict of name -> array.

        Raises:
            ServingError: If the model refuses it, is overloaded, or its process ended.
        """
        if self.state == "LOADING":
            raise self._restart_error()
        self.under_way += 1
        try:
            return await self._batcher.submit(signature, inputs)
        except TimeoutError as error:
            raise ServingError(504, str(error) or "The request took too long.", "timeout") from None
        except ConnectionError:
            self._begin_restart()
            raise self._restart_error() from None
        finally:
            self.under_way -= 1

    async def unload(self, seconds):
        """Lets it finish what it began, and ends its process.

        Args:
            seconds: How long that may take.
        """
        self.state = "UNLOADING"
        if self._restarting:
            self._restarting.cancel()
            await asyncio.gather(self._restarting, return_exceptions=True)
        end = time.monotonic() + seconds
        while self.under_way and time.monotonic() < end:
            await asyncio.sleep(0.01)
        if self._batcher:
            await self._batcher.close()
        if self._process:
            await self._process.stop()
        self.state = "END"

    async def _start(self):
        """Starts a process; the state is then AVAILABLE, or there is an `error`."""
        self._watcher.loading(self.model.name, self.number)
        try:
            self._process = await ModelProcess.start(self.folder, self._settings.load_seconds)
        except (ModelLoadError, OSError) as error:
            self.error = str(error)
        else:
            self.state, self.error = "AVAILABLE", ""

    async def _run(self, name, inputs):
        return await self._process.run(name, inputs)

    async def _process_hangs(self):
        await self._process.kill()
        self._begin_restart()

    def _begin_restart(self):
        if self.state == "AVAILABLE":
            self.state = "LOADING"
            self._watcher.restarted(self.model.name, self.number, self._process.exit_reason())
            self._restarting = asyncio.create_task(self._restart())

    async def _restart(self):
        """Starts the process anew, again and again, with growing pauses."""
        await self._process.kill()
        pause = 0.0
        while self.state == "LOADING":
            await asyncio.sleep(pause)
            pause = min(max(1.0, 2 * pause), _LONGEST_PAUSE)
            await self._start()
            self._watcher.loaded(self.model.name, self.number, self.error)

    def _restart_error(self):
        message = f"Model {self.model.name} version {self.number} is being started again: try again later."
        return ServingError(503, message, "restarting", retry_after=1)
