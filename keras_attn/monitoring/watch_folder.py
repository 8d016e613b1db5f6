"""The folder that a monitor keeps: what it has counted, the alerts it raised, and the picture.

state.json     place in the stream, counts, tests and undelivered alerts, of one and the same moment
alerts.jsonl   one alert a line
trend.png      the shares over time
.lock          held by the process that watches with this folder
"""

import contextlib
import fcntl
import json
import os
from pathlib import Path

_VERSION = 1


class FolderInUseError(Exception):
    """Another process watches with the folder."""


class WatchFolder:
    """Writes and reads a monitor's folder; the state in it is always whole.

    Args:
        path: The folder; made if missing.

    Example:
        >>> from keras_attn.monitoring import WatchFolder
        >>> folder = WatchFolder("watch")
        >>> folder.write({"offset": 12})
        >>> folder.read()["offset"]
        12
    """

    def __init__(self, path):
        self.path = Path(path)
        if self.path.exists() and not self.path.is_dir():
            raise FileExistsError(f"{path} is a file; give the name of a folder. Received: folder={str(path)!r}")
        self.path.mkdir(parents=True, exist_ok=True)
        self.alerts_path = self.path / "alerts.jsonl"
        self.picture_path = self.path / "trend.png"
        self._state_path = self.path / "state.json"

    @contextlib.contextmanager
    def lock(self):
        """Keeps others from watching with this folder until the block ends; the kernel ends it with the process.

        Yields:
            None

        Raises:
            FolderInUseError: If another holds the lock.
        """
        with open(self.path / ".lock", "a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise FolderInUseError(
                    f"Another process watches with {self.path}. Stop it, or give each stream a folder of its own. "
                    f"Received: folder={str(self.path)!r}"
                ) from None
            yield

    def write(self, state):
        """Replaces the state: after a crash there is either the old one or the new one.

        Args:
            state: Dict of plain values.
        """
        temporary = self.path / ".state.json.partial"
        with open(temporary, "w", encoding="utf-8") as file:
            file.write(json.dumps({"version": _VERSION, **state}, ensure_ascii=False))
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, self._state_path)
        directory = os.open(self.path, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)

    def read(self):
        """Reads the state.

        Returns:
            Dict of plain values, or None where none was written.

        Raises:
            ValueError: If it is damaged or of another version.
        """
        if not self._state_path.exists():
            return None
        try:
            state = json.loads(self._state_path.read_text("utf-8"))
            version = state["version"]
        except (ValueError, TypeError, KeyError) as error:
            raise ValueError(
                f"{self._state_path} is damaged ({error}). Begin anew with another folder. "
                f"Received: folder={str(self.path)!r}"
            ) from None
        if version != _VERSION:
            raise ValueError(
                f"{self._state_path} was written by another version of keras_attn. Begin anew with another folder. "
                f"Received: version={version!r}, expected {_VERSION}"
            )
        return state
