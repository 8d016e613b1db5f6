"""Texts that the smallest of classifiers can learn in seconds: sentences about food or the sea, nice or nasty."""

import random

from keras_attn.data import LabelledText

WORDS = {
    "food": ["soup", "bread", "cheese", "apple", "kitchen"],
    "sea": ["boat", "wave", "harbour", "sail", "fish"],
    "nice": ["lovely", "fine", "warm", "great"],
    "nasty": ["awful", "cold", "dull", "bad"],
}
SMALL = {
    "architecture": "bag",
    "hidden_dim": 16,
    "vocabulary_size": 200,
    "dropout": 0.1,
    "learning_rate": 0.02,
    "average_decay": 0.9,
    "epochs": 4,
    "max_length": 24,
    "label_smoothing": 0.0,
}


def made(count, seed, heads=("topic",)):
    """Labelled sentences; `mood` may be asked for too, and `both` is topic and mood as one set of labels."""
    draw, texts, labels = random.Random(seed), [], {head: [] for head in heads}
    for _ in range(count):
        topic, mood = draw.choice(["food", "sea"]), draw.choice(["nice", "nasty"])
        texts.append(f"the {draw.choice(WORDS[mood])} {draw.choice(WORDS[topic])} was {draw.choice(WORDS[mood])}")
        found = {"topic": topic, "mood": mood, "both": (topic, mood) if mood == "nice" else (topic,)}
        for head in heads:
            labels[head].append(found[head])
    return LabelledText(texts, labels)
