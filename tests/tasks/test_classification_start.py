"""Log-odds against a loop over texts, and that a model begins as naive Bayes."""

import math

import numpy as np
import pytest

from keras_attn.data import TextBatches
from keras_attn.tasks import ClassificationSettings
from keras_attn.tasks.classification_labels import Labels
from keras_attn.tasks.classification_model import build_model
from keras_attn.tasks.classification_start import log_odds, start_from_log_odds

RANDOM = np.random.default_rng(0)
TEXTS = [RANDOM.integers(4, 12, RANDOM.integers(1, 9)).tolist() for _ in range(60)]
LABELS = RANDOM.integers(0, 3, 60)
TAGS = np.array([[4 in text, 5 in text] for text in TEXTS], float)
BATCHES = TextBatches(TEXTS, {"head_0": np.eye(3)[LABELS], "head_1": TAGS}, batch_size=7)
CLASSES = np.concatenate([np.eye(3)[LABELS], TAGS], axis=1)


def odds_of(sets, size):
    """The formula, text by text, of sets of rows."""
    table = np.zeros((size, 5))
    for c in range(5):
        sides = [[rows for rows, row in zip(sets, CLASSES, strict=True) if row[c] == side] for side in (1.0, 0.0)]
        totals = [sum(map(len, side)) + size for side in sides]
        for v in range(size):
            counts = [sum(v in rows for rows in side) + 1 for side in sides]
            table[v, c] = math.log(counts[0] / totals[0]) - math.log(counts[1] / totals[1])
    return table


def test_the_formula():
    expected = odds_of([{*text, 2} for text in TEXTS], 12)
    np.testing.assert_allclose(log_odds(BATCHES, lambda ids: [ids], 12), expected, atol=1e-6)


def model_of(**changes):
    settings = {"architecture": "bag", "hidden_dim": 8, "start": "log_odds", "dropout": 0.0, **changes}
    return build_model(ClassificationSettings(**settings), 12, Labels({"a": list("abc"), "b": list("xy")}, ("b",)), 100)


def test_a_model_begins_with_the_mean_of_its_tokens_odds():
    model = model_of(ngram_buckets=101)
    start_from_log_odds(model, BATCHES)
    pairs = [list(zip(row, [0, *row], strict=False)) for row in ([*text, 2] for text in TEXTS)]
    buckets = [[(8191 * now + before + 2) % 101 for now, before in row] for row in pairs]
    tokens, ngrams = odds_of([{*text, 2} for text in TEXTS], 12), odds_of([{*rows} for rows in buckets], 101)
    for text, rows in list(zip(TEXTS, buckets, strict=True))[:5]:
        mean = np.mean([tokens[v] + ngrams[b] for v, b in zip([*text, 2], rows, strict=True)], axis=0)
        rest = np.array(model.get_layer("text_encoder")(np.array([[*text, 2]])))[0, :, 5:].mean(axis=0)
        logits = model(np.array([[*text, 2]]))
        for output, part in (("head_0", slice(0, 3)), ("head_1", slice(3, 5))):
            expected = 5.0 * mean[part] + rest @ np.array(model.get_layer(output).kernel)[5:]
            np.testing.assert_allclose(np.array(logits[output])[0], expected, atol=1e-4)


def test_too_few_columns():
    with pytest.raises(ValueError, match=r"set hidden_dim to at least 5, .* Received: hidden_dim=4"):
        start_from_log_odds(model_of(hidden_dim=4), BATCHES)
