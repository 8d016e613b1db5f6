"""How sure a classifier may be: found on answers that it was not trained on, for classifiers of anything."""

import dataclasses

import numpy as np
from scipy import special

from keras_attn.training import abstention_threshold, fit_temperature


def calibrate(results, answer_accuracy):
    """Finds each head's temperature, and its threshold for abstaining.

    Args:
        results: Dict of head -> `Measures` of what was not trained on, with the scores of the model as it is.
        answer_accuracy: Share of right answers that the threshold is to give.

    Returns:
        Dict of head -> dict of accuracy, temperature, ece_before, ece, threshold and answered, the share of answers
        above it; all but the temperature from 0 to 1.
    """
    found = {}
    for head, measures in results.items():
        several = measures.multi_label
        # Logarithms are logits but for a number that a row shares, which no probability depends on.
        tiny = np.finfo("float32").tiny
        logits = special.logit(measures.scores) if several else np.log(np.maximum(measures.scores, tiny))
        temperature = fit_temperature(logits, _softened(measures.targets, several), several)
        scaled = special.expit(logits / temperature) if several else special.softmax(logits / temperature, axis=1)
        after = dataclasses.replace(measures, scores=scaled)
        threshold, answered = abstention_threshold(after.confidences(), after.is_right(), answer_accuracy)
        found[head] = {
            "accuracy": float(measures.is_right().mean()),
            "temperature": temperature,
            "ece_before": measures.calibration_error(),
            "ece": after.calibration_error(),
            "threshold": threshold,
            "answered": answered,
        }
    return found


def _softened(targets, several):
    """Targets that leave a chance of 1 in N + 2 to what did not happen (Platt 1999), lest a perfect validation make the
    classifier certain."""
    count, classes = targets.shape
    share = 1.0 / (count + 2)
    return targets * (1.0 - share) + (1.0 - targets) * share / (1 if several else classes - 1)
