"""What a trained classifier says of texts."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from keras_attn.explain import TokenWeights
from keras_attn.tasks.classification_measures import Measures
from keras_attn.tasks.texts import as_tensor


class Prediction(NamedTuple):
    """What a classifier says of a text, on one head.

    Args:
        label: The name of the class; of several labels a tuple of names, which may be empty.
        confidence: How sure it is, from 0 to 1; of several labels, of the least sure decision about one.
        scores: Dict of class -> probability, the highest first.
        is_confident: Whether it is at least as sure as the run's threshold for abstaining.
    """

    label: object
    confidence: float
    scores: dict
    is_confident: bool


class Asked:
    """Asks a classifier: texts in batches of like lengths, answers in the order of the texts.

    Args:
        classifier: A `Classifier`.
    """

    def __init__(self, classifier):
        self.classifier = classifier
        self._outputs = tf.function(self._read, input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)
        self._weigh = tf.function(self._look, input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)

    def scores(self, texts, batch_size=64, progress=None):
        """Gives the probabilities of all classes.

        Args:
            texts: List of texts.
            batch_size: Texts classified at a time.
            progress: Called with the number of texts done so far, or None.

        Returns:
            Dict of head -> array [N, C], and the share of each text that the tokenizer does not know, array [N].
        """
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        parts = []
        for start in range(0, max(len(order), 1), batch_size):
            rows = order[start : start + batch_size]
            found, unknown = self._outputs(as_tensor([texts[i] for i in rows]))
            parts.append({None: unknown.numpy(), **{head: array.numpy() for head, array in found.items()}})
            if progress is not None:
                progress(start + len(rows))
        back = np.argsort(order, kind="stable")
        joined = {head: np.concatenate([part[head] for part in parts])[back] for head in parts[0]}
        return joined, joined.pop(None)

    def token_weights(self, text, title=""):
        """Tells by which tokens a text was judged.

        Args:
            text: The text.
            title: What to write above the picture.

        Returns:
            A `TokenWeights`, without the text's start and end, which nobody can read.
        """
        ids, weights = (tensor.numpy()[0] for tensor in self._weigh(as_tensor([text])))
        shown = slice(int(self.classifier.with_start), -1)
        return TokenWeights(self.classifier.tokenizer.pieces(ids[shown]), weights[shown].tolist(), title)

    def _read(self, texts):
        ids = self.classifier.ids(texts)
        return self.classifier.scores(ids), self.classifier.unknown_share(ids)

    def _look(self, texts):
        ids = self.classifier.ids(texts)
        return ids, self.classifier.token_weights(ids)


def predictions_of(scores, labels, calibration):
    """Reads scores.

    Args:
        scores: Dict of head -> probabilities [N, C].
        labels: `Labels`.
        calibration: Dict of head -> dict with the key `threshold`.

    Returns:
        List of N dicts of head -> `Prediction`.
    """
    predictions = [{} for _ in next(iter(scores.values()))]
    for head, array in scores.items():
        names, several = labels.classes[head], head in labels.multi_label
        measures = Measures(names, np.zeros(array.shape), array, several)
        confidences, answers = measures.confidences(), measures.answers()
        threshold = calibration.get(head, {}).get("threshold", 0.0)
        for row, found in enumerate(predictions):
            chosen = tuple(name for name, holds in zip(names, answers[row], strict=True) if holds)
            found[head] = Prediction(
                chosen if several else chosen[0],
                float(confidences[row]),
                {names[i]: float(array[row, i]) for i in np.argsort(-array[row], kind="stable")},
                bool(confidences[row] >= threshold),
            )
    return predictions
