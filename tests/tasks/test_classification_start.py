"""Log-odds and features against loops over texts, and that a model begins as naive Bayes or as the machines."""

import math

import numpy as np
import pytest
from sklearn.svm import LinearSVC

from keras_attn.data import TextBatches
from keras_attn.tasks import ClassificationSettings
from keras_attn.tasks.classification_labels import Labels
from keras_attn.tasks.classification_model import build_model
from keras_attn.tasks.classification_start import log_odds, start_from_log_odds, start_from_svm

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
    np.testing.assert_allclose(log_odds(BATCHES, 12), expected, atol=1e-6)


def model_of(**changes):
    settings = {"architecture": "bag", "hidden_dim": 8, "start": "log_odds", "dropout": 0.0, **changes}
    return build_model(ClassificationSettings(**settings), 12, Labels({"a": list("abc"), "b": list("xy")}, ("b",)), 100)


def test_a_model_begins_with_the_mean_of_its_tokens_odds():
    model = model_of(ngram_buckets=101)
    start_from_log_odds(model, BATCHES)
    tokens = odds_of([{*text, 2} for text in TEXTS], 12)
    for text in TEXTS[:5]:
        mean = np.mean([tokens[v] for v in [*text, 2]], axis=0)
        rest = np.array(model.get_layer("text_encoder")(np.array([[*text, 2]])))[0, :, 5:].mean(axis=0)
        logits = model(np.array([[*text, 2]]))
        for output, part in (("head_0", slice(0, 3)), ("head_1", slice(3, 5))):
            expected = 5.0 * mean[part] + rest @ np.array(model.get_layer(output).kernel)[5:]
            np.testing.assert_allclose(np.array(logits[output])[0], expected, atol=1e-4)


PIECES = ["<pad>", "<start>", "<end>", "<unknown>", "▁fin", "▁fine", "▁fines", "▁dull", "er", "ly", "▁bad", "▁"]


def runs_of(piece):
    written = "" if piece.startswith("<") else piece + "\n"
    return [written[i : i + length] for length in range(1, 6) for i in range(len(written) - length + 1)]


def features_of(row, model):
    """The names of what the machines judge a text by, each as often as it is there, block by block."""
    rows = [*row, 2]
    table = model.get_layer("text_encoder").get_layer("ngrams").buckets(np.array([rows]))
    shared = [run for run in runs_of_all() if sum(run in runs_of(piece) for piece in PIECES) > 1]
    runs = [run for v in rows for run in runs_of(PIECES[v]) if run in shared]
    return [list(map(str, rows)), [str(int(place)) for order in table for place in order[0]], runs]


def runs_of_all():
    return sorted({run for piece in PIECES for run in runs_of(piece)})


def counted_and_weighed(side, model):
    """Feature by feature: counts times log-odds of one class, of unit mean square a block, rows of the length 1."""
    texts, sizes, blocks = [features_of(text, model) for text in TEXTS], (12, 101, None), []
    for block in range(3):
        names = sorted({name for text in texts for name in text[block]})
        size = sizes[block] or sum(
            sum(run in runs_of(piece) for piece in PIECES) > 1 for run in runs_of_all()
        )  # those that no text has count in the totals too
        totals = [
            sum(len(set(text[block])) for text, yes in zip(texts, side, strict=True) if yes == value) + size
            for value in (1.0, 0.0)
        ]
        table = np.zeros((len(texts), len(names)))
        for column, name in enumerate(names):
            counts = [
                sum(name in text[block] for text, yes in zip(texts, side, strict=True) if yes == value) + 1
                for value in (1.0, 0.0)
            ]
            odds = math.log(counts[0] / totals[0]) - math.log(counts[1] / totals[1])
            table[:, column] = [odds * text[block].count(name) for text in texts]
        blocks.append(table / math.sqrt((table**2).sum(axis=1).mean()))
    features = np.concatenate(blocks, axis=1)
    return features / np.linalg.norm(features, axis=1, keepdims=True)


def test_a_model_begins_as_the_machines():
    model = model_of(ngram_buckets=101)
    model.get_layer("text_encoder").get_layer("embedding").embeddings.assign(np.zeros((12, 8)))  # no other columns
    start_from_svm(model, BATCHES, PIECES)
    logits = [model(np.array([[*text, 2]])) for text in TEXTS]
    logits = np.concatenate([[np.array(found[f"head_{i}"])[0] for found in logits] for i in (0, 1)], axis=1)
    assert np.sqrt((logits**2).mean()) == pytest.approx(1.0, rel=1e-3)
    ratios = []
    for column in range(5):
        features = counted_and_weighed(CLASSES[:, column], model)
        machine = LinearSVC(C=0.5, fit_intercept=False, tol=1e-6, max_iter=100_000).fit(features, CLASSES[:, column])
        margins = machine.decision_function(features)
        clear = np.abs(margins) > 0.02
        assert clear.sum() > 40
        np.testing.assert_array_equal(np.sign(logits[clear, column]), np.sign(margins[clear]))
        ratios.append(np.corrcoef(logits[:, column], margins)[0, 1])
    assert min(ratios) > 0.9


def test_a_word_never_seen_counts_as_those_it_is_spelt_like():
    texts, good = [[4, 7 + i % 2, 5] for i in range(20)] + [[10, 7 + i % 2] for i in range(20)], np.arange(40) < 20
    batches = TextBatches(texts, {"head_0": np.eye(2)[good.astype(int)]}, batch_size=8)
    settings = ClassificationSettings(architecture="bag", hidden_dim=8, dropout=0.0)
    model = build_model(settings, 12, Labels({"a": ["bad", "good"]}), 100)
    start_from_svm(model, batches, PIECES)
    values = {piece: np.array(model(np.array([[v]]))["head_0"])[0] for v, piece in enumerate(PIECES) if v}
    for piece in ("▁fin", "▁fine", "▁fines"):  # the last one is in no text
        assert values[piece][1] > values[piece][0] + 0.2
    assert values["▁bad"][0] > values["▁bad"][1] + 0.2


def test_a_label_that_all_texts_have_says_nothing():
    targets = {"head_0": np.eye(3)[LABELS], "head_1": np.stack([TAGS[:, 0], np.ones(60)], axis=1)}
    model = model_of()
    model.get_layer("text_encoder").get_layer("embedding").embeddings.assign(np.zeros((12, 8)))
    start_from_svm(model, TextBatches(TEXTS, targets, batch_size=7), PIECES)
    logits = np.concatenate([np.array(model(np.array([[*text, 2]]))["head_1"]) for text in TEXTS])
    assert (logits[:, 1] == 0.0).all() and (logits[:, 0] != 0.0).all()


@pytest.mark.parametrize("start", [start_from_log_odds, lambda *args: start_from_svm(*args, PIECES)])
def test_too_few_columns(start):
    with pytest.raises(ValueError, match=r"set hidden_dim to at least 5, .* Received: hidden_dim=4"):
        start(model_of(hidden_dim=4), BATCHES)
