"""How well a tagger finds entities, beside its baselines.

    python benchmarks/tagging.py [--train N] [--seeds N] [--minutes M] [--preset P] [--json]

There are no well-known tagged sentences among the project's data, so they are made: questions of Banking77 (under
KERAS_ATTN_DATA), each with a date as 26 locales write it (60 % of them) and a made-up name put between their words, and
at the end "they paid" or "they got it", which tells whether the name is a payer or a payee: most often far from it. The
label is the question's intent, one of 77. No name of the test, and hardly a date, is in the training. The test's
questions are Banking77's test set. With `--json` the last line is one JSON object.
"""

import argparse
import csv
import json
import os
import random
import re
import statistics
import tempfile
from pathlib import Path

from keras_attn import Tagging
from keras_attn.data import TaggedText, date_pairs

VALIDATION, TEST = 400, 1000


def questions(name):
    """Rows of words and intent."""
    folder = Path(os.environ.get("KERAS_ATTN_DATA", "../shared/data"))
    with open(folder / "classification" / "banking77" / f"{name}.csv", encoding="utf-8", newline="") as file:
        rows = [(row["text"].split(), row["category"]) for row in csv.DictReader(file)]
    return [row for row in rows if row[0]]


def made_up_name(draw):
    """A name of one or two words, such as `Tarovi` or `Tarovi Besu`."""
    return [
        "".join(draw.choices("btrvsmln", k=1)[0] + draw.choice("aeiou") for _ in range(draw.randint(2, 3))).title()
        for _ in range(draw.randint(1, 2))
    ]


def with_entities(words, draw, dates):
    """A question's words and tags, after a name and perhaps a date were put into it."""
    role = draw.choice(["payer", "payee"])
    parts = [(made_up_name(draw), role)]
    if draw.random() < 0.6:
        parts.append((next(dates).split(), "date"))
    words, tags = list(words), ["O"] * len(words)
    for entity, kind in parts:
        place = draw.choice([i for i in range(len(words) + 1) if i == len(words) or not tags[i].startswith("I")])
        words[place:place] = entity
        tags[place:place] = [f"B-{kind}", *[f"I-{kind}"] * (len(entity) - 1)]
    end = ["they", "paid"] if role == "payer" else ["they", "got", "it"]
    return words + end, tags + ["O"] * len(end)


def made(rows, split):
    """`TaggedText` of questions."""
    draw = random.Random(split)
    dates = (re.sub(r"^\[\w+\]", "", pair.text) for pair in date_pairs(len(rows), seed=1, split=split))
    found = [with_entities(words, draw, dates) for words, _ in rows]
    return TaggedText([words for words, _ in found], [tags for _, tags in found], [intent for _, intent in rows])


def main():
    """Trains a tagger a seed and prints its figures on the test."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--train", type=int, default=3000, help="sentences to learn from (default: 3000)")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--minutes", type=float, help="minutes of each training (default: no limit)")
    parser.add_argument("--preset", default="tiny")
    parser.add_argument("--epochs", type=int, help="epochs (default: the preset's)")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows = questions("train")
    random.Random(0).shuffle(rows)
    test = questions("test")
    random.Random(0).shuffle(test)
    data = made(rows[VALIDATION : VALIDATION + options.train], "train")
    validation, test = made(rows[:VALIDATION], "validation"), made(test[:TEST], "test")
    settings = {"word_rule": "spaces"} | ({"epochs": options.epochs} if options.epochs else {})
    found = []
    for seed in range(1, options.seeds + 1):
        with tempfile.TemporaryDirectory() as folder:
            task = Tagging(options.preset, **settings, seed=seed)
            task.fit(data, validation, run=Path(folder) / "run", max_minutes=options.minutes)
            found.append(task.evaluate(test))
            print(f"seed {seed}: " + "  ".join(f"{name} {value:.2f}" for name, value in found[-1].items()))
    mean = {name: statistics.mean(figures[name] for figures in found) for name in found[0]}
    print("mean: " + "  ".join(f"{name} {value:.2f}" for name, value in mean.items()))
    if options.json:
        print(json.dumps(mean))


if __name__ == "__main__":
    main()
