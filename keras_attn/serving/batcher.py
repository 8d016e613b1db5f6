"""Requests that wait for the same model share its runs."""

import asyncio
import collections
import dataclasses

import numpy as np

from keras_attn.serving.errors import ServingError

_WAIT_SHARE = 0.002  # seconds for which a run waits for those who were answered together and may ask again


@dataclasses.dataclass(eq=False)
class _Waiting:
    signature: object
    inputs: dict
    rows: int
    kind: tuple
    answer: asyncio.Future


class Batcher:
    """Joins what waits for a model into batches, one run at a time.

    A request that finds the model idle is run at once: alone it waits for nothing. What arrives during a run waits, and
    is run together next: as many requests of one signature and the same sizes as `max_rows` allows. So batches grow
    with the load by themselves. When a joint run fails, each of its requests is run alone, so that the one at fault
    harms no other.

    Args:
        run: Coroutine function of a signature's name and a dict of arrays, which gives a dict of arrays.
        max_rows: Most rows in a joint run; 1 for no joint runs.
        max_waiting: Most requests that wait.
        seconds: Time limit of a run.
        on_hang: Coroutine function, called when a run exceeds it.
        observe: Function of the number of rows of each run.
    """

    def __init__(self, run, max_rows, max_waiting, seconds, on_hang, observe):
        self._run = run
        self._max_rows = max_rows
        self._max_waiting = max_waiting
        self._seconds = seconds
        self._on_hang = on_hang
        self._observe = observe
        self._queue = collections.deque()
        self._running = []
        self._filled = asyncio.Event()
        self._unbatchable = set()
        self._last_shared = 1
        self._task = asyncio.create_task(self._work())

    @property
    def waiting(self):
        """Number of requests that wait for a run."""
        return len(self._queue)

    async def submit(self, signature, inputs):
        """Runs a request, alone or with others.

        Args:
            signature: The `Signature`.
            inputs: Dict of name -> array.

        Returns:
            Dict of name -> array.

        Raises:
            ServingError: If the queue is full, or the model refuses the inputs.
            ConnectionError: If the model's process ended.
            TimeoutError: If its run took too long.
        """
        if len(self._queue) >= self._max_waiting:
            raise ServingError(503, "The queue of this model is full: try again later.", "queue_full", retry_after=1)
        rows, kind = self._rows_and_kind(signature, inputs)
        waiting = _Waiting(signature, inputs, rows, kind, asyncio.get_running_loop().create_future())
        self._queue.append(waiting)
        self._filled.set()
        return await waiting.answer

    async def close(self):
        """Ends the work; those who still wait get a 503, and those whose run is broken off."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        for waiting in [*self._running, *self._queue]:
            _settle(waiting, ConnectionError("the model was unloaded"))
        self._queue.clear()

    def _rows_and_kind(self, signature, inputs):
        """Rows of a request, and what must be equal for a joint run; an object of its own where none is possible."""
        if not signature.is_batched or signature.name in self._unbatchable or self._max_rows == 1:
            first = next(iter(inputs.values()), None)
            return (len(first) if first is not None and first.ndim else 1), object()
        sizes = {array.shape[0] for array in inputs.values()}
        if len(sizes) > 1 or 0 in sizes:
            return max(sizes), object()
        return sizes.pop(), (signature.name, *(array.shape[1:] for array in inputs.values()))

    async def _work(self):
        while True:
            await self._filled.wait()
            if len(self._queue) < self._last_shared:
                await asyncio.sleep(_WAIT_SHARE)
            self._running = self._take()
            self._last_shared = max(1, len(self._running))
            if self._running:
                await self._answer(self._running)

    def _take(self):
        """Takes the oldest request, and those that can share its run; those nobody waits for any more are dropped."""
        batch, left, rows = [], collections.deque(), 0
        for waiting in self._queue:
            if waiting.answer.done():
                continue
            if not batch or (waiting.kind == batch[0].kind and rows + waiting.rows <= self._max_rows):
                batch.append(waiting)
                rows += waiting.rows
            else:
                left.append(waiting)
        self._queue = left
        if not left:
            self._filled.clear()
        return batch

    async def _answer(self, batch):
        try:
            answers = await self._run_joint(batch) if len(batch) > 1 else None
            if answers is not None:
                for waiting, outputs in zip(batch, answers, strict=True):
                    _settle(waiting, outputs)
                return
            for waiting in batch:
                try:
                    _settle(waiting, await self._run_limited(waiting.signature.name, waiting.inputs, waiting.rows))
                except ServingError as error:
                    _settle(waiting, error)
        except Exception as error:  # the process ended or hung, or a bug: whatever it is, the work goes on
            for waiting in batch:
                _settle(waiting, error)

    async def _run_joint(self, batch):
        """The answers of a joint run; None if each request has to be run alone."""
        signature = batch[0].signature
        inputs = {name: np.concatenate([w.inputs[name] for w in batch]) for name in batch[0].inputs}
        total = sum(waiting.rows for waiting in batch)
        try:
            outputs = await self._run_limited(signature.name, inputs, total)
        except ServingError:
            return None
        if any(array.shape[:1] != (total,) for array in outputs.values()):
            self._unbatchable.add(signature.name)
            return None
        ends = np.cumsum([waiting.rows for waiting in batch])[:-1]
        parts = {name: np.split(array, ends) for name, array in outputs.items()}
        return [{name: parts[name][place] for name in parts} for place in range(len(batch))]

    async def _run_limited(self, name, inputs, rows):
        self._observe(rows)
        try:
            async with asyncio.timeout(self._seconds):
                return await self._run(name, inputs)
        except TimeoutError:
            await self._on_hang()
            raise TimeoutError(f"The model did not answer within {self._seconds:g} s.") from None


def _settle(waiting, answer):
    if waiting.answer.done():
        return
    if isinstance(answer, Exception):
        waiting.answer.set_exception(answer)
    else:
        waiting.answer.set_result(answer)
