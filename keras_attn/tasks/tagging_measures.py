"""How well a tagger does on a set of sentences: entities by seqeval, words, whole sentences, their labels."""

import dataclasses

import numpy as np


def check_seqeval():
    """Raises a RuntimeError if seqeval is not installed.

    Raises:
        RuntimeError: Saying how to get it.
    """
    try:
        import seqeval  # noqa: F401
    except ImportError:
        raise RuntimeError(
            "Entities are measured by seqeval: pip install 'keras_attn[tagging]'. Received: no module named seqeval"
        ) from None


@dataclasses.dataclass(frozen=True)
class TagMeasures:
    """Right tags beside answers.

    Args:
        right: `TaggedText`.
        tags: For each sentence the list of tags answered.
        labels: For each sentence the label answered, or None.
    """

    right: object
    tags: list
    labels: list | None = None

    def summary(self):
        """Measures everything.

        Returns:
            Dict of f1, precision and recall of the entities (each counts alike), macro_f1 (each type counts alike),
            token_accuracy, sentence_accuracy (all tags right) and label_accuracy, from 0 to 100.
        """
        rows = self._report()
        micro, sentences = rows["micro avg"], list(zip(self.right.tags, self.tags, strict=True))
        found = {
            "f1": micro["f1-score"],
            "precision": micro["precision"],
            "recall": micro["recall"],
            "macro_f1": rows["macro avg"]["f1-score"],
            "token_accuracy": np.mean([a == b for right, own in sentences for a, b in zip(right, own, strict=True)]),
            "sentence_accuracy": np.mean([right == own for right, own in sentences]),
        }
        if self.labels is not None:
            found["label_accuracy"] = np.mean([a == b for a, b in zip(self.right.labels, self.labels, strict=True)])
        return {name: 100.0 * float(value) for name, value in found.items()}

    def per_type(self):
        """Measures each type of entity.

        Returns:
            List of dicts: type, precision, recall, f1 (from 0 to 100) and count.
        """
        return [
            {
                "type": name,
                "precision": 100.0 * float(row["precision"]),
                "recall": 100.0 * float(row["recall"]),
                "f1": 100.0 * float(row["f1-score"]),
                "count": int(row["support"]),
            }
            for name, row in self._report().items()
            if not name.endswith(" avg")
        ]

    def _report(self):
        """What seqeval counts of each type and of all: a dict of precision, recall, f1-score and support for each."""
        from seqeval.metrics import classification_report

        if not any(tag != "O" for rows in (self.right.tags, self.tags) for tags in rows for tag in tags):
            nothing = {"precision": 0.0, "recall": 0.0, "f1-score": 0.0, "support": 0}
            return {"micro avg": nothing, "macro avg": nothing}  # on which seqeval fails
        return classification_report(self.right.tags, self.tags, output_dict=True, zero_division=0)
