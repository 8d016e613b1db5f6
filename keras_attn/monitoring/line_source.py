"""Where lines come from: a file that may grow and be rotated, or a pipe."""

import collections
import hashlib
import json
import os
import select
import time
import warnings
from pathlib import Path

_CHUNK = 1 << 18
_POLL = 0.05  # seconds between looks at a file that has not grown
_ANCHOR = 256  # bytes before the place by which it is recognised


class LineSplitter:
    """Cuts a stream of bytes into lines; what is longer than `limit` is thrown away as it comes.

    Args:
        limit: Most bytes of a line.
    """

    def __init__(self, limit):
        self.limit = limit
        self.rest = b""
        self._dropped = 0

    def feed(self, chunk):
        """Takes bytes in.

        Args:
            chunk: The next bytes.

        Returns:
            List of (line without its end or None if it was too long, bytes that it took in the stream).
        """
        parts = (self.rest + chunk).split(b"\n")
        self.rest = parts.pop()
        lines = []
        for part in parts:
            kept = not self._dropped and len(part) <= self.limit
            lines.append((part if kept else None, self._dropped + len(part) + 1))
            self._dropped = 0
        if self._dropped or len(self.rest) > self.limit:
            self._dropped += len(self.rest)
            self.rest = b""
        return lines

    def finish(self):
        """Ends the stream.

        Returns:
            The unfinished last line as `feed` gives lines, or None where there is none.
        """
        size = self._dropped + len(self.rest)
        last = (None if self._dropped else self.rest, size) if size else None
        self.rest, self._dropped = b"", 0
        return last


class _Lines:
    """What the sources share: micro-batches of lines."""

    def __init__(self, limit):
        self._splitter = LineSplitter(limit)
        self._lines = collections.deque()

    def batches(self, size, wait):
        """Gives micro-batches: full, or after a time whatever has come, which may be nothing.

        Args:
            size: Most lines of one.
            wait: Most seconds to wait for one to fill.

        Yields:
            List of lines as bytes; None stands for a line that was too long.
        """
        ended = False
        while not ended or self._lines:
            deadline = time.monotonic() + wait
            while not ended and len(self._lines) < size:
                chunk = self._read(max(0.0, deadline - time.monotonic()))
                if chunk is None:
                    ended = True
                    self._end()
                else:
                    self._lines.extend(self._splitter.feed(chunk))
                if time.monotonic() >= deadline:
                    break
            batch = [self._lines.popleft() for _ in range(min(size, len(self._lines)))]
            self._passed(sum(length for _, length in batch))
            yield [line for line, _ in batch]

    def _end(self):
        last = self._splitter.finish()
        if last is not None:
            self._lines.append(last)


class PipeLines(_Lines):
    """The lines of a pipe, such as standard input. It cannot be gone back in: there is no place to go on from.

    Args:
        descriptor: File descriptor to read from.
        limit: Most bytes of a line.
    """

    name = "-"

    def __init__(self, descriptor=0, limit=1_000_000):
        super().__init__(limit)
        self._descriptor = descriptor

    def position(self):
        """Tells the place in the stream.

        Returns:
            None: there is none.
        """
        return None

    def close(self):
        """Does nothing: whoever opened the pipe closes it."""

    def _read(self, seconds):
        if not select.select([self._descriptor], [], [], seconds)[0]:
            return b""
        return os.read(self._descriptor, _CHUNK) or None

    def _passed(self, size):
        pass


class FileLines(_Lines):
    """The lines of a file, from a place on.

    The place is a byte offset, and a digest of the bytes before it that tells whether the file is still the same. If
    it was renamed (rotated), the rest of the old file is read first, if it stands beside the new one under a name that
    begins with the file's. If it was truncated or replaced, it is read from its begin, with a warning.

    An unfinished last line (without a line feed) waits for its end; at the end of a file that is not followed it is
    read if it is whole JSON, and left for the next time if not.

    Args:
        path: The file.
        position: Where to go on, from `position`; None begins at the begin.
        follow: Whether to wait at the end for the file to grow, and for its successor.
        limit: Most bytes of a line.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is a folder or compressed.
    """

    def __init__(self, path, position=None, follow=False, limit=1_000_000):
        super().__init__(limit)
        self.path = Path(path)
        self.name = str(self.path.absolute())
        self.follow = follow
        if not self.path.exists():
            raise FileNotFoundError(f"{path}: no such file. Check the path. Received: file={str(path)!r}")
        if self.path.is_dir() or self.path.suffix in (".gz", ".bz2", ".xz", ".zst"):
            raise ValueError(
                f"{path}: must be a file of plain JSON lines; unpack a compressed one into the pipe, as in "
                f"`zcat FILE | keras-attn monitor RUN -`. Received: file={str(path)!r}"
            )
        self._open(*self._find(position))

    def _find(self, position):
        """Finds the file that the position was in, and the offset to go on at."""
        if position is None:
            return self.path, 0
        others = sorted(path for path in self.path.parent.glob(f"{_escaped(self.path.name)}?*") if path.is_file())
        for path in [self.path, *others]:
            with open(path, "rb") as file:
                if _anchor(file.fileno(), position["offset"]) == position["anchor"]:
                    return path, position["offset"]
        warnings.warn(
            f"{self.path} is not the file that was read before: it was truncated, replaced or rotated away. It is read "
            f"from its begin; a message that was counted before is recognised by its id.",
            stacklevel=2,
        )
        return self.path, 0

    def _open(self, path, offset):
        self._file = open(path, "rb", buffering=0)  # noqa: SIM115  closed by `close`
        self._file.seek(offset)
        self._offset = offset  # behind the lines that were given out

    def position(self):
        """Tells the place behind the lines that were given out.

        Returns:
            Dict of plain values.
        """
        return {"offset": self._offset, "anchor": _anchor(self._file.fileno(), self._offset)}

    def close(self):
        """Closes the file."""
        self._file.close()

    def _passed(self, size):
        self._offset += size

    def _read(self, seconds):
        chunk = self._file.read(_CHUNK)
        if chunk:
            return chunk
        if not self._has_moved():
            return self._pause(seconds) if self.follow else None
        if self._lines:  # they must be given out before the place is one in another file
            return self._pause(seconds)
        return self._file.read(_CHUNK) or self._change_file()  # what was written just before it moved

    def _has_moved(self):
        """Whether the name belongs to another file now, or the file became shorter."""
        ours, status = os.fstat(self._file.fileno()), self._status()
        if ours.st_size < self._file.tell():
            warnings.warn(f"{self.path} was truncated; it is read on from its begin.", stacklevel=2)
            return True
        return status is not None and not os.path.samestat(status, ours)

    def _status(self):
        try:
            return os.stat(self.path)
        except FileNotFoundError:  # between the renaming of the old file and the making of the new one
            return None

    def _pause(self, seconds):
        time.sleep(min(seconds, _POLL))
        return b""

    def _change_file(self):
        """Goes on with the file that has the name now."""
        last = self._splitter.finish()
        self.close()
        self._open(self.path, 0)
        if last is not None:
            self._lines.append((last[0], 0))
        return b""

    def _end(self):
        if self._splitter.rest:
            try:
                json.loads(self._splitter.rest)
            except (ValueError, RecursionError):
                return
        super()._end()


def _anchor(descriptor, offset):
    start = max(0, offset - _ANCHOR)
    content = os.pread(descriptor, offset - start, start)
    return hashlib.sha256(b"%d " % offset + content).hexdigest()[:16]


def _escaped(name):
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)
