"""Token ids of pairs in files: made once, by several processes, from any number of files, and never loaded whole."""

import concurrent.futures
import hashlib
import json
import multiprocessing
import multiprocessing.connection
import os
import shutil
import threading
from pathlib import Path

import numpy as np

from keras_attn.data.parallel_text import read_parallel_text
from keras_attn.data.token_sequences import TokenSequences

_SIDES = ("source", "target")
_encode = None  # in each process of the pool, what gives texts their ids: see `_start_process`


class TokenCache:
    """Pairs of sequences of ids in a folder, for `TokenBatches(cache.sources, cache.targets)`.

    cache.json     what it was made of; written last, so that a folder that has it is whole
    source.ids     the ids of all sources, one after another; target.ids alike
    sizes.npy      the numbers of ids of each, [2, pairs]
    parts/         while it is made: a file for each file of pairs that is done

    Args:
        folder: A folder that `build` wrote.

    Raises:
        FileNotFoundError: If it holds no whole cache.
    """

    def __init__(self, folder):
        self.folder = Path(folder)
        if not (self.folder / "cache.json").is_file():
            raise FileNotFoundError(
                f"{self.folder} holds no whole cache of tokens; make it by `TokenCache.build`, which goes on where it "
                f"was stopped. Received: folder={str(self.folder)!r}"
            )
        described = json.loads((self.folder / "cache.json").read_text("utf-8"))
        self._fingerprint = described["fingerprint"]
        self.skipped = described["skipped"]
        sizes = np.load(self.folder / "sizes.npy", mmap_mode="r")
        self.sources, self.targets = (
            TokenSequences(_mapped(self.folder / f"{side}.ids", described["dtype"]), np.asarray(sizes[row], np.int64))
            for row, side in enumerate(_SIDES)
        )

    def __len__(self):
        return len(self.sources)

    def fingerprint(self):
        """Tells these pairs, as ids, from others.

        Returns:
            Sixteen hexadecimal digits.
        """
        return self._fingerprint

    @classmethod
    def build(cls, folder, files, make_encode, described=None, processes=None, advance=None):
        """Makes a cache, goes on with one that was begun, or opens one that is whole.

        Args:
            folder: The folder.
            files: List of what `read_parallel_text` takes: paths, or pairs of them. A file is read whole by a process:
                files of a few hundred thousand pairs are a good size.
            make_encode: Called in each process, so it must be a function of a module; returns a function of a list of
                texts that gives their ids, one after another, and the number of each text.
            described: Dict of plain values that tells how texts become ids; a folder made otherwise is refused.
            processes: Processes side by side; as many as the machine has processors when None.
            advance: Called with the number of files that are done.

        Returns:
            The `TokenCache`.

        Raises:
            FileNotFoundError: If a file is missing.
            ValueError: If a file is malformed, or the folder was made of other files or in another way.
        """
        folder = Path(folder)
        made_of = {"files": [_identity(file) for file in files], **(described or {})}
        _check_same(folder, made_of)
        if (folder / "cache.json").is_file():
            return cls(folder)
        (folder / "parts").mkdir(parents=True, exist_ok=True)
        _write(folder / "parts" / "made_of.json", json.dumps(made_of))
        parts = [folder / "parts" / f"{number:06d}.npz" for number in range(len(files))]
        missing = [(file, part) for file, part in zip(files, parts, strict=True) if not part.exists()]
        with concurrent.futures.ProcessPoolExecutor(
            min(processes or os.cpu_count() or 1, max(1, len(missing))),
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_start_process,
            initargs=(make_encode,),
        ) as pool:
            futures = [pool.submit(_encode_file, *pair) for pair in missing]
            try:
                for done, future in enumerate(concurrent.futures.as_completed(futures), start=1):
                    future.result()
                    if advance is not None:
                        advance(len(parts) - len(missing) + done)
            except BaseException:
                pool.shutdown(cancel_futures=True)  # what is done is kept
                raise
        _join(folder, parts, made_of)
        return cls(folder)


def _start_process(make_encode):
    global _encode
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _encode = make_encode()


def _end_with_parent():
    """Ends this process when the one that started it was killed; a pool's processes would wait for work forever."""
    multiprocessing.connection.wait([multiprocessing.parent_process().sentinel])
    os._exit(1)


def _encode_file(file, part):
    text = read_parallel_text(file)
    arrays, sizes = {}, []
    for side, texts in zip(_SIDES, (text.sources, text.targets), strict=True):
        ids, numbers = _encode(texts)
        arrays[side] = np.asarray(ids, np.int32)
        sizes.append(np.asarray(numbers, np.int32))
    temporary = part.with_name(f".{part.name}.partial")
    with open(temporary, "wb") as out:
        np.savez(out, sizes=np.stack(sizes), skipped=len(text.skipped), **arrays)
    os.replace(temporary, part)


def _join(folder, parts, made_of):
    """Puts the parts into one file a side, and describes it."""
    sizes, skipped, largest = [], 0, 0
    for part in parts:
        with np.load(part) as found:
            sizes.append(found["sizes"])
            skipped += int(found["skipped"])
            largest = max([largest, *(found[side].max(initial=0) for side in _SIDES)])
    dtype = "uint16" if largest < 2**16 else "int32"
    digest = hashlib.sha256()
    for side in _SIDES:
        with open(folder / f"{side}.ids", "wb") as out:
            for part in parts:
                with np.load(part) as found:
                    content = found[side].astype(dtype).tobytes()
                digest.update(content)
                out.write(content)
    np.save(folder / "sizes.npy", np.concatenate(sizes, axis=1))
    whole = {"dtype": dtype, "skipped": skipped, "fingerprint": digest.hexdigest()[:16], "made_of": made_of}
    _write(folder / "cache.json", json.dumps(whole, indent=1))
    shutil.rmtree(folder / "parts")


def _check_same(folder, made_of):
    whole, begun = folder / "cache.json", folder / "parts" / "made_of.json"
    if whole.is_file():
        found = json.loads(whole.read_text("utf-8"))["made_of"]
    elif begun.is_file():
        found = json.loads(begun.read_text("utf-8"))
    elif folder.exists() and any(folder.glob("*.ids")):
        raise ValueError(f"{folder} holds a damaged cache; remove it. Received: folder={str(folder)!r}")
    else:
        return
    for name in {*found, *made_of}:
        if found.get(name) != made_of.get(name):
            raise ValueError(
                f"{folder} is a cache of other files, or made in another way: its {name} differ. Remove it, or give "
                f"another folder. Received: {name}={made_of.get(name)!r}"
            )


def _identity(file):
    """What tells a file, or a pair of them, from one that was changed."""
    paths = [file] if isinstance(file, str | os.PathLike) else list(file)
    found = []
    for path in map(Path, paths):
        if not path.is_file():
            raise FileNotFoundError(f"{path}: no such file. Check the path. Received: path={str(path)!r}")
        state = path.stat()
        found.append([str(path.absolute()), state.st_size, state.st_mtime_ns])
    return found


def _mapped(path, dtype):
    return np.memmap(path, dtype, mode="r") if path.stat().st_size else np.zeros(0, dtype)


def _write(path, text):
    temporary = path.with_name(f".{path.name}.partial")
    temporary.write_text(text, "utf-8")
    os.replace(temporary, path)
