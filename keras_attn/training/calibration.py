"""Whether a classifier is right as often as it says, and how to make it so."""

import numpy as np
from scipy import optimize, special

_BINS = 15


def fit_temperature(logits, targets, multi_label=False):
    """Finds the temperature T by which logits are divided so that the labels are as likely as they can be.

    `T = argmin_T -sum_n log softmax(z_n / T)[y_n]`; of several labels, the sum of the binary cross-entropies of
    `sigmoid(z / T)`. One number cannot change which class is first.

    Args:
        logits: Float array [N, C] of texts that were not trained on.
        targets: Zeros and ones [N, C].
        multi_label: Whether a row may hold several ones.

    Returns:
        T, from 0.05 to 20.

    Example:
        >>> import numpy as np
        >>> from keras_attn.training.calibration import fit_temperature
        >>> logits, targets = np.tile([[np.log(9.0), 0.0]], (4, 1)), np.eye(2)[[0, 0, 0, 1]]
        >>> round(fit_temperature(logits, targets), 3)  # right in 3 of 4: log 9 becomes log 3
        2.0

    Reference:
        Guo et al. 2017, "On Calibration of Modern Neural Networks", section 4.2.
    """
    logits, targets = np.asarray(logits, "float64"), np.asarray(targets, "float64")

    def loss(log_temperature):
        scaled = logits / np.exp(log_temperature)
        if multi_label:
            return np.mean(np.logaddexp(0.0, scaled) - targets * scaled)
        return np.mean(special.logsumexp(scaled, axis=1) - (targets * scaled).sum(axis=1))

    found = optimize.minimize_scalar(loss, bounds=(np.log(0.05), np.log(20.0)), method="bounded")
    return float(np.exp(found.x))


def expected_calibration_error(confidences, is_right, num_bins=_BINS):
    """Measures how far confidences are from the share of right answers.

    `ECE = sum_b n_b / N |accuracy(b) - confidence(b)|` over bins of equal width.

    Args:
        confidences: Probability of each answer, array [N].
        is_right: Whether it is right, array [N].
        num_bins: Number of bins.

    Returns:
        The error, from 0 to 1.

    Example:
        >>> from keras_attn.training.calibration import expected_calibration_error
        >>> round(expected_calibration_error([0.9, 0.9, 0.6], [True, False, True], num_bins=10), 4)
        0.4

    Reference:
        Guo et al. 2017, equation 3, with 15 bins.
    """
    confidences, is_right = np.asarray(confidences, "float64"), np.asarray(is_right, "float64")
    bins = np.clip(np.ceil(confidences * num_bins).astype(int) - 1, 0, num_bins - 1)
    gaps = np.bincount(bins, is_right - confidences, minlength=num_bins)
    return float(np.abs(gaps).sum() / len(confidences))


def abstention_threshold(confidences, is_right, accuracy):
    """Finds the confidence below which to give no answer, so that the answers are right as often as asked.

    Args:
        confidences: Probability of each answer, array [N].
        is_right: Whether it is right, array [N].
        accuracy: Share of right ones asked of the answers.

    Returns:
        The lowest such confidence and the share of texts at or above it; (1.0, 0.0) where there is none.

    Example:
        >>> from keras_attn.training.calibration import abstention_threshold
        >>> abstention_threshold([0.9, 0.8, 0.7, 0.6], [True, True, False, True], accuracy=0.7)
        (0.6, 1.0)
        >>> abstention_threshold([0.9, 0.8, 0.7, 0.6], [True, True, False, True], accuracy=0.9)
        (0.8, 0.5)
    """
    order = np.argsort(-np.asarray(confidences, "float64"), kind="stable")
    confidences, is_right = np.asarray(confidences, "float64")[order], np.asarray(is_right, "float64")[order]
    is_last = np.append(confidences[1:] < confidences[:-1], True)  # of those with the same confidence
    accuracies = np.cumsum(is_right) / np.arange(1, len(order) + 1)
    (allowed,) = np.nonzero(is_last & (accuracies >= accuracy))
    if not allowed.size:
        return 1.0, 0.0
    return float(confidences[allowed[-1]]), float((allowed[-1] + 1) / len(order))
