"""Signals and spoken digits: accuracy on the test of each set, by seed.

    python benchmarks/signals.py [--sets NAME ...] [--seeds N] [--quick] [--json]

The files lie under KERAS_ATTN_DATA. Five sets of the UCR and UEA archives, the preset `tiny` for all. `digits` are the
recordings of FSDD with the preset `speech`, whose indices 5 to 9 of each speaker and digit are held out; `speakers`
are the same recordings, each speaker in turn held out whole and unheard by what learns from the others. With `--json`
the last line is one JSON object: for each set the accuracies, and their mean.
"""

import argparse
import contextlib
import io
import json
import os
import statistics
import tarfile
import tempfile
import time
from pathlib import Path

from keras_attn.data import read_signals
from keras_attn.tasks import Signal

ARCHIVES = {
    "ECG200": "tsv",
    "GunPoint": "tsv",
    "ItalyPowerDemand": "tsv",
    "SyntheticControl": "tsv",
    "JapaneseVowels": "ts",
}
SPOKEN = ("digits", "speakers")
PARTS = ("TRAIN", "TEST")


def parts_of(name, folder):
    """Yields, for each training that a set asks for, what is held out, what to learn from, and the test."""
    if name in ARCHIVES:
        yield "", *(read_signals(folder / "signal" / name / f"{name}_{part}.{ARCHIVES[name]}") for part in PARTS)
        return
    with tempfile.TemporaryDirectory() as wavs:
        with tarfile.open(folder / "speech" / "fsdd" / "recordings.tar.gz") as archive:
            archive.extractall(wavs, filter="data")
        paths = sorted(Path(wavs).rglob("*.wav"))
        held_out = {"indices 5-9": [path for path in paths if index_of(path) < 10]}
        if name == "speakers":
            speakers = sorted({speaker_of(path) for path in paths})
            held_out = {speaker: [path for path in paths if speaker_of(path) == speaker] for speaker in speakers}
        for what, test in held_out.items():
            yield what, listed([path for path in paths if path not in test]), listed(test)


def speaker_of(path):
    return path.stem.split("_")[1]


def index_of(path):
    return int(path.stem.split("_")[2])


def listed(paths):
    """The signals of recordings, read from a csv as a user would write it."""
    lines = ["file,label", *(f"{path},{path.stem.split('_')[0]}" for path in paths)]
    file = paths[0].parent / "recordings.csv"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return read_signals(file)


def accuracy(train, test, preset, seed, run, changes):
    """The accuracy of one training on the test, in percent."""
    task = Signal(preset=preset, seed=seed, **changes)
    with contextlib.redirect_stdout(io.StringIO()):
        task.fit(train, None, run)
    return round(task.evaluate(test)["accuracy"], 2)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", choices=[*ARCHIVES, *SPOKEN], default=[*ARCHIVES, *SPOKEN], metavar="NAME")
    parser.add_argument("--seeds", type=int, default=3, metavar="N", help="seeds of each (default: 3)")
    parser.add_argument("--quick", action="store_true", help="one set, one seed, one small epoch")
    parser.add_argument("--json", action="store_true", help="end with one JSON object")
    options = parser.parse_args()
    folder = Path(os.environ.get("KERAS_ATTN_DATA", "../shared/data"))
    sets, seeds, changes = options.sets, range(1, options.seeds + 1), {}
    if options.quick:
        sets, seeds, changes = ["GunPoint"], [1], {"epochs": 1, "members": 1, "folds": 0}
    print("| set | held out | seed | learnt from | tested on | accuracy | minutes |\n" + "|---" * 7 + "|")
    results = {}
    for name in sets:
        found = []
        for held_out, train, test in parts_of(name, folder):
            for seed in seeds:
                start = time.monotonic()
                with tempfile.TemporaryDirectory() as runs:
                    preset = "tiny" if name in ARCHIVES else "speech"
                    found.append(accuracy(train, test, preset, seed, Path(runs) / "run", changes))
                minutes = (time.monotonic() - start) / 60
                row = name, held_out, seed, len(train), len(test), found[-1], f"{minutes:.1f}"
                print(f"| {' | '.join(map(str, row))} |", flush=True)
        results[name] = {"accuracy": found, "mean": round(statistics.mean(found), 2)}
        print(f"| {name} | | mean | | | {results[name]['mean']} | |", flush=True)
    if options.json:
        print(json.dumps(results))


if __name__ == "__main__":
    main()
