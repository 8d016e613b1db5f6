"""SavedModels for TF Serving, audited for ops that a stock server lacks."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow.core.protobuf import saved_model_pb2

from keras_attn.export.versions import ExportError, write_version

TEXT_OPS = frozenset(
    {
        "CaseFoldUTF8",
        "ConstrainedSequence",
        "FastBertNormalize",
        "FastWordpieceTokenizeWithOffsets",
        "FindSourceOffsets",
        "MaxSpanningTree",
        "NormalizeUTF8",
        "NormalizeUTF8WithOffsetsMap",
        "PhraseTokenize",
        "RegexSplitWithOffsets",
        "RougeL",
        "SentenceFragments",
        "SentenceFragmentsV2",
        "SentencepieceDetokenizeOp",
        "SentencepieceIdToStringOp",
        "SentencepieceOp",
        "SentencepieceStringToIdOp",
        "SentencepieceTokenizeOp",
        "SentencepieceTokenizeWithOffsetsOp",
        "SentencepieceVocabSizeOp",
        "SplitMergeTokenizeWithOffsets",
        "TFText>BoiseTagsToOffsets",
        "TFText>ByteSplitByOffsets",
        "TFText>ByteSplitWithOffsets",
        "TFText>FastSentencepieceDetokenize",
        "TFText>FastSentencepieceTokenize",
        "TFText>FastWordpieceDetokenize",
        "TFText>NgramsStringJoin",
        "TFText>OffsetsToBoiseTags",
        "TFText>PhraseDetokenize",
        "TFText>RoundRobinGenerateMasks",
        "TFText>RoundRobinTrim",
        "TFText>Utf8Binarize",
        "TFText>WhitespaceTokenizeWithOffsetsV2",
        "TokenizerFromLogits",
        "UnicodeScriptTokenizeWithOffsets",
        "WhitespaceTokenizeWithOffsets",
        "WordpieceTokenizeWithOffsets",
    }
)
"""The ops that tensorflow-text registers beside TensorFlow's own."""


def export_saved_model(
    module: tf.Module,
    signatures: Mapping[str, Callable],
    folder: str | os.PathLike,
    finish: Callable[[Path], object] | None = None,
) -> Path:
    """Writes the next version of a model, `folder/VERSION/`, for TF Serving.

    It appears whole or not at all, see `write_version`. The ops of the model are listed in `ops.txt` beside
    `saved_model.pb`.

    Args:
        module: holds, as attributes, all variables, tables and tokenizers that the signatures use.
        signatures: name -> `tf.function` with an `input_signature`, or one of its concrete functions.
        folder: the folder of the model, such as `saved_models/NAME`; made if missing.
        finish: called with the finished version before it is put in place, to add files or to refuse it.

    Returns:
        The folder of the new version. Its number is one more than the highest that is there, 1 if there is none.

    Raises:
        ExportError: if there is no signature, if `folder` is a file or cannot be written to, or if the model uses an
            op that is neither TensorFlow's own nor of tensorflow-text, or needs XLA.

    Example:
        >>> import tempfile
        >>> import tensorflow as tf
        >>> from keras_attn.export import export_saved_model
        >>> class Doubler(tf.Module):
        ...     @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
        ...     def double(self, x):
        ...         return {"y": x + x}
        >>> module = Doubler()
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     version = export_saved_model(module, {"serving_default": module.double}, folder)
        ...     version.name, sorted(path.name for path in version.iterdir() if path.is_file())
        ('1', ['fingerprint.pb', 'ops.txt', 'saved_model.pb'])
    """
    if not signatures:
        raise ExportError(
            "A server needs at least one signature, usually named 'serving_default'. "
            f"Received: signatures={dict(signatures)}"
        )

    def write(temporary: Path) -> None:
        tf.saved_model.save(module, str(temporary), signatures=dict(signatures))
        ops = audit_saved_model(temporary)
        _refuse_foreign_ops(ops)
        (temporary / "ops.txt").write_text("".join(f"{op}\n" for op in ops), encoding="utf-8")
        if finish is not None:
            finish(temporary)

    return write_version(folder, write)


def audit_saved_model(path: str | os.PathLike) -> list[str]:
    """Lists the ops that a SavedModel uses, in its graph and in all functions of its library.

    Args:
        path: folder that holds `saved_model.pb`.

    Returns:
        The op names, sorted, each once. Calls of functions that the model itself brings along are no ops.

    Raises:
        ExportError: if there is no readable `saved_model.pb`.
    """
    file = Path(path) / "saved_model.pb"
    try:
        saved_model = saved_model_pb2.SavedModel.FromString(file.read_bytes())
    except (OSError, DecodeError) as error:
        raise ExportError(
            f"'{file}' cannot be read as a SavedModel ({error}): give the folder of one version, such as "
            f"'saved_models/NAME/1'. Received: path={str(path)!r}"
        ) from error
    used, own = set(), set()
    for meta_graph in saved_model.meta_graphs:
        graph = meta_graph.graph_def
        used.update(node.op for node in graph.node)
        for function in graph.library.function:
            own.add(function.signature.name)
            used.update(node.op for node in function.node_def)
    return sorted(used - own)


def _refuse_foreign_ops(ops: list[str]) -> None:
    """Raises for ops that a stock server would not load: XLA's, and those registered by other packages."""
    foreign = [op for op in ops if op.startswith("Xla") or not (op in TEXT_OPS or hasattr(tf.raw_ops, op))]
    if foreign:
        raise ExportError(
            "A stock TF Serving loads only ops of TensorFlow and tensorflow-text, and none that needs XLA: replace "
            "what brings these in (`keras.ops.slice_update` brings XlaDynamicUpdateSlice; `keras.ops.scatter_update` "
            f"does the same without it). Received: ops={foreign}"
        )
