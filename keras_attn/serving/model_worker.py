"""The process of one version of a model: loads the SavedModel, warms it up, and answers what its parent asks.

Started as `python -m keras_attn.serving.model_worker SOCKET FOLDER`. It alone imports TensorFlow, and it ends with its
connection: the memory of an unloaded version is given back whole.
"""

import contextlib
import os
import socket
import sys
import threading
import time
from pathlib import Path

import numpy as np

from keras_attn.serving.messages import LENGTH, decode_message, encode_message
from keras_attn.serving.signature import Signature, Tensor
from keras_attn.serving.warm_up import read_warm_up

_MAX_ERROR = 500  # characters of an error of TensorFlow


def main(arguments=None):
    """Runs the process.

    Args:
        arguments: List of the number of the connection's socket and the version's folder; those of the process when
            None.

    Returns:
        Exit code.
    """
    number, folder = sys.argv[1:] if arguments is None else arguments
    threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()
    with socket.socket(fileno=int(number)) as connection, connection.makefile("rb") as questions:
        try:
            model = LoadedModel(folder)
            model.warm_up()
        except Exception as error:
            connection.sendall(encode_message({"error": _message(error)}, {}))
            return 1
        documents = {name: signature.as_document() for name, signature in model.signatures.items()}
        connection.sendall(encode_message({"signatures": documents}, {}))
        while (content := _receive(questions)) is not None:
            connection.sendall(answer_message(model, *decode_message(content)))
    return 0


class LoadedModel:
    """A SavedModel that can be called by its signatures. Nothing but the graph is read: no Python of the model's own.

    Args:
        folder: Folder of the version, with `saved_model.pb`.

    Raises:
        ValueError: If it holds no SavedModel that can be served.
    """

    def __init__(self, folder):
        import tensorflow as tf
        from tensorflow.core.framework import types_pb2

        with contextlib.suppress(ImportError):
            import tensorflow_text  # noqa: F401 (registers the tokenizers' ops)

        self._tf = tf
        self._types = types_pb2.DataType
        self.folder = Path(folder)
        self.signatures = self._read_signatures()
        self._loaded = tf.saved_model.load(str(folder), tags=["serve"])

    def _read_signatures(self):
        from tensorflow.core.protobuf import saved_model_pb2

        saved = saved_model_pb2.SavedModel.FromString((self.folder / "saved_model.pb").read_bytes())
        graphs = [graph for graph in saved.meta_graphs if "serve" in graph.meta_info_def.tags]
        if not graphs:
            raise ValueError(f"no graph in {self.folder} has the tag 'serve': export it for serving")
        return {
            name: Signature(
                name,
                {key: self._tensor(info) for key, info in sorted(definition.inputs.items())},
                {key: self._tensor(info) for key, info in sorted(definition.outputs.items())},
                definition.method_name,
            )
            for name, definition in sorted(graphs[0].signature_def.items())
        }

    def _tensor(self, info):
        shape = None if info.tensor_shape.unknown_rank else tuple(axis.size for axis in info.tensor_shape.dim)
        return Tensor(self._types.Name(info.dtype), shape, info.name)

    def warm_up(self):
        """Answers the requests that stand in the export's file, so that nobody waits for the first answer.

        Raises:
            ValueError: If a record is damaged or asks for what the model does not have.
        """
        from tensorflow.core.framework import tensor_pb2

        read = tensor_pb2.TensorProto.FromString
        for name, inputs in read_warm_up(self.folder):
            arrays = {key: self._tf.make_ndarray(read(content)) for key, content in inputs.items()}
            self.run(name or "serving_default", arrays)

    def run(self, name, inputs):
        """Calls a signature.

        Args:
            name: Its name.
            inputs: Dict of name -> array.

        Returns:
            Dict of name -> array; half-precision numbers as 32 bits.
        """
        if name not in self._loaded.signatures:
            raise ValueError(f"the model has no signature {name!r}")
        tensors = {key: self._tf.constant(array, self._type_of(name, key)) for key, array in inputs.items()}
        outputs = self._loaded.signatures[name](**tensors)
        return {key: _as_array(value) for key, value in outputs.items()}

    def _type_of(self, name, key):
        if key not in self.signatures[name].inputs:
            raise ValueError(f"the signature {name!r} has no input {key!r}")
        return self._tf.dtypes.as_dtype(self._types.Value(self.signatures[name].inputs[key].dtype))


def answer_message(model, header, inputs):
    """Answers what the parent asks.

    Args:
        model: The `LoadedModel`.
        header: Dict with the name of a signature.
        inputs: Dict of name -> array.

    Returns:
        The message with the outputs, or with an error.
    """
    try:
        return encode_message({}, model.run(header["signature"], inputs))
    except Exception as error:
        return encode_message({"error": _message(error), "code": _code(error)}, {})


def _as_array(tensor):
    array = np.asarray(tensor.numpy())
    if array.dtype.kind == "S":
        return array.astype(object)
    return array.astype(np.float32) if array.dtype.name in ("float16", "bfloat16") else array


def _message(error):
    """The first lines of an error's text, without the operations that it passed through."""
    text = getattr(error, "message", None) or str(error) or type(error).__name__
    return " ".join(text.split("\n\t [[")[0].split())[:_MAX_ERROR]


def _code(error):
    """TensorFlow's number of the kind of error: 3 for an invalid argument."""
    return getattr(error, "error_code", 3 if isinstance(error, ValueError | TypeError) else 13)


def _receive(questions):
    """The next message's content; None when the parent has closed the connection."""
    head = questions.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    (size,) = LENGTH.unpack(head)
    content = questions.read(size)
    return content if len(content) == size else None


def _end_with_parent(parent):
    """Ends a process whose parent was killed while it computes."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


if __name__ == "__main__":
    os._exit(main())  # at once: there is nothing to put in order
