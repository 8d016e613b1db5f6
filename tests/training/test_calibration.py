"""Calibration by hand, by a search over a grid, and by what it is for."""

import numpy as np
import pytest
from scipy import special
from sklearn.metrics import log_loss

from keras_attn.training import abstention_threshold, expected_calibration_error, fit_temperature

RANDOM = np.random.default_rng(0)


def drawn(temperature, count=4000, classes=5):
    """Logits, and labels that are as likely as `softmax(logits / temperature)` says."""
    logits = RANDOM.normal(size=(count, classes)) * 3
    probabilities = special.softmax(logits / temperature, axis=1)
    labels = [RANDOM.choice(classes, p=row) for row in probabilities]
    return logits, np.eye(classes)[labels]


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_the_temperature_that_the_labels_were_drawn_with_is_found(temperature):
    logits, targets = drawn(temperature)
    found = fit_temperature(logits, targets)
    assert found == pytest.approx(temperature, rel=0.08)
    losses = {t: log_loss(targets, special.softmax(logits / t, axis=1)) for t in found * np.linspace(0.8, 1.2, 41)}
    assert min(losses, key=losses.get) == pytest.approx(found, rel=0.011)


def test_of_several_labels_each_is_a_decision():
    logits = RANDOM.normal(size=(4000, 3)) * 4
    targets = (RANDOM.random((4000, 3)) < special.expit(logits / 2.0)).astype(float)
    assert fit_temperature(logits, targets, multi_label=True) == pytest.approx(2.0, rel=0.08)


def test_a_temperature_stays_in_its_bounds():
    assert 0.05 <= fit_temperature([[0.5, 0.0]] * 3, [[1, 0]] * 3) < 0.06  # always right
    assert 19 < fit_temperature([[5.0, 0.0]] * 2, [[0, 1]] * 2) <= 20  # always wrong


def test_the_calibration_error_by_hand():
    confidences = [0.05, 0.15, 0.95, 0.95, 1.0, 0.8]
    is_right = [False, True, True, False, True, True]
    # Bins of a tenth; the upper edge belongs to the bin: 0.05 | 0.15 | 0.8 | 0.95, 0.95, 1.0.
    gaps = [abs(0 - 0.05), abs(1 - 0.15), abs(1 - 0.8), abs(2 - 2.9)]
    assert expected_calibration_error(confidences, is_right, num_bins=10) == pytest.approx(sum(gaps) / 6)


def test_what_is_calibrated_has_little_error():
    logits, targets = drawn(2.0)

    def error(temperature):
        scores = special.softmax(logits / temperature, axis=1)
        return expected_calibration_error(scores.max(axis=1), scores.argmax(axis=1) == targets.argmax(axis=1))

    assert error(fit_temperature(logits, targets)) < 0.03 < 0.1 < error(1.0)


def test_the_threshold_against_all_thresholds():
    confidences = np.round(RANDOM.random(300), 2)  # many are equal
    is_right = RANDOM.random(300) < confidences
    for accuracy in (0.5, 0.7, 0.9, 1.0):
        threshold, answered = abstention_threshold(confidences, is_right, accuracy)
        allowed = [c for c in np.unique(confidences) if is_right[confidences >= c].mean() >= accuracy]
        assert threshold == min(allowed, default=1.0)
        assert answered == (pytest.approx((confidences >= threshold).mean()) if allowed else 0.0)


def test_no_confidence_may_be_enough():
    assert abstention_threshold([0.9, 0.8], [False, False], 0.5) == (1.0, 0.0)
