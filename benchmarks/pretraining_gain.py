"""What pretraining on unlabelled texts gains for a classifier with 500 labels.

    python benchmarks/pretraining_gain.py [--sets sst2 banking77] [--quick] [--validation] [--runs DIR] [--json]

Of the training texts under KERAS_ATTN_DATA 500 are drawn with their labels, each class as often as in the whole; of
Banking77, which has no validation, a tenth of each class is held out as one before. A masked language model learns from
the others, without their labels, and its tokenizer too. Then, for each of five seeds, a classifier learns the 500
twice: once with `init` the pretrained run, once with one of the same sizes and tokenizer whose weights are random. The
validation chooses the epoch, and the test is measured (with --validation the validation, by which settings are to be
chosen). Beside them stands the n-gram baseline of the same 500. --runs keeps the pretraining, or takes the one that is
there. With `--json` the last line is one JSON object.
"""

import argparse
import contextlib
import io
import json
import os
import random
import statistics
import tempfile
from pathlib import Path

DATA = Path(os.environ.get("KERAS_ATTN_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
LABELS = 500
SETS = {
    "sst2": {"column": "label", "pretraining": {"vocabulary_size": 8000, "epochs": 24}, "classification": {}},
    "banking77": {
        "column": "category",
        "pretraining": {"vocabulary_size": 4000, "epochs": 30},
        "classification": {},
    },
}
QUICK = {"num_layers": 1, "hidden_dim": 32, "num_heads": 2, "intermediate_dim": 32, "vocabulary_size": 800, "epochs": 1}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--validation", action="store_true", help="measure on the validation")
    parser.add_argument("--runs", help="folder to keep the pretraining runs in, or to take them from")
    parser.add_argument("--quick", action="store_true", help="smallest models, one epoch and one seed: no figures")
    parser.add_argument("--json", action="store_true", help="print one JSON object last")
    options = parser.parse_args()
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        print("| data | weights | accuracy of each seed | mean |\n|---|---|---|---|", flush=True)
        for name in options.sets:
            results[name] = measure(name, Path(options.runs or folder), Path(folder), options)
            print(f"| {name} | **gain** | | **{results[name]['gain']}** |", flush=True)
    if options.json:
        print(json.dumps(results))


def measure(name, runs, scratch, options):
    """The accuracies of both kinds of weights, and what else there is to know."""
    labelled, unlabelled, validation, test = split(name)
    seconds = pretrain(name, runs, unlabelled, options.quick)
    found = {"pretraining_minutes": round(seconds / 60, 1), "pretrained": [], "random": [], "baseline": 0.0}
    for kind in ("random", "pretrained"):
        for seed in range(1, 2 if options.quick else options.seeds + 1):
            run = scratch / f"{name}-{kind}-{seed}"
            metrics = classify(name, runs / f"{name}-{kind}", run, seed, options, labelled, validation, test)
            found[kind].append(round(metrics["accuracy"], 2))
            found["baseline"] = round(metrics["baseline_accuracy"], 2)
        found[f"{kind}_mean"] = round(statistics.mean(found[kind]), 2)
        print(f"| {name} | {kind} | {', '.join(map(str, found[kind]))} | {found[f'{kind}_mean']} |", flush=True)
    print(f"| {name} | n-gram baseline | | {found['baseline']} |", flush=True)
    return {**found, "gain": round(found["pretrained_mean"] - found["random_mean"], 2)}


def split(name):
    """Labelled texts, unlabelled ones, the validation and the test."""
    from keras_attn.data import PlainText, read_labelled_text

    column = SETS[name]["column"]
    folder = DATA / "classification" / name
    train, test = (read_labelled_text(folder / f"{part}.csv", "text", (column,)) for part in ("train", "test"))
    rows = range(len(train.texts))
    if name == "banking77":
        held_out = drawn(rows, train.labels[column], 0.1, random.Random(7))
        validation, rows = part_of(train, sorted(held_out)), [row for row in rows if row not in held_out]
    else:
        validation = read_labelled_text(folder / "dev.csv", "text", (column,))
    chosen = drawn(rows, train.labels[column], LABELS / len(rows), random.Random(1))
    rest = [train.texts[row] for row in rows if row not in chosen]
    return part_of(train, sorted(chosen)), PlainText(rest), validation, test


def drawn(rows, labels, share, draw):
    """A share of the rows of each class, at least one."""
    groups = {}
    for row in rows:
        groups.setdefault(labels[row], []).append(row)
    return {row for group in groups.values() for row in draw.sample(group, max(1, round(share * len(group))))}


def part_of(data, rows):
    from keras_attn.data import LabelledText

    return LabelledText(
        [data.texts[row] for row in rows],
        {head: [labels[row] for row in rows] for head, labels in data.labels.items()},
    )


def pretrain(name, runs, texts, quick):
    """Leaves a pretrained run and one of random weights; returns the seconds of the training."""
    from keras_attn.tasks import Pretraining
    from keras_attn.tasks.pretraining_model import build_model
    from keras_attn.training import RunFolder

    run = runs / f"{name}-pretrained"
    settings = QUICK if quick else SETS[name]["pretraining"]
    if not RunFolder(run).holds_run():
        with contextlib.redirect_stdout(io.StringIO()):
            Pretraining(**settings, checkpoint_minutes=60.0).fit(texts, run)
    task = Pretraining.load(run)
    task.model = build_model(task.settings, task.tokenizer.vocabulary_size, 1)
    if not (runs / f"{name}-random").exists():
        task.save(runs / f"{name}-random")
    return 60 * RunFolder(run).metrics()[-1]["minutes"]


def classify(name, init, run, seed, options, labelled, validation, test):
    """What a classifier of one seed measures."""
    from keras_attn import Classification

    settings = {"label_columns": (SETS[name]["column"],), "seed": seed, "checkpoint_minutes": 60.0}
    settings |= {"epochs": 1} if options.quick else SETS[name]["classification"]
    task = Classification("fine_tuning", init=str(init), **settings)
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        task.fit(labelled, validation, run=run)
        return task.evaluate(validation if options.validation else test)


if __name__ == "__main__":
    main()
