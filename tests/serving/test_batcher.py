"""Joint runs: who shares one, what a failure does to the others, what is refused. The model is a Python function."""

import asyncio

import numpy as np
import pytest

from keras_attn.serving import ServingError
from keras_attn.serving.batcher import Batcher
from keras_attn.serving.signature import Signature, Tensor

DOUBLE = Signature("double", {"x": Tensor("DT_FLOAT", (-1, -1))}, {"y": Tensor("DT_FLOAT", (-1, -1))})
TOTAL = Signature("total", {"x": Tensor("DT_FLOAT", (-1,))}, {"y": Tensor("DT_FLOAT", (-1,))})
ALONE = Signature("double", {"x": Tensor("DT_FLOAT", (-1,))}, {"y": Tensor("DT_FLOAT", (1,))})


class Model:
    """Doubles, slowly; refuses negative numbers. `total` gives one number, whatever the rows."""

    def __init__(self, seconds=0.02):
        self.seconds = seconds
        self.runs = []
        self.hung = asyncio.Event()

    async def run(self, name, inputs):
        self.runs.append(inputs["x"].shape)
        if np.isnan(inputs["x"]).any():
            await self.hung.wait()
            raise ConnectionError("killed")
        await asyncio.sleep(self.seconds)
        if (inputs["x"] == -2).any():
            raise ConnectionError("the process ended")
        if (inputs["x"] == -3).any():
            raise KeyError("a bug")
        if (inputs["x"] < 0).any():
            raise ServingError(400, "negative", "bad_request")
        return {"y": inputs["x"].sum(keepdims=True) if name == "total" else 2 * inputs["x"]}

    async def kill(self):
        self.hung.set()


async def answers(model, requests, signature=DOUBLE, **options):
    """Ask all at once; return the answers and errors in their order."""
    options = {"max_rows": 8, "max_waiting": 100, "seconds": 5, **options}
    batcher = Batcher(model.run, on_hang=model.kill, observe=lambda rows: None, **options)
    try:
        asked = (batcher.submit(signature, {"x": np.array(x, "float32")}) for x in requests)
        return await asyncio.gather(*asked, return_exceptions=True)
    finally:
        await batcher.close()


def check_doubled(found, requests):
    for answer, x in zip(found, requests, strict=True):
        np.testing.assert_array_equal(answer["y"], 2 * np.array(x, "float32"))


def test_requests_share_runs_up_to_the_limit():
    async def check():
        model, requests = Model(), [[[n]] * (n % 3 + 1) for n in range(12)]
        check_doubled(await answers(model, requests), requests)
        rows = [shape[0] for shape in model.runs]
        assert sum(rows) == sum(len(x) for x in requests) and max(rows) <= 8 and len(rows) <= 5

    asyncio.run(check())


def test_other_sizes_have_other_runs():
    async def check():
        model, requests = Model(), [[[1, 2]], [[1]], [[3, 4]], [[5]]]
        check_doubled(await answers(model, requests), requests)
        assert sorted(model.runs) == [(2, 1), (2, 2)]

    asyncio.run(check())


def test_what_cannot_share_runs_alone():
    async def check():
        model, requests = Model(0), [[1.0], [2.0, 3.0], [4.0]]
        check_doubled(await answers(model, requests, ALONE), requests)
        assert model.runs == [(1,), (2,), (1,)]
        model = Model(0)
        check_doubled(await answers(model, [[[1]], [[2]]], max_rows=1), [[[1]], [[2]]])
        assert model.runs == [(1, 1), (1, 1)]

    asyncio.run(check())


def test_outputs_without_the_batch_are_found_out():
    async def check():
        model = Model(0)
        found = await answers(model, [[1.0], [2.0, 3.0]], TOTAL)
        assert [answer["y"].tolist() for answer in found] == [[1.0], [5.0]]
        assert model.runs == [(3,), (1,), (2,)]

    asyncio.run(check())


def test_a_bad_request_harms_no_other():
    async def check():
        good, bad, more = await answers(Model(0), [[[1]], [[-1]], [[3]]])
        assert good["y"].tolist() == [[2]] and more["y"].tolist() == [[6]]
        assert isinstance(bad, ServingError) and bad.message == "negative"

    asyncio.run(check())


def test_the_work_goes_on_after_whatever_happens():
    async def check():
        model = Model(0)
        for number, kind in ((-2, ConnectionError), (-3, KeyError)):
            found = await answers(model, [[[number]], [[1]]])
            assert all(isinstance(error, kind) for error in found)
        batcher = Batcher(model.run, 8, 9, 5, model.kill, lambda rows: None)
        for number, kind in ((-3, KeyError), (-2, ConnectionError)):
            with pytest.raises(kind):
                await batcher.submit(DOUBLE, {"x": np.array([[number]], "float32")})
        assert (await batcher.submit(DOUBLE, {"x": np.ones([1, 1], "float32")}))["y"].tolist() == [[2]]
        await batcher.close()

    asyncio.run(check())


def test_a_full_queue_refuses_at_once():
    async def check():
        found = await answers(Model(0.05), [[[1]]] * 5, max_waiting=3)
        refused = [answer for answer in found if isinstance(answer, ServingError)]
        assert len(refused) == 2 and {error.status for error in refused} == {503} and refused[0].retry_after

    asyncio.run(check())


def test_a_run_that_hangs_is_ended():
    async def check():
        model = Model(0)
        found = await answers(model, [[[np.nan]], [[1]]], seconds=0.05)
        assert model.hung.is_set() and all(isinstance(error, TimeoutError) for error in found)

    asyncio.run(check())


def test_who_no_longer_waits_is_not_run():
    async def check():
        model = Model(0.05)
        batcher = Batcher(model.run, 1, 9, 5, model.kill, lambda rows: None)
        tasks = [asyncio.create_task(batcher.submit(DOUBLE, {"x": np.full([1, 1], n, "float32")})) for n in range(3)]
        await asyncio.sleep(0.02)
        assert batcher.waiting == 2
        tasks[1].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert len(model.runs) == 2 and batcher.waiting == 0
        await batcher.close()

    asyncio.run(check())


def test_alone_nobody_waits():
    async def check():
        model = Model(0)
        batcher = Batcher(model.run, 8, 9, 5, model.kill, lambda rows: None)
        loop = asyncio.get_running_loop()
        await batcher.submit(DOUBLE, {"x": np.ones([1, 1])})
        times = []
        for _ in range(20):
            start = loop.time()
            await batcher.submit(DOUBLE, {"x": np.ones([1, 1])})
            times.append(loop.time() - start)
        assert min(times) < 0.0015  # less than the wait for others
        await batcher.close()

    asyncio.run(check())


def test_closing_answers_those_whose_run_is_broken_off():
    async def check():
        model = Model(60)
        batcher = Batcher(model.run, 1, 9, 60, model.kill, lambda rows: None)
        tasks = [asyncio.create_task(batcher.submit(DOUBLE, {"x": np.ones([1, 1], "float32")})) for _ in range(2)]
        await asyncio.sleep(0.01)
        assert len(model.runs) == 1 and batcher.waiting == 1
        await batcher.close()
        done, waiting = await asyncio.wait(tasks, timeout=5)
        assert not waiting and all(isinstance(task.exception(), ConnectionError) for task in done)

    asyncio.run(check())
