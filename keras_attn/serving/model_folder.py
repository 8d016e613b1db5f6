"""The folder of a model on disk: which versions it holds, and which of them are to be served."""

import re
from pathlib import Path

MAIN_FILE = "saved_model.pb"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def check_name(name):
    """Raises a ValueError unless a text can be the name of a model.

    Args:
        name: The text.

    Raises:
        ValueError: If it cannot.

    Example:
        >>> from keras_attn.serving.model_folder import check_name
        >>> check_name("en-de.v2")
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ValueError(
            "The name of a model consists of letters, digits, `.`, `_` and `-`, and begins with a letter or digit. "
            f"Received: name={name!r}"
        )


def find_versions(folder):
    """Lists the versions of a model.

    Args:
        folder: The model's folder, with `1/saved_model.pb`, `2/saved_model.pb`, ...; or the folder of one version.

    Returns:
        Dict of number -> folder, ascending. A folder of one version has its own number, or 1 if its name is none.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from keras_attn.serving.model_folder import find_versions
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     for version in ("2", "10", "draft"):
        ...         Path(folder, version).mkdir()
        ...         _ = Path(folder, version, "saved_model.pb").write_bytes(b"")
        ...     list(find_versions(folder))
        [2, 10]
    """
    folder = Path(folder)
    if (folder / MAIN_FILE).is_file():
        return {_number(folder.name) or 1: folder}
    try:
        entries = list(folder.iterdir())
    except OSError:  # replaced just now, or on a disk that is away
        return {}
    found = {_number(path.name): path for path in entries if _number(path.name) and (path / MAIN_FILE).is_file()}
    return dict(sorted(found.items()))


def chosen_versions(versions, policy):
    """Says which of a model's versions are to be served.

    Args:
        versions: Dict of number -> folder.
        policy: "latest", "all", or a list of numbers.

    Returns:
        Dict of number -> folder.
    """
    if policy == "all":
        return versions
    numbers = list(versions)[-1:] if policy == "latest" else [n for n in versions if n in policy]
    return {number: versions[number] for number in numbers}


def fingerprint(folder):
    """Describes the files of a version, so that one that could not be loaded is tried again when it changes.

    Args:
        folder: Folder of the version.

    Returns:
        Tuple of (path, bytes, time of change), empty if the folder cannot be read.
    """
    try:
        files = sorted(path for path in Path(folder).rglob("*") if path.is_file())
        return tuple((str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in files)
    except OSError:
        return ()


def _number(name):
    """The number that a folder's name is; None if it is none."""
    is_number = name.isascii() and name.isdigit() and len(name) < 19
    return int(name) if is_number and int(name) > 0 else None
