"""What each option of a search does to speed and to BLEU, on a trained translation run.

    python benchmarks/decoding_options.py --run RUN [--data SRC TGT] [--limit N] [--rounds N] [--quick] [--json]

Translates the test set (Multi30k test2016 under KERAS_ATTN_DATA, or `--data`) once to trace the search and then, in
rounds, with each option in turn, so that a machine that slows down slows all. Sentences a second are medians over the
rounds, of the search from text to text, 64 at a time; "speed" is that over the run's own beam search. With `--json` the
last line is one JSON object.
"""

import argparse
import json
import os
import statistics
import time
from pathlib import Path

ROWS = {
    "beam (the run's)": {},
    "greedy": {"beam_size": 1},
    "beam_size=8": {"beam_size": 8},
    "length_penalty=0": {"length_penalty": 0.0},
    "length_penalty=average": {"length_penalty": "average"},
    "exact": {"exact": True},
    "coverage_penalty=0.2": {"coverage_penalty": 0.2},
    "details": {"details": True},
    "sample": {"sample": True},
    "sample top_k=10": {"sample": True, "top_k": 10},
    "sample top_p=0.9": {"sample": True, "top_p": 0.9},
    "sample min_p=0.1": {"sample": True, "min_p": 0.1},
    "sample temperature=0.5": {"sample": True, "temperature": 0.5},
    "prefix": {"prefix": "first word"},
    "require": {"require": "longest word"},
    "ban": {"ban": "longest word"},
    "no_repeat_ngram=3": {"no_repeat_ngram": 3},
    "repetition_penalty=1.2": {"repetition_penalty": 1.2},
    "min_length=10": {"min_length": 10},
}
QUICK = ("beam (the run's)", "greedy", "sample top_p=0.9", "prefix", "require")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", required=True, help="run folder of a translation")
    parser.add_argument("--data", nargs="+", help="source and target file (default: Multi30k test2016)")
    parser.add_argument("--limit", type=int, help="use the first N pairs (default: all; quick: 32)")
    parser.add_argument("--rounds", type=int, help="timed translations with each option (default 3; quick 1)")
    parser.add_argument("--quick", action="store_true", help="few pairs, few options: no figures")
    parser.add_argument("--json", action="store_true", help="print one JSON object last")
    options = parser.parse_args()

    from keras_attn import Translation
    from keras_attn.data import read_parallel_text

    pairs = read_parallel_text(options.data or multi30k())
    limit = options.limit or (32 if options.quick else len(pairs.sources))
    sources, targets = pairs.sources[:limit], pairs.targets[:limit]
    task = Translation.load(options.run)
    rows = {name: ROWS[name] for name in (QUICK if options.quick else ROWS)}
    results = measure(task, sources, targets, rows, options.rounds or (1 if options.quick else 3))

    print(f"{options.run}: {len(sources)} sentences, 64 at a time\n")
    print("| option | sentences/s | speed | BLEU | difference |\n|---|---|---|---|---|")
    for name, row in results.items():
        print(
            f"| {name} | {row['rate']:.1f} | {row['speed']:.2f} | {row['bleu']:.2f} | {row['bleu_difference']:+.2f} |"
        )
    if options.json:
        print(json.dumps(results))


def multi30k():
    folder = Path(os.environ.get("KERAS_ATTN_DATA", "data")) / "translation" / "multi30k" / "raw"
    return [folder / f"test_2016_flickr.{language}.gz" for language in ("en", "de")]


def measure(task, sources, targets, rows, rounds):
    """Gives rate, speed and BLEU by option. A prefix, a required or a banned word is the reference's own, or not."""

    def translate(how):
        how = {"num_results": 1, **how}
        if "prefix" in how:
            how["prefix"] = [target.split()[0] for target in targets]
        if "require" in how or "ban" in how:
            name = "require" if "require" in how else "ban"
            how[name] = [max(" ".join(targets).split(), key=len)]
        start = time.perf_counter()
        answers = task.nbest(sources, **how)
        seconds = time.perf_counter() - start
        return seconds, [found[0].text if found else "" for found in answers]

    answers = {name: translate(how)[1] for name, how in rows.items()}  # traces
    seconds = {name: [] for name in rows}
    for _ in range(rounds):
        for name, how in rows.items():
            seconds[name].append(translate(how)[0])
    rate = {name: len(sources) / statistics.median(times) for name, times in seconds.items()}
    bleu = {name: task.score(texts, targets)["bleu"] for name, texts in answers.items()}
    base = next(iter(rows))
    return {
        name: {
            "rate": round(rate[name], 2),
            "speed": round(rate[name] / rate[base], 3),
            "bleu": round(bleu[name], 2),
            "bleu_difference": round(bleu[name] - bleu[base], 2),
        }
        for name in rows
    }


if __name__ == "__main__":
    main()
