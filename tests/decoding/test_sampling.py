"""Samples: their frequencies against the softmax, their scores against the model, their numbers against each other."""

import math

import numpy as np
import pytest
import tensorflow as tf

from keras_attn.decoding import MinLength, Sample, search
from tests.decoding.test_constraints import run
from tests.decoding.test_strategies import END, NEVER, PrefixModel, normalised

LOGITS = [0.5, -1.0, 0.0, 1.5, 1.0, 1.0, NEVER, -3.0]
COUNT = 20_000
CRITICAL = {1: 10.8, 2: 13.8, 3: 16.3, 4: 18.5, 5: 20.5, 6: 22.5, 8: 26.1}  # chi-square, p = 0.001


def softmax(logits, temperature=1.0):
    weights = np.exp(np.asarray(logits) / temperature)
    return weights / weights.sum()


def draw(strategy, max_length=1, logits=LOGITS):
    def step(tokens, index, cache):
        return tf.repeat(tf.constant([logits]), tf.shape(tokens)[0], axis=0), cache

    return search(step, (), strategy, batch_size=1, max_length=max_length, end_id=7)


def assert_drawn_from(probabilities, drawn):
    counts = np.bincount(drawn, minlength=len(probabilities))
    assert not counts[probabilities == 0].any()
    likely = probabilities > 0
    expected = probabilities[likely] * counts.sum()
    if likely.sum() > 1:
        assert ((counts[likely] - expected) ** 2 / expected).sum() < CRITICAL[likely.sum() - 1]


def filtered(temperature=1.0, top_k=None, top_p=None, min_p=None):
    """The three filters by hand, one after the other, each on what is left."""
    probabilities = softmax(LOGITS, temperature)
    if top_k is not None:
        keep = np.argsort(-probabilities, kind="stable")[:top_k]
        probabilities = np.where(np.isin(np.arange(len(probabilities)), keep), probabilities, 0)
        probabilities /= probabilities.sum()
    if top_p is not None:
        keep, total = [], 0.0
        for token in np.argsort(-probabilities, kind="stable"):
            if total < top_p:
                keep.append(token)
                total += probabilities[token]
        probabilities = np.where(np.isin(np.arange(len(probabilities)), keep), probabilities, 0)
        probabilities /= probabilities.sum()
    if min_p is not None:
        probabilities = np.where(probabilities >= min_p * probabilities.max(), probabilities, 0)
    return probabilities / probabilities.sum()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"temperature": 0.5},
        {"temperature": 3.0},
        {"top_k": 3},  # the third place is a tie
        {"top_k": 1},
        {"top_k": 99},
        {"top_p": 0.6},
        {"top_p": 1e-9},
        {"min_p": 0.3},
        {"min_p": 1.0},
        {"temperature": 2.0, "top_k": 5, "top_p": 0.8, "min_p": 0.55},
    ],
    ids=str,
)
def test_frequencies_are_those_of_the_softmax(options):
    ids = draw(Sample(**options, num_results=COUNT, seed=11)).ids.numpy()[0, :, 0]
    assert_drawn_from(filtered(**options), ids)


def test_steps_are_independent():
    logits = [0.0, 0.7, -0.5]
    ids = draw(Sample(num_results=COUNT), max_length=2, logits=[*logits, *[NEVER] * 5]).ids.numpy()[0]
    probabilities = softmax(logits)
    assert_drawn_from(np.outer(probabilities, probabilities).reshape(-1), 3 * ids[:, 0] + ids[:, 1])


def test_scores_are_the_models_own_and_the_best_comes_first():
    model = PrefixModel(seed=2, batch_size=3, vocabulary_size=6)
    strategy = Sample(temperature=1.5, top_k=4, num_results=6, length_penalty=0.6)
    result = run(model, strategy, limits=[5, 2, 5])
    assert len({tuple(ids) for ids in result.ids.numpy()[0]}) > 3
    for row in range(3):
        for ids, score in zip(result.ids.numpy()[row].tolist(), result.scores.numpy()[row], strict=True):
            length = ids.index(END) + 1 if END in ids else [5, 2, 5][row]
            assert not any(ids[length:])
            total = sum(model.log_probs(row, ids[:place])[ids[place]] for place in range(length))
            assert score == pytest.approx(normalised(total, length, 0.6), abs=1e-5)
        assert sorted(result.scores.numpy()[row])[::-1] == result.scores.numpy()[row].tolist()


def test_a_row_is_drawn_alike_in_every_batch_and_by_every_run():
    model, strategy = PrefixModel(seed=4, batch_size=5, vocabulary_size=9), Sample(num_results=3, seed=5)
    together = run(model, strategy, limits=[7] * 5)
    np.testing.assert_array_equal(together.ids, run(model, strategy, limits=[7] * 5).ids)
    for row in range(5):
        np.testing.assert_array_equal(run(model.row(row), strategy, limits=[7]).ids[0], together.ids[row])
    assert not np.array_equal(together.ids, run(model, Sample(num_results=3, seed=6), limits=[7] * 5).ids)


def test_where_everything_is_forbidden_nothing_is_drawn():
    strategy = Sample(num_results=2, top_p=0.9, min_p=0.1)
    result = draw(strategy, max_length=3, logits=[NEVER] * 8)
    assert np.all(result.scores == NEVER) and not result.ids.numpy().any()

    def only_the_end(tokens, index, cache):
        return tf.where(tf.range(8) == 7, 0.0, tf.fill([2, 8], NEVER)), cache

    result = search(only_the_end, (), strategy, batch_size=1, max_length=3, end_id=7, constraints=[MinLength(2)])
    assert np.all(result.scores == NEVER) and not result.ids.numpy().any()


def test_an_extreme_temperature_is_no_nan():
    for temperature in (1e-30, 1e30):
        scores = draw(Sample(temperature=temperature, num_results=50), max_length=3).scores.numpy()
        assert np.isfinite(scores).all()
    assert draw(Sample(temperature=1e-6, num_results=5)).ids.numpy().reshape(-1).tolist() == [3] * 5


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"temperature": 0.0}, "use Greedy. Received: temperature=0.0"),
        ({"temperature": math.nan}, "Received: temperature=nan"),
        ({"top_k": 0}, "Received: top_k=0"),
        ({"top_p": 0.0}, "Received: top_p=0.0"),
        ({"top_p": 1.1}, "Received: top_p=1.1"),
        ({"min_p": -0.1}, "Received: min_p=-0.1"),
        ({"seed": 2**31}, "32 bits. Received: seed=2147483648"),
        ({"num_results": 0}, "Received: num_results=0"),
        ({"length_penalty": "mean"}, "'average'. Received: length_penalty='mean'"),
    ],
    ids=str,
)
def test_refusals(options, message):
    with pytest.raises(ValueError, match=message):
        Sample(**options)
