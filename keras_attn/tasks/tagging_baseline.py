"""What every tagger has to beat: each word's most frequent tag, and a linear model of a word and its neighbours."""

import itertools
import json
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction import FeatureHasher
from sklearn.svm import LinearSVC

from keras_attn.data.tag_schemes import to_bio

_FEATURES = 2**16
_MOST_WORDS = 200_000  # more make it slow and hardly better
_FREQUENT_FILE = "frequent_tags.json"
_KERNEL_FILE = "linear_tags.npz"
_LINEAR_FILE = "linear_tags.json"


class FrequentTags:
    """Gives each word the tag that it had most often in the training, and O to one that was not there.

    Args:
        tags: Dict of word -> tag.
    """

    name = "frequent"

    def __init__(self, tags):
        self._tags = tags

    @classmethod
    def train(cls, data):
        """Counts tags.

        Args:
            data: `TaggedText`.

        Returns:
            The `FrequentTags`.
        """
        counts = {}
        for words, tags in zip(data.words, data.tags, strict=True):
            for word, tag in zip(words, tags, strict=True):
                counts.setdefault(word, Counter())[tag] += 1
        return cls({word: own.most_common(1)[0][0] for word, own in counts.items()})

    def tag(self, rows):
        """Tags sentences.

        Args:
            rows: List of lists of words.

        Returns:
            List of lists of tags, in BIO.
        """
        return [to_bio([self._tags.get(word, "O") for word in words])[0] for words in rows]

    def save(self, folder):
        """Writes `frequent_tags.json`.

        Args:
            folder: The run folder.
        """
        (Path(folder) / _FREQUENT_FILE).write_text(json.dumps(self._tags, ensure_ascii=False), "utf-8")

    @classmethod
    def load(cls, folder):
        """Reads what `save` wrote.

        Args:
            folder: The run folder.

        Returns:
            The `FrequentTags`, or None where there is none.
        """
        path = Path(folder) / _FREQUENT_FILE
        return cls(json.loads(path.read_text("utf-8"))) if path.is_file() else None


class LinearTags:
    """A linear support vector machine that tells a word's tag from the word and two on each side.

    Args:
        tags: The tags, C of them.
        kernel: Sparse matrix [F, C].
        bias: Array [C].
    """

    name = "linear"

    def __init__(self, tags, kernel, bias):
        self._tags = tags
        self._kernel = kernel
        self._bias = bias

    @classmethod
    def train(cls, data):
        """Trains one.

        Args:
            data: `TaggedText`.

        Returns:
            The `LinearTags`.
        """
        before = np.cumsum([0, *map(len, data.words[:-1])])  # words before each sentence
        rows = data.words[: np.count_nonzero(before < _MOST_WORDS)]
        tags = [tag for row in data.tags[: len(rows)] for tag in row]
        if len(set(tags)) < 2:
            return cls(tags[:1], sparse.csr_matrix((_FEATURES, 1)), np.zeros(1))
        model = LinearSVC(C=0.5)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(_features(rows), tags)
        kernel, bias = model.coef_.T, model.intercept_
        if len(model.classes_) == 2:  # of two classes scikit-learn keeps the second's kernel alone
            kernel, bias = np.hstack([-kernel, kernel]), np.array([-bias[0], bias[0]])
        return cls(model.classes_.tolist(), sparse.csr_matrix(kernel.astype("float32")), bias.astype("float32"))

    def tag(self, rows):
        """Tags sentences.

        Args:
            rows: List of lists of words.

        Returns:
            List of lists of tags, in BIO.
        """
        if not any(rows):
            return [[] for _ in rows]
        best = np.asarray((_features(rows) @ self._kernel).todense() + self._bias).argmax(axis=1)
        best = iter([self._tags[place] for place in best])
        return [to_bio([next(best) for _ in words])[0] for words in rows]

    def save(self, folder):
        """Writes `linear_tags.npz` and `linear_tags.json`.

        Args:
            folder: The run folder.
        """
        sparse.save_npz(Path(folder) / _KERNEL_FILE, self._kernel)
        described = {"tags": self._tags, "bias": np.asarray(self._bias).tolist()}
        (Path(folder) / _LINEAR_FILE).write_text(json.dumps(described, ensure_ascii=False), "utf-8")

    @classmethod
    def load(cls, folder):
        """Reads what `save` wrote.

        Args:
            folder: The run folder.

        Returns:
            The `LinearTags`, or None where there is none.
        """
        kernel, described = (Path(folder) / name for name in (_KERNEL_FILE, _LINEAR_FILE))
        if not kernel.is_file() or not described.is_file():
            return None
        described = json.loads(described.read_text("utf-8"))
        return cls(described["tags"], sparse.load_npz(kernel), np.array(described["bias"], "float32"))


BASELINES = (FrequentTags, LinearTags)


def _features(rows):
    """Sparse matrix [words, F]."""
    return FeatureHasher(_FEATURES, input_type="string", dtype=np.float32).transform(
        names for words in rows for names in _sentence_features(words)
    )


def _sentence_features(words):
    """Yields for each word the names of its features."""
    small = ["", "", *(word.lower() for word in words), "", ""]
    for place, word in enumerate(words):
        own = small[place : place + 5]
        names = [f"{offset}:{other}" for offset, other in enumerate(own)]
        names += [f"w:{word}", f"b:{own[1]} {own[2]}", f"a:{own[2]} {own[3]}", f"s:{_shape(word)}"]
        yield names + [f"{side}{n}:{part}" for n in (1, 2, 3) for side, part in (("p", own[2][:n]), ("e", own[2][-n:]))]


def _shape(word):
    """Capitals, small letters, digits and signs, repeated ones once: `Xx` for Rome, `d:d` for 3:30."""
    kinds = (
        "X" if sign.isupper() else "d" if sign.isdigit() else "x" if sign.isalpha() else sign for sign in word[:16]
    )
    return "".join(kind for kind, _ in itertools.groupby(kinds))
