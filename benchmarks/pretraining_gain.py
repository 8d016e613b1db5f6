"""What pretraining on unlabelled texts gains for a classifier with 500 labels.

    python benchmarks/pretraining_gain.py [--sets sst2 banking77] [--validation] [--runs DIR] [--quick] [--json]

Of the training texts under KERAS_ATTN_DATA 500 are drawn with their labels, each class as often as in the whole; of
Banking77, which has no validation, a tenth of each class is held out as one before. A masked language model learns from
the other texts, without their labels, and its tokenizer too. Then for each of five seeds a classifier learns the 500
twice: once from the pretrained encoder, once from random weights. Tokenizer, sizes, batches and epochs are the same,
those of `train classification --init`; random weights have one learning rate for all layers, and of SST-2 both kinds
have the rate and the pooling that the validation chose for each, see docs/numbers.md. The test is measured after the
last epoch (with --validation the validation, by which settings are to be chosen). Beside them stand n-gram
baselines of the same 500. --runs keeps the pretraining runs, or takes those that are there. With `--json` the last line
is one JSON object.
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
PRETRAINING = {"batch_tokens": 512, "masked_share": 0.3, "num_buckets": 4, "max_length": 96}
FINE_TUNING = {"epochs": 25, "learning_rate": 0.002}  # what differs from the preset
RANDOM = {"rate_decay": 1.0}  # what knows nothing has nothing to keep
SETS = {
    "sst2": {
        "column": "label",
        "pretraining": {**PRETRAINING, "vocabulary_size": 8000, "epochs": 4},
        "pretrained": {**FINE_TUNING, "learning_rate": 0.001},
        "random": {**FINE_TUNING, **RANDOM, "pooling": "mean"},
    },
    "banking77": {
        "column": "category",
        "pretraining": {**PRETRAINING, "vocabulary_size": 4000, "epochs": 12},
        "pretrained": FINE_TUNING,
        "random": {**FINE_TUNING, **RANDOM},
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
            results[name] = measure(name, Path(options.runs or folder) / name, options)
    if options.json:
        print(json.dumps(results))


def measure(name, run, options):
    """The accuracies from both kinds of weights, and what else there is to know."""
    labelled, unlabelled, *held_out = split(name)
    held_out = held_out[0 if options.validation else 1]
    found = {"pretraining_minutes": pretrain(name, run, unlabelled, options.quick)}
    for kind in ("random", "pretrained"):
        found[kind] = accuracies(name, run, kind, labelled, held_out, options)
        mean = found[f"{kind}_mean"] = round(statistics.mean(found[kind]), 2)
        print(f"| {name} | {kind} | {', '.join(map(str, found[kind]))} | {mean} |", flush=True)
    found["gain"] = round(found["pretrained_mean"] - found["random_mean"], 2)
    found["baseline"] = baseline(labelled, held_out)
    for kind, accuracy in found["baseline"].items():
        print(f"| {name} | baseline: {kind} | | {accuracy} |")
    print(f"| {name} | **gain** | | **{found['gain']}** |", flush=True)
    return found


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


def pretrain(name, run, texts, quick):
    """Leaves a pretrained run; returns the minutes of its training."""
    from keras_attn.tasks import Pretraining
    from keras_attn.training import RunFolder

    if not RunFolder(run).holds_run():
        settings = QUICK if quick else SETS[name]["pretraining"]
        with contextlib.redirect_stdout(io.StringIO()):
            Pretraining(**settings, checkpoint_minutes=60.0).fit(texts, run)
    return RunFolder(run).metrics()[-1]["minutes"]


def accuracies(name, run, kind, labelled, held_out, options):
    """The accuracy of each seed, in percent; the graph is traced once for all of them."""
    import keras
    import numpy as np

    from keras_attn.data import TextBatches
    from keras_attn.tasks import TASKS, ClassificationSettings, start_from
    from keras_attn.tasks.classification_labels import Labels
    from keras_attn.tasks.classification_model import build_model
    from keras_attn.tasks.settings import make_settings

    changes = {**SETS[name][kind], **({"epochs": 1} if options.quick else {})}
    settings = make_settings(ClassificationSettings, TASKS["classification"].presets, "fine_tuning", changes)
    start, labels = start_from(run, settings.dropout, "float32"), Labels.of(labelled)
    common = {"max_length": min(settings.max_length, start.max_length)}
    common |= {"start_id": start.tokenizer.start_id, "end_id": start.tokenizer.end_id}
    ids, targets, test_ids, truth = *arrays(labelled, labels, start), *arrays(held_out, labels, start)
    test = TextBatches(test_ids, {"head_0": truth}, batch_size=128, shuffle=False, **common)
    weights, model, found = start.encoder.get_weights(), None, []
    for seed in range(1, 2 if options.quick else options.seeds + 1):
        keras.utils.set_random_seed(seed)
        batches = TextBatches(ids, {"head_0": targets}, batch_size=settings.batch_size, seed=seed, **common)
        encoder = keras.models.clone_model(start.encoder)  # of random weights
        if kind == "pretrained":
            encoder.set_weights(weights)
        vocabulary_size, steps = start.tokenizer.vocabulary_size, settings.epochs * len(batches)
        fresh = build_model(settings, vocabulary_size, labels, steps, encoder)
        model = model or fresh
        for own, other in zip(variables_of(model), variables_of(fresh), strict=True):
            own.assign(other)
        next_epoch = keras.callbacks.LambdaCallback(
            on_epoch_begin=lambda epoch, _, b=batches: setattr(b, "epoch", epoch)
        )
        model.fit(batches.as_dataset(), epochs=settings.epochs, shuffle=False, verbose=0, callbacks=[next_epoch])
        # Keras has put the moving averages in the weights' place.
        guesses = model.predict(test.as_dataset(), verbose=0)["head_0"].argmax(axis=1)
        found.append(round(100 * float(np.mean(guesses == truth.argmax(axis=1))), 2))
    return found


def arrays(data, labels, start):
    """Ids of each text, and targets."""
    from keras_attn.tasks.texts import as_tensor

    return start.tokenizer.tokenize(as_tensor(data.texts)).to_list(), next(iter(labels.targets(data).values()))


def variables_of(model):
    return [*model.variables, *model.optimizer.variables]


def baseline(labelled, held_out):
    """The accuracy of each n-gram baseline, in percent."""
    from keras_attn.tasks.classification_baseline import KINDS, NgramBaseline
    from keras_attn.tasks.classification_labels import Labels

    labels, found = Labels.of(labelled), {}
    (head,) = labels.heads
    truth = labels.targets(held_out)[head].argmax(axis=1)
    for kind in KINDS:
        trained = NgramBaseline.train(kind, labelled.texts, labels.targets(labelled), ())
        found[kind] = round(100 * float((trained.scores(held_out.texts)[head].argmax(axis=1) == truth).mean()), 2)
    return found


if __name__ == "__main__":
    main()
