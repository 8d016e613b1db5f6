"""Pairs of texts as batches of token ids."""

import numpy as np
import tensorflow as tf

from keras_attn.data import TokenBatches, TokenSequences
from keras_attn.text import END_ID, START_ID

# With `bpe_dropout`, how many times each pair is divided into tokens; the epochs take turns. All are in memory.
BPE_VARIANTS = 16


def make_batches(pairs, tokenizer, settings, training):
    """Makes the batches of a training, or of its validation.

    Args:
        pairs: `ParallelText`, or a `TokenCache`, which holds ids already.
        tokenizer: The tokenizer of both sides.
        settings: `TranslationSettings`.
        training: Whether to shuffle, to accumulate and to leave out merges, as the settings say.

    Returns:
        `TokenBatches`.
    """
    samples = training and settings.bpe_dropout > 0

    def encode(texts):
        if isinstance(texts, TokenSequences):
            return texts
        if samples:
            ids = tokenizer.sample(texts, settings.bpe_dropout, BPE_VARIANTS, settings.seed)
        else:
            ids = tokenizer.tokenize(tf.constant(texts))
        return np.split(ids.values.numpy(), ids.row_splits.numpy()[1:-1])

    return TokenBatches(
        encode(pairs.sources),
        encode(pairs.targets),
        batch_tokens=settings.batch_tokens,
        max_length=settings.max_length,
        num_buckets=settings.num_buckets,
        shuffle=training,
        seed=settings.seed,
        start_id=START_ID,
        end_id=END_ID,
        packing=settings.packing,
        accumulate=settings.accumulate if training else 1,
        variants=BPE_VARIANTS if samples else 1,
    )
