"""The classes that a classifier knows, and labels as the arrays that it learns from."""

import dataclasses

import numpy as np

from keras_attn.data.labelled_text import count_labels
from keras_attn.tasks.run_parts import read_part, write_part

_FILE = "classes.json"


@dataclasses.dataclass(frozen=True)
class Labels:
    """Heads and their classes. The model's output of head number i is `head_i`.

    Args:
        classes: Dict of head -> list of class names.
        multi_label: Names of the heads that may give a text several labels.
    """

    classes: dict
    multi_label: tuple = ()

    @classmethod
    def of(cls, data):
        """Finds the classes of a training's texts.

        Args:
            data: `LabelledText` or `LabelledSignals`.

        Returns:
            The `Labels`, classes in alphabetical order.

        Raises:
            ValueError: If a head has fewer than two classes.
        """
        classes = {head: sorted(count_labels(labels)) for head, labels in data.labels.items()}
        multi_label = tuple(head for head in classes if data.is_multi_label(head))
        for head, names in classes.items():
            if len(names) < 1 + (head not in multi_label):
                raise ValueError(
                    f"There is nothing to tell apart: the column {head!r} of the training {data.noun}s needs two "
                    f"labels or more. Received: labels={names}"
                )
        return cls(classes, multi_label)

    @property
    def heads(self):
        """List of the heads' names."""
        return list(self.classes)

    @property
    def counts(self):
        """List of the number of classes of each head."""
        return [len(names) for names in self.classes.values()]

    def outputs(self):
        """Gives the model's output of each head.

        Returns:
            Dict of head -> output name.
        """
        return {head: f"head_{i}" for i, head in enumerate(self.classes)}

    def known(self, data):
        """Leaves out the rows with a label that no row of the training had.

        Args:
            data: `LabelledText` or `LabelledSignals`.

        Returns:
            The like of `data`, and a dict of the unknown labels -> how many rows have them.

        Raises:
            ValueError: If the heads are others, or no row is left.
        """
        if set(data.labels) != set(self.classes):
            raise ValueError(f"The heads must be {self.heads}, as in the training. Received: heads={list(data.labels)}")
        unknown, rows = [], []
        for row in range(len(data)):
            found = [
                name
                for head, names in self.classes.items()
                for name in _as_tuple(data.labels[head][row])
                if name not in names
            ]
            unknown += dict.fromkeys(found)
            rows += [] if found else [row]
        if not rows:
            raise ValueError(
                f"No {data.noun} has labels that the training had. Received: "
                + "; ".join(f"{head}={list(count_labels(data.labels[head]))[:5]}" for head in self.classes)
            )
        return data.select(rows), count_labels(unknown)

    def targets(self, data):
        """Gives the labels as arrays of zeros and ones.

        Args:
            data: `LabelledText` or `LabelledSignals` whose labels are all known.

        Returns:
            Dict of head -> float32 array [N, C].
        """
        arrays = {}
        for head, names in self.classes.items():
            index = {name: i for i, name in enumerate(names)}
            arrays[head] = np.zeros((len(data), len(names)), "float32")
            for row, label in enumerate(data.labels[head]):
                arrays[head][row, [index[name] for name in _as_tuple(label)]] = 1.0
        return arrays

    def save(self, folder):
        """Writes `classes.json`.

        Args:
            folder: The run folder.
        """
        write_part(folder, _FILE, dataclasses.asdict(self))

    @classmethod
    def load(cls, folder):
        """Reads what `save` wrote.

        Args:
            folder: The run folder.

        Returns:
            The `Labels`.

        Raises:
            ValueError: If the file is missing or damaged.
        """
        return read_part(folder, _FILE, lambda found: cls(found["classes"], tuple(found["multi_label"])))


def balanced_weights(targets):
    """Weights that let each class count alike: `N / (C n_c)` for a text of class c.

    Args:
        targets: Float array [N, C] of zeros and ones, one 1 a row.

    Returns:
        Float array [N] of mean 1.

    Example:
        >>> import numpy as np
        >>> from keras_attn.tasks.classification_labels import balanced_weights
        >>> balanced_weights(np.array([[1, 0], [1, 0], [1, 0], [0, 1]])).round(3).tolist()
        [0.667, 0.667, 0.667, 2.0]
    """
    counts = targets.sum(axis=0)
    weights = len(targets) / (np.count_nonzero(counts) * np.maximum(counts, 1.0))
    return targets @ weights


def _as_tuple(label):
    return label if isinstance(label, tuple) else (label,)
