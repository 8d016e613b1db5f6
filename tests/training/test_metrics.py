"""Accuracy against hand counts."""

import numpy as np
import pytest

from keras_attn.training import MaskedAccuracy, Perplexity


def ranked_first(ids, size=6):
    """Logits [B, T, V] that put each id first."""
    return np.eye(size, dtype="float32")[np.array(ids)] * 2 - 1


def test_counts_over_batches_leave_padding_out():
    metric = MaskedAccuracy()
    metric.update_state(np.array([[1, 2, 0], [3, 0, 0]]), ranked_first([[1, 5, 0], [3, 3, 3]]))  # 2 of 3 right
    assert float(metric.result()) == pytest.approx(2 / 3)
    metric.update_state(np.array([[4, 4, 4, 4, 4]]), ranked_first([[4, 1, 1, 1, 1]]))  # 1 of 5
    assert float(metric.result()) == pytest.approx(3 / 8)
    metric.update_state(np.zeros((2, 3), "int32"), ranked_first(np.zeros((2, 3), int)))  # padding only
    assert float(metric.result()) == pytest.approx(3 / 8)
    metric.reset_state()
    metric.update_state(np.array([[5, 0]]), ranked_first([[5, 1]]))
    assert float(metric.result()) == 1.0


def test_padding_alone_gives_zero():
    metric = MaskedAccuracy()
    metric.update_state(np.zeros((1, 2), "int32"), ranked_first([[0, 0]]))
    assert float(metric.result()) == 0.0


def test_sample_weights():
    metric = MaskedAccuracy()
    labels, logits = np.array([[1, 2], [3, 4]]), ranked_first([[1, 2], [1, 1]])
    metric.update_state(labels, logits, sample_weight=np.array([[3.0], [1.0]]))
    assert float(metric.result()) == pytest.approx(6 / 8)


def test_config_round_trip():
    metric = MaskedAccuracy(name="mine", dtype="float64")
    again = MaskedAccuracy.from_config(metric.get_config())
    assert (again.name, again.dtype) == ("mine", "float64")


def test_perplexity_counts_each_token_alike():
    generator, metric, losses = np.random.default_rng(0), Perplexity(), []
    for size in ((2, 5), (3, 2)):
        labels, logits = generator.integers(0, 7, size), generator.normal(size=(*size, 7)).astype("float32")
        metric.update_state(labels, logits)
        for place in np.ndindex(size):
            if labels[place]:
                probabilities = np.exp(logits[place].astype("float64"))
                losses.append(-np.log(probabilities[labels[place]] / probabilities.sum()))
    np.testing.assert_allclose(float(metric.result()), np.exp(np.mean(losses)), rtol=1e-5)
    copy = Perplexity.from_config(metric.get_config())
    copy.update_state(np.array([[1, 2]]), np.zeros((1, 2, 4), "float32"), sample_weight=np.array([[1.0, 0.0]]))
    np.testing.assert_allclose(float(copy.result()), 4.0, rtol=1e-6)
