"""Sentences that the smallest of taggers can learn in seconds: orders and questions with drinks, counts and cities.

The same name is a city behind "to" and a person behind "for", so that a word alone does not tell its tag.
"""

import random

from keras_attn.data import TaggedText

NAMES = ["Paris", "Sydney", "Florence", "Austin", "San Jose", "Santa Maria"]
DRINKS = ["tea", "iced tea", "coffee", "green tea"]
SMALL = {
    "architecture": "bag",
    "ngram_buckets": 1009,
    "hidden_dim": 32,
    "num_heads": 2,
    "vocabulary_size": 120,
    "word_dropout": 0.0,
    "dropout": 0.0,
    "learning_rate": 0.02,
    "average_decay": 0.9,
    "epochs": 3,
    "batch_size": 16,
    "max_length": 24,
}


def made(count, seed, labels=True):
    """Tagged sentences with the labels order and question."""
    draw, rows, kinds = random.Random(seed), [], []
    for _ in range(count):
        kind = draw.choice(["order", "question"])
        begin = "send {n} {d} to {c} for {p}" if kind == "order" else "does {p} take {d} to {c} ?"
        rows.append(_filled(begin, draw))
        kinds.append(kind)
    words, tags = ([row[side] for row in rows] for side in (0, 1))
    return TaggedText(words, tags, kinds if labels else None)


def _filled(pattern, draw):
    slots = {"{n}": ("count", [str(n) for n in range(2, 90)]), "{d}": ("drink", DRINKS)}
    slots |= {"{c}": ("city", NAMES), "{p}": ("person", NAMES)}
    words, tags = [], []
    for part in pattern.split():
        name, choices = slots.get(part, (None, [part]))
        found = draw.choice(choices).split()
        words += found
        tags += [f"{'I' if i else 'B'}-{name}" if name else "O" for i in range(len(found))]
    return words, tags
