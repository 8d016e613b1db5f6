"""Signals that the smallest of models can learn in seconds: waves, squares and spikes of different lengths."""

import numpy as np

from keras_attn.data import LabelledSignals

SMALL = {
    "members": 2,
    "hidden_dim": 16,
    "num_heads": 2,
    "intermediate_dim": 16,
    "stem_layers": 2,
    "stem_kernel_size": 5,
    "num_windows": 3,
    "dropout": 0.0,
    "learning_rate": 0.02,
    "average_decay": 0.9,
    "min_batches": 20,
    "epochs": 4,
    "label_smoothing": 0.0,
    "jitter": 0.02,
    "warp": 0.0,
    "folds": 2,
}
SHAPES = ("spike", "square", "wave")


def shape(name, length, draw):
    time, phase = np.arange(length), draw.uniform(0, 2 * np.pi)
    if name == "spike":
        return 4.0 * (time == draw.integers(length)) - 0.5
    wave = np.sin(0.7 * time + phase)
    return np.sign(wave) if name == "square" else wave


def made(count, seed):
    """Labelled signals of two channels, the second one noise."""
    draw, signals, labels = np.random.default_rng(seed), [], []
    for i in range(count):
        name, length = SHAPES[i % 3], int(draw.integers(20, 41))
        values = np.stack([shape(name, length, draw), np.zeros(length)], axis=1) + draw.normal(size=(length, 2)) * 0.1
        signals.append(values.astype("float32"))
        labels.append(name)
    return LabelledSignals(signals, {"label": labels})


def write_tsv(path, data):
    """The first channel as the UCR archive has it."""
    rows = [
        "\t".join([label, *(f"{value:.5f}" for value in signal[:, 0])])
        for label, signal in zip(data.labels["label"], data.signals, strict=True)
    ]
    path.write_text("\n".join(rows) + "\n", "utf-8")
    return path


def beeps(count, seed, rate=4000):
    """Recordings of one to three tones with silence between, and what they spell: a for low ones, b for high ones."""
    draw, signals, texts = np.random.default_rng(seed), [], []
    for _ in range(count):
        text = "".join(draw.choice(list("ab"), draw.integers(1, 4)))
        parts = [np.zeros(draw.integers(200, 500))]
        for letter in text:
            time = np.arange(draw.integers(300, 600)) / rate
            parts += [0.5 * np.sin(2 * np.pi * {"a": 300, "b": 1200}[letter] * time), np.zeros(draw.integers(200, 500))]
        samples = np.concatenate(parts)
        signals.append((samples + 0.01 * draw.normal(size=len(samples))).astype("float32")[:, None])
        texts.append(text)
    return LabelledSignals(signals, {"label": texts}, None, rate)


def noisy(count, seed):
    """Waves under noise, and without it."""
    draw, signals, targets = np.random.default_rng(seed), [], []
    for _ in range(count):
        time = np.arange(draw.integers(40, 61))
        clean = np.sin(draw.uniform(0.1, 0.4) * time + draw.uniform(0, 6)) * draw.uniform(1, 2)
        targets.append(clean.astype("float32")[:, None])
        signals.append((clean + 0.5 * draw.normal(size=len(time))).astype("float32")[:, None])
    return LabelledSignals(signals, {}, targets)
