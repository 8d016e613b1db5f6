"""The versions of a model, `folder/1/`, `folder/2/`, ...: each put in place whole or not at all."""

import contextlib
import errno
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import tensorflow as tf

MAIN_FILES = {
    "savedmodel": "saved_model.pb",
    "ctranslate2": "model.bin",
    "onnx": "encoder.onnx",
    "litert": "model.tflite",
}
"""The formats of an export, and the file by which a version of each is known."""


class ExportError(Exception):
    """A model that cannot be exported, or a folder that cannot take it; the message says what to do."""


def write_version(folder: str | os.PathLike, write: Callable[[Path], object], format: str = "savedmodel") -> Path:
    """Writes the next version of a model into its folder.

    The version is first written to a hidden folder beside the others and moved into place in one step: a server that
    watches `folder` sees a whole version or none. Whatever goes wrong, the versions that are there already stay, and
    nothing else is left behind.

    Args:
        folder: The folder of the model, such as `saved_models/NAME`; made if missing.
        write: Called with the hidden folder, to write what the version consists of. What it raises stops the export.
        format: A name of `MAIN_FILES`. A folder holds versions of one format, as its server loads the newest.

    Returns:
        The folder of the new version. Its number is one more than the highest that is there, 1 if there is none.

    Raises:
        ExportError: If `folder` is a file, cannot be written to, has no room, or holds versions of another format.
    """
    folder = Path(folder)
    check_format(folder, format)
    with _temporary_folder(folder) as temporary:
        try:
            write(temporary)
        except (OSError, tf.errors.ResourceExhaustedError, tf.errors.UnknownError) as error:
            reason = error.strerror if isinstance(error, OSError) else error.message
            raise ExportError(
                f"The model could not be written ({reason or error}): make room, or choose another folder. Nothing "
                f"of it was left. Received: folder={str(folder)!r}"
            ) from error
        return _move_to_next_version(temporary, folder)


def check_format(folder: str | os.PathLike, format: str) -> None:
    """Refuses a folder that holds versions of another format.

    Args:
        folder: The folder of the model; it may be missing.
        format: A name of `MAIN_FILES`.

    Raises:
        ExportError: If it does.
    """
    folder = Path(folder)
    for name, file in MAIN_FILES.items():
        found = sorted(folder.glob(f"[0-9]*/{file}")) if name != format else []
        if found:
            raise ExportError(
                f"{folder} holds a model in the format {name!r} ({found[0]}), and its server would not know the new "
                f"one: give a folder of its own. Received: folder={str(folder)!r}, format={format!r}"
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
