"""SavedModels for TF Serving: written whole or not at all, and audited for ops that a stock server lacks."""

import contextlib
import errno
import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow.core.protobuf import saved_model_pb2

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


class ExportError(Exception):
    """A model that cannot be exported, or a folder that cannot take it; the message says what to do."""


def export_saved_model(module: tf.Module, signatures: Mapping[str, Callable], folder: str | os.PathLike) -> Path:
    """Writes the next version of a model, `folder/VERSION/`, for TF Serving.

    The model is first written to a hidden folder beside the versions, audited there, and moved into place in one
    step: a server that watches `folder` sees a whole version or none. Whatever goes wrong, the versions that are
    there already stay, and nothing else is left behind. The ops of the model are listed in `ops.txt` beside
    `saved_model.pb`.

    Args:
        module: holds, as attributes, all variables, tables and tokenizers that the signatures use.
        signatures: name -> `tf.function` with an `input_signature`, or one of its concrete functions.
        folder: the folder of the model, such as `saved_models/NAME`; made if missing.

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
    folder = Path(folder)
    with _temporary_folder(folder) as temporary:
        tf.saved_model.save(module, str(temporary), signatures=dict(signatures))
        ops = audit_saved_model(temporary)
        _refuse_foreign_ops(ops)
        (temporary / "ops.txt").write_text("".join(f"{op}\n" for op in ops), encoding="utf-8")
        return _move_to_next_version(temporary, folder)


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


@contextlib.contextmanager
def _temporary_folder(folder: Path) -> Iterator[Path]:
    """Makes a hidden folder inside `folder`, and removes it at the end, with `folder` if that is new and empty."""
    is_new = not folder.exists()
    temporary = folder / f".tmp-{secrets.token_hex(8)}"
    try:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            temporary.mkdir()  # not by `tempfile`, whose folders only their owner can read
        except OSError as error:
            reason = "is a file" if folder.is_file() else f"cannot be written to ({error.strerror})"
            raise ExportError(
                f"The folder for the model's versions {reason}: choose another one. Received: folder={str(folder)!r}"
            ) from error
        yield temporary
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        if is_new:
            with contextlib.suppress(OSError):  # not empty: the export is in it
                folder.rmdir()


def _move_to_next_version(temporary: Path, folder: Path) -> Path:
    """Renames a finished export to the next free version number."""
    while True:
        taken = [int(path.name) for path in folder.iterdir() if path.name.isascii() and path.name.isdigit()]
        version = folder / str(max(taken, default=0) + 1)
        try:
            os.replace(temporary, version)
            return version
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):  # another process took this number just now
                raise
