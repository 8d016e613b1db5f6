"""Texts that the smallest of language models can learn in seconds: sentences that count."""

import random

SMALL = {
    "vocabulary_size": 34,
    "num_layers": 1,
    "hidden_dim": 32,
    "num_heads": 2,
    "intermediate_dim": 64,
    "dropout": 0.0,
    "precision": "float32",
    "learning_rate": 0.02,
    "average_decay": 0.9,
    "masked_share": 0.2,
    "batch_tokens": 256,
    "num_buckets": 1,
    "max_length": 16,
    "epochs": 5,
}


def counting_texts(count, seed):
    """Sentences that count up through twelve words, from any of them on: each word tells the next."""
    words = ["ba", "ce", "di", "fo", "gu", "ha", "je", "ki", "lo", "mu", "na", "pe"]
    draw = random.Random(seed)
    starts = [(draw.randrange(12), draw.randint(4, 9)) for _ in range(count)]
    return [" ".join(words[(start + i) % 12] for i in range(length)) for start, length in starts]
