"""Texts from steps against the enumeration of every way to spell every text."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from keras_attn.decoding import ctc_search


def spelled(way):
    """What a way through the steps spells: repeats taken as one, then the blanks taken out."""
    return tuple(symbol for symbol, _ in itertools.groupby(way) if symbol)


def probabilities(logits):
    """Dict of text -> its probability, summed over all ways."""
    shares = np.exp(logits - logits.max(axis=1, keepdims=True)).astype("float64")
    shares /= shares.sum(axis=1, keepdims=True)
    found = {}
    for way in itertools.product(range(logits.shape[1]), repeat=len(logits)):
        text = spelled(way)
        found[text] = found.get(text, 0.0) + np.prod([shares[t, symbol] for t, symbol in enumerate(way)])
    return found


def test_a_wide_beam_finds_the_likeliest_text():
    logits = np.random.default_rng(1).normal(size=(12, 5, 4)).astype("float32") * 1.5
    lengths = np.array([5, 4, 3, 5, 2, 5, 1, 5, 4, 5, 3, 5])
    ids, scores = (tensor.numpy() for tensor in ctc_search(logits, lengths, beam_size=200))
    different = 0
    for row, length in enumerate(lengths):
        every = probabilities(logits[row, :length])
        best = max(every, key=every.get)
        assert tuple(ids[row][ids[row] > 0]) == best
        assert scores[row] == pytest.approx(np.log(every[best]), abs=1e-4)
        different += best != spelled(logits[row, :length].argmax(axis=1))
    assert different >= 2  # there the likeliest way spells another text


def test_one_beginning_takes_the_likeliest_way():
    logits = np.random.default_rng(2).normal(size=(6, 7, 3)).astype("float32")
    lengths = np.array([7, 5, 7, 3, 1, 7])
    ids, scores = (tensor.numpy() for tensor in ctc_search(logits, lengths, beam_size=1))
    for row, length in enumerate(lengths):
        steps = logits[row, :length].astype("float64")
        assert tuple(ids[row][ids[row] > 0]) == spelled(steps.argmax(axis=1))
        way = (steps.max(axis=1) - np.log(np.exp(steps).sum(axis=1))).sum()
        assert scores[row] == pytest.approx(way, abs=1e-4)


def test_doubled_letters_and_silence():
    sure = np.log(np.eye(3, dtype="float32") + 1e-6)
    ids = ctc_search(sure[[[1, 1, 0, 1, 2, 2], [0, 0, 0, 0, 0, 0]]], np.array([6, 6]), beam_size=4)[0].numpy()
    assert ids.tolist() == [[1, 1, 2], [0, 0, 0]]


@pytest.mark.parametrize("beam_size", [1, 4])
def test_it_runs_in_a_graph_of_open_lengths(beam_size):
    signature = [tf.TensorSpec([None, None, 4]), tf.TensorSpec([None], tf.int32)]
    call = tf.function(lambda x, n: ctc_search(x, n, beam_size), input_signature=signature, autograph=False)
    logits = np.random.default_rng(3).normal(size=(2, 6, 4)).astype("float32")
    for part in (logits, logits[:1, :3]):
        lengths = np.full(len(part), part.shape[1], "int32")
        np.testing.assert_array_equal(call(part, lengths)[0], ctc_search(part, lengths, beam_size)[0])


def test_errors():
    with pytest.raises(ValueError, match=r"`beam_size` must be at least 1\. Received: beam_size=0"):
        ctc_search(np.zeros((1, 1, 2), "float32"), np.array([1]), 0)
