"""What a model's process does, in this process; `test_model_process.py` starts a real one."""

import shutil
import socket
import threading

import numpy as np
import pytest

from keras_attn.export import write_serving_files
from keras_attn.serving.messages import LENGTH, decode_message, encode_message
from keras_attn.serving.model_worker import LoadedModel, main


@pytest.fixture(scope="module")
def model(plain_folder):
    return LoadedModel(plain_folder / "1")


def test_a_run(model):
    found = model.run("several", {"number": np.ones([1, 2], "float32"), "name": np.array([b"\xff"], object)})
    assert found["total"].tolist() == [2.0] and found["name"].tolist() == [b"\xff"]
    assert found["name"].dtype == object


def test_signatures(model):
    signature = model.signatures["several"]
    assert list(signature.inputs) == ["name", "number"] and signature.inputs["number"].shape == (-1, 2)
    assert {name: tensor.dtype for name, tensor in signature.outputs.items()} == {
        "name": "DT_STRING",
        "name_bytes": "DT_STRING",
        "total": "DT_FLOAT",
    }
    assert model.signatures["features"].method == "tensorflow/serving/regress"


def test_warming_up(model, plain_folder, tmp_path):
    folder = tmp_path / "1"
    shutil.copytree(plain_folder / "1", folder)
    model = LoadedModel(folder)
    model.warm_up()
    runs = []
    model.run = lambda name, inputs: runs.append((name, inputs["x"].tolist()))
    write_serving_files(folder, [("", {"x": [1.0, 2.0]}), ("positive", {"x": [0.5]})])
    model.warm_up()
    assert runs == [("serving_default", [1.0, 2.0]), ("positive", [0.5])]


def serve(folder):
    """Run the process's main function on one end of a connection; return the other end and the thread."""
    ours, theirs = socket.socketpair()
    thread = threading.Thread(target=main, args=([str(theirs.detach()), str(folder)],))
    thread.start()
    return ours, thread


def receive(connection):
    with connection.makefile("rb") as file:
        (size,) = LENGTH.unpack(file.read(LENGTH.size))
        return decode_message(file.read(size))


def test_questions_and_answers(plain_folder):
    connection, thread = serve(plain_folder / "1")
    header, _ = receive(connection)
    assert "spin" in header["signatures"]
    connection.sendall(encode_message({"signature": "serving_default"}, {"x": np.ones(1, "float32")}))
    header, arrays = receive(connection)
    assert header == {} and arrays["y"].tolist() == [3.5]
    for inputs, code, words in (
        ({"x": -np.ones(1, "float32")}, 3, "x must not be negative"),
        ({"z": np.ones(1, "float32")}, 3, "no input 'z'"),
        ({}, 3, "x"),
    ):
        connection.sendall(encode_message({"signature": "positive"}, inputs))
        header, _ = receive(connection)
        assert header["code"] == code and words in header["error"] and "\n" not in header["error"]
    connection.close()
    thread.join(30)
    assert not thread.is_alive()


@pytest.mark.parametrize("content", [None, b"", b"no protobuf at all"])
def test_a_folder_that_cannot_be_loaded(tmp_path, content):
    if content is not None:
        (tmp_path / "saved_model.pb").write_bytes(content)
    connection, thread = serve(tmp_path)
    assert receive(connection)[0]["error"]
    thread.join(30)


def test_no_python_of_a_models_own_is_run(plain_folder, tmp_path, monkeypatch):
    folder, mark = tmp_path / "1", tmp_path / "it ran"
    shutil.copytree(plain_folder / "1", folder)
    for name in ("__init__.py", "numpy.py", "keras.py", "sitecustomize.py", "model.py"):
        (folder / name).write_text(f"open({str(mark)!r}, 'w')")
    monkeypatch.chdir(folder)
    model = LoadedModel(folder)
    assert model.run("serving_default", {"x": np.ones(1, "float32")})["y"].tolist() == [3.5]
    assert not mark.exists()
