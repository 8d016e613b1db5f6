"""Real processes of models: started, asked, killed."""

import asyncio
import contextlib
import os
import shutil
import signal
import sys

import numpy as np
import pytest

from keras_attn.serving import ServingError
from keras_attn.serving.model_process import ModelLoadError, ModelProcess

ONE = {"x": np.ones(1, "float32")}


def test_from_start_to_end(plain_folder, tmp_path, monkeypatch):
    folder, mark = tmp_path / "1", tmp_path / "it ran"
    shutil.copytree(plain_folder / "1", folder)
    (folder / "numpy.py").write_text(f"open({str(mark)!r}, 'w')")
    monkeypatch.chdir(folder)  # a process that looked for modules here would run that file

    async def check():
        process = await ModelProcess.start(folder, 240)
        assert process.signatures["serving_default"].inputs["x"].shape == (-1,)
        answers = await asyncio.gather(*(process.run("serving_default", {"x": ONE["x"] * n}) for n in range(4)))
        assert [answer["y"].tolist() for answer in answers] == [[3.0], [3.5], [4.0], [4.5]]
        with pytest.raises(ServingError, match="x must not be negative") as raised:
            await process.run("positive", {"x": -ONE["x"]})
        assert raised.value.status == 400
        running = asyncio.create_task(process.run("spin", {"steps": np.array([2**40])}))
        await asyncio.sleep(0.2)
        assert not running.done() and process.exit_reason() == "its connection was closed"
        os.kill(process.pid, signal.SIGSEGV)
        with pytest.raises(ConnectionError, match="signal 11"):
            await running
        with pytest.raises(ConnectionError):
            await process.run("serving_default", ONE)
        await process.kill()
        with pytest.raises(ConnectionError):  # on every loop: uvloop's own error is a RuntimeError
            await process.run("serving_default", ONE)
        with pytest.raises(ProcessLookupError):
            os.kill(process.pid, 0)

    run = asyncio.run
    with contextlib.suppress(ImportError):  # the loop that uvicorn takes where it is installed
        import uvloop

        run = uvloop.run
    run(check())
    assert not mark.exists()
    assert "numpy" in sys.modules


def test_what_cannot_be_loaded(tmp_path, monkeypatch):
    async def check(words, seconds=240):
        with pytest.raises(ModelLoadError, match=words):
            await ModelProcess.start(tmp_path, seconds)

    asyncio.run(check("not loaded within 0.01 s", 0.01))
    monkeypatch.setattr(sys, "executable", "/bin/false")
    asyncio.run(check("ended: exit code 1"))
