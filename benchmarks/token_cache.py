"""Streams pairs from a cache of tokens on disk: how fast, and whether the memory grows.

python benchmarks/token_cache.py [--quick] [--json] [--pairs N] [--folder DIR]

Pairs of made-up words are written to files, tokenized once by all processors, and served for a whole epoch in mixed
order, as `Translation.fit` takes them. Memory is what the process holds of its own (RssAnon), pages of the files left
out: the kernel takes those back when it needs them.

Last line with --json: pairs, tokenized_per_second, pairs_per_second, memory_before_gb, memory_after_gb, growth_gb (from
a tenth of the epoch to its end), cache_gb, tokens.
"""

import argparse
import functools
import json
import os
import re
import shutil
import tempfile
import time
from pathlib import Path

import numpy as np

FILE_PAIRS = 250_000
WORDS = 20_000


def anonymous_gb():
    return int(re.search(r"RssAnon:\s+(\d+)", Path("/proc/self/status").read_text())[1]) / 2**20


def made_words():
    draw = np.random.default_rng(1)
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
    return np.array(["".join(draw.choice(letters, draw.integers(2, 9))) for _ in range(WORDS)])


def write_files(folder, pairs):
    words, draw, files = made_words(), np.random.default_rng(2), []
    for start in range(0, pairs, FILE_PAIRS):
        count = min(FILE_PAIRS, pairs - start)
        path = folder / f"part-{start // FILE_PAIRS:05d}.tsv"
        with open(path, "w", encoding="utf-8") as file:
            for _ in range(count):
                lengths = draw.integers(3, 12, 2)
                chosen = words[(WORDS * draw.random(lengths.sum()) ** 3).astype(int)]  # few words are frequent
                file.write(" ".join(chosen[: lengths[0]]) + "\t" + " ".join(chosen[lengths[0] :]) + "\n")
        files.append(path)
    return files


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="60,000 pairs")
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    parser.add_argument("--pairs", type=int, default=10_000_000)
    parser.add_argument("--folder", help="where to write files and cache; a temporary folder, removed, by default")
    options = parser.parse_args()
    pairs = 60_000 if options.quick else options.pairs
    folder = Path(options.folder or tempfile.mkdtemp())
    folder.mkdir(exist_ok=True)
    try:
        results = measure(folder, pairs)
    finally:
        if not options.folder:
            shutil.rmtree(folder)
    for name, value in results.items():
        print(f"{name:22} {value:,}")
    if options.json:
        print(json.dumps(results))


def measure(folder, pairs):
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from keras_attn.data import ParallelText, TokenBatches, TokenCache, read_parallel_text
    from keras_attn.tasks.pair_shards import encoder_of
    from keras_attn.text import train_tokenizer

    files = write_files(folder, pairs)
    sample = read_parallel_text(files[0])
    sample = ParallelText(sample.sources[:50_000], sample.targets[:50_000])
    train_tokenizer("bpe", [*sample.sources, *sample.targets], 8000).save(folder / "tokenizer")
    start = time.perf_counter()
    cache = TokenCache.build(folder / "cache", files, functools.partial(encoder_of, folder / "tokenizer"))
    tokenized = time.perf_counter() - start
    before = anonymous_gb()
    batches = TokenBatches(cache.sources, cache.targets, batch_tokens=4096, max_length=128)
    start, tokens, early = time.perf_counter(), 0, None
    for number, (inputs, labels) in enumerate(batches.as_dataset()):
        tokens += int(np.count_nonzero(labels.numpy())) + int(np.count_nonzero(inputs["source"].numpy()))
        if number == len(batches) // 10:
            early = anonymous_gb()
    seconds, after = time.perf_counter() - start, anonymous_gb()
    return {
        "pairs": pairs,
        "tokens": tokens,
        "tokenized_per_second": round(pairs / tokenized),
        "pairs_per_second": round(pairs / seconds),
        "cache_gb": round(sum(path.stat().st_size for path in (folder / "cache").glob("*")) / 2**30, 3),
        "memory_before_gb": round(before, 3),
        "memory_after_gb": round(after, 3),
        "growth_gb": round(after - early, 3),
    }


if __name__ == "__main__":
    main()
