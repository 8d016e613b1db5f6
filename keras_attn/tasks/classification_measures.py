"""How well a classifier does, on one head of one set of texts."""

import dataclasses

import numpy as np
from sklearn import metrics

from keras_attn.training import expected_calibration_error


@dataclasses.dataclass(frozen=True)
class Measures:
    """Right labels beside scores.

    Args:
        names: Names of the classes, C of them.
        targets: Zeros and ones [N, C].
        scores: Probabilities [N, C].
        multi_label: Whether a text may have several labels; those of at least 0.5 are then its answer.
    """

    names: list
    targets: np.ndarray
    scores: np.ndarray
    multi_label: bool = False

    def answers(self):
        """Gives the answers as zeros and ones.

        Returns:
            Integer array [N, C].
        """
        if self.multi_label:
            return (self.scores >= 0.5).astype(int)
        return np.eye(len(self.names), dtype=int)[self.scores.argmax(axis=1)]

    def confidences(self):
        """Gives how sure each answer is: of several labels, as sure as the least sure decision about one.

        Returns:
            Array [N].
        """
        if self.multi_label:
            return np.maximum(self.scores, 1.0 - self.scores).min(axis=1)
        return self.scores.max(axis=1)

    def is_right(self):
        """Tells which answers are right, of several labels to the last one.

        Returns:
            Boolean array [N].
        """
        return (self.answers() == self.targets).all(axis=1)

    def summary(self):
        """Measures everything.

        Returns:
            Dict of accuracy, macro-F1 (of several labels also micro-F1) and expected calibration error, from 0 to 100.
        """
        found = {"accuracy": 100.0 * float(self.is_right().mean()), "macro_f1": 100.0 * self._f1("macro")}
        if self.multi_label:
            found["micro_f1"] = 100.0 * self._f1("micro")
        return {**found, "ece": 100.0 * self.calibration_error()}

    def calibration_error(self):
        """Measures how far the scores are from the share of right answers; of several labels, over all decisions.

        Returns:
            The error, from 0 to 1.
        """
        if self.multi_label:
            sure = np.maximum(self.scores, 1.0 - self.scores)
            return expected_calibration_error(sure.ravel(), (self.answers() == self.targets).ravel())
        return expected_calibration_error(self.confidences(), self.is_right())

    def per_class(self):
        """Measures each class.

        Returns:
            List of dicts: class, precision, recall, f1 (from 0 to 100) and count, the number of texts that have it.
        """
        values = metrics.precision_recall_fscore_support(self.targets, self.answers(), average=None, zero_division=0.0)
        rows = zip(self.names, *values, strict=True)
        return [
            {"class": name, "precision": 100.0 * p, "recall": 100.0 * r, "f1": 100.0 * f, "count": int(n)}
            for name, p, r, f, n in rows
        ]

    def confusion(self):
        """Counts right labels against answers; for heads of one label.

        Returns:
            Integer array [C, C]: row is the right class, column the answer.
        """
        return metrics.confusion_matrix(
            self.targets.argmax(axis=1), self.scores.argmax(axis=1), labels=range(len(self.names))
        )

    def coverage(self, threshold):
        """Measures what remains when answers that are less sure than a threshold are not given.

        Args:
            threshold: Lowest confidence of an answer.

        Returns:
            Share of texts answered, and the share of the answers that are right (1 where there is none).
        """
        given = self.confidences() >= threshold
        return float(given.mean()), float(self.is_right()[given].mean()) if given.any() else 1.0

    def _f1(self, average):
        # Classes that neither occur nor are answered say nothing.
        seen = [i for i in range(len(self.names)) if self.targets[:, i].any() or self.answers()[:, i].any()]
        value = metrics.f1_score(self.targets, self.answers(), labels=seen, average=average, zero_division=0.0)
        return float(value)
