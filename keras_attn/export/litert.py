"""Our Transformer as a LiteRT (TensorFlow Lite) model, for phones and small devices."""

import tempfile
import warnings
from pathlib import Path

import tensorflow as tf

from keras_attn import models
from keras_attn.export.versions import ExportError


def write_litert(model, folder):
    """Writes `model.tflite` with the signatures `encode` and `decode`, for one text at a time.

    `encode` takes `source`, int32 [1, S], ids that end in the end id, and gives `memory`, float32 [1, S, D]. `decode`
    takes `source`, `memory` and `target`, int32 [1, T], ids that begin with the start id, and gives `logits`, float32
    [1, V], of what follows. A search calls it with one more id each time.

    Args:
        model: A model made by `models.transformer` that computes in float32.
        folder: Folder to write into.

    Raises:
        ExportError: If the model is of another kind, or LiteRT has no operation for a part of it.
    """
    if model.name != "transformer":
        raise ExportError(f"LiteRT takes Transformers alone: export a SavedModel. Received: model={model.name!r}")
    ids = {name: tf.TensorSpec([1, None], tf.int32, name) for name in ("source", "target")}  # a batch would be split up
    memory = tf.TensorSpec([1, None, model.get_layer("embedding").output_dim], tf.float32, "memory")

    @tf.function(input_signature=[ids["source"]], autograph=False)
    def encode(source):
        return {"memory": models.encode(model, source)[0]}

    @tf.function(input_signature=[ids["source"], memory, ids["target"]], autograph=False)
    def decode(source, memory, target):
        return {"logits": models.decode(model, target, memory, source != 0)[:, -1]}

    module = tf.Module()
    module.stored = [weight.value for weight in model.weights]
    with tempfile.TemporaryDirectory() as saved:
        tf.saved_model.save(module, saved, signatures={"encode": encode, "decode": decode})
        converter = tf.lite.TFLiteConverter.from_saved_model(saved, signature_keys=["encode", "decode"])
        try:
            content = converter.convert()
        except Exception as error:  # of a type that TensorFlow does not export
            raise ExportError(
                "LiteRT cannot express this model: export a SavedModel. "
                f"Received: {str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__}"
            ) from error
    Path(folder, "model.tflite").write_bytes(content)


def litert_logits(folder, pairs):
    """Runs what `write_litert` wrote.

    Args:
        folder: The folder of the file.
        pairs: List of pairs of `source` [1, S] and `target` [1, T], int32.

    Returns:
        List of the logits [V] after the last token of each target.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # TensorFlow's interpreter has moved to the package ai_edge_litert
        interpreter = tf.lite.Interpreter(str(Path(folder, "model.tflite")))
    encode, decode = (interpreter.get_signature_runner(name) for name in ("encode", "decode"))
    return [decode(source=s, target=t, memory=encode(source=s)["memory"])["logits"][0] for s, t in pairs]
