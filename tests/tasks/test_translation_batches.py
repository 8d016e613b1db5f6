"""Batches of texts: divided as the tokenizer does, or with merges left out in the training alone."""

from keras_attn.data import ParallelText
from keras_attn.tasks.settings import make_settings
from keras_attn.tasks.translation_batches import BPE_VARIANTS, make_batches
from keras_attn.tasks.translation_settings import TranslationSettings
from keras_attn.text import train_tokenizer

SOURCES = ["a man in a hat walks a dog", "two dogs walk in the park", "a hat on a mat"] * 8
TARGETS = ["ein Mann mit Hut", "zwei Hunde im Park", "ein Hut auf der Matte"] * 8


def batches_of(training, **changes):
    own = {"tokenizer": "bpe", "vocabulary_size": 60, "batch_tokens": 128, **changes}
    settings = make_settings(TranslationSettings, {"default": {}}, "default", own)
    tokenizer = train_tokenizer("bpe", [*SOURCES, *TARGETS], 60, False, False)
    return make_batches(ParallelText(SOURCES, TARGETS), tokenizer, settings, training), tokenizer


def served(batches, tokenizer, epoch):
    """The ids of an epoch's targets, and the texts they spell, both sorted."""
    batches.epoch = epoch
    rows = [[int(i) for i in row if i] for n in range(len(batches)) for row in batches[n][1]]
    rows = sorted(row for row in rows if row)
    return rows, sorted(text.decode() for text in tokenizer.detokenize(rows_of_equal_length(rows)).numpy())


def rows_of_equal_length(rows):
    longest = max(map(len, rows))
    return [row + [0] * (longest - len(row)) for row in rows]


def test_each_epoch_divides_the_same_texts_anew():
    batches, tokenizer = batches_of(True, bpe_dropout=0.3)
    epochs = [served(batches, tokenizer, epoch) for epoch in range(BPE_VARIANTS + 1)]
    assert all(texts == sorted(TARGETS) for _, texts in epochs)
    assert len({str(rows) for rows, _ in epochs}) == BPE_VARIANTS
    assert epochs[BPE_VARIANTS] == epochs[0]  # they take turns


def test_validation_and_no_dropout_take_the_tokenizers_division():
    whole = sorted([*row.numpy().tolist(), 2] for row in batches_of(False)[1].tokenize(TARGETS))
    for training, dropout in ((False, 0.3), (True, 0.0)):
        batches, tokenizer = batches_of(training, bpe_dropout=dropout)
        assert served(batches, tokenizer, 0)[0] == served(batches, tokenizer, 1)[0] == whole
