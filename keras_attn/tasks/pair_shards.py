"""Pairs in more files than memory holds: tokenized once, then read from disk by any number of trainings."""

import dataclasses
import functools
import itertools
import os
import shutil
from pathlib import Path

from keras_attn.data import ParallelText, TokenCache, read_parallel_text
from keras_attn.tasks.task import say

_SAMPLE = 1_000_000  # pairs that a vocabulary is trained on


@dataclasses.dataclass(frozen=True)
class PairShards:
    """Files of pairs, for `Translation.fit`, with the folder for what they become.

    Args:
        files: List of paths or pairs of paths, each as `data.read_parallel_text` takes it; files of a few hundred
            thousand pairs are a good size.
        cache: Folder for their token ids and the tokenizer; one that is whole is used again, one that was begun is gone
            on with.
        processes: Processes that tokenize; as many as the machine has processors when None.

    Raises:
        ValueError: If there is no file.
    """

    files: list
    cache: str | os.PathLike
    processes: int | None = None

    def __post_init__(self):
        if not self.files:
            raise ValueError("`files` needs one file of pairs, or pair of files, or more. Received: files=[]")

    def tokenize(self, train, described):
        """Makes the tokenizer and the ids, or opens what was made before.

        Args:
            train: Called with a `ParallelText` of the first pairs of each file; returns the tokenizer.
            described: Dict of the settings of the tokenizer; a cache made with others is refused.

        Returns:
            The `TokenCache`; the tokenizer is in its folder.

        Raises:
            FileNotFoundError: If a file is missing.
            ValueError: If a file is malformed, or the cache was made of other files or with other settings.
        """
        folder = Path(self.cache)
        tokenizer = folder / "tokenizer"
        if not tokenizer.exists():
            temporary = folder / ".tokenizer.partial"
            shutil.rmtree(temporary, ignore_errors=True)
            trained = train(self._sample())
            folder.mkdir(parents=True, exist_ok=True)
            trained.save(temporary)
            os.replace(temporary, tokenizer)
        make_encode = functools.partial(encoder_of, tokenizer)

        def advance(done):
            say(f"Tokenized {done} of {len(self.files)} files.")

        cache = TokenCache.build(folder, self.files, make_encode, described, self.processes, advance)
        if cache.skipped:
            say(f"{cache.skipped} pairs were left out: a side was empty.")
        return cache

    def _sample(self):
        sources, targets, share = [], [], -(-_SAMPLE // len(self.files))
        for file in self.files:
            text = read_parallel_text(file)
            sources += itertools.islice(text.sources, share)
            targets += itertools.islice(text.targets, share)
        return ParallelText(sources, targets)


def encoder_of(folder):
    """Makes what gives texts their ids, in a process that tokenizes.

    Args:
        folder: Folder of a tokenizer.

    Returns:
        Function of a list of texts that gives the ids of all, one after another, and the number of each text's.
    """
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import numpy as np

    from keras_attn.tasks.texts import as_tensor
    from keras_attn.text import load_tokenizer

    tokenizer = load_tokenizer(folder)

    def encode(texts):
        ids = tokenizer.tokenize(as_tensor(texts))
        return ids.values.numpy(), np.diff(ids.row_splits.numpy())

    return encode
