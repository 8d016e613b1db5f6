"""What every classifier has to beat: n-grams of words and characters in a bag, weighed by a linear model."""

import json
import warnings
from pathlib import Path

import numpy as np
from scipy import sparse, special
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import MultinomialNB
from sklearn.preprocessing import normalize
from sklearn.svm import LinearSVC

KINDS = ("svm", "naive bayes")
_WORDS = {"token_pattern": r"\w+|[^\w\s]", "ngram_range": (1, 2)}
_CHARACTERS = {"analyzer": "char_wb", "ngram_range": (1, 5), "min_df": 2}
_MOST_TEXTS = 100_000  # more make it slow and hardly better
_FILES = ("baseline.json", "baseline.npz")


class NgramBaseline:
    """A linear classifier on bags of n-grams, one for each head; stored as arrays, so that loading it runs no code.

    `svm`: TF-IDF of one and two words and of one to five characters, a linear support vector machine. `naive bayes`:
    which of one and two words are there, multinomial naive Bayes.

    Args:
        kind: "svm" or "naive bayes".
        vocabularies: List of dicts of n-gram -> column, one a vectorizer.
        idf: List of arrays, the weight of each column.
        heads: Dict of head -> its kernel [F, C] and bias [C].
        multi_label: Names of the heads with several labels a text.
    """

    def __init__(self, kind, vocabularies, idf, heads, multi_label=()):
        self.kind = kind
        self.multi_label = tuple(multi_label)
        self._vocabularies = vocabularies
        self._idf = idf
        self._heads = heads
        self._vectorizers = [
            CountVectorizer(**options, vocabulary=vocabulary)
            for options, vocabulary in zip(_options(kind), vocabularies, strict=True)
        ]

    @classmethod
    def train(cls, kind, texts, targets, multi_label=()):
        """Trains one.

        Args:
            kind: "svm" or "naive bayes".
            texts: List of texts.
            targets: Dict of head -> array of zeros and ones [N, C].
            multi_label: Names of the heads with several labels a text.

        Returns:
            The `NgramBaseline`, or None where the texts hold no n-gram.
        """
        texts = texts[:_MOST_TEXTS]
        vectorizers = [TfidfVectorizer(**options, sublinear_tf=True) for options in _options(kind)]
        try:
            parts = [vectorizer.fit_transform(texts) for vectorizer in vectorizers]
        except ValueError:  # scikit-learn's for an empty vocabulary
            return None
        if kind == "naive bayes":
            parts = [(part > 0).astype("float32") for part in parts]
        features, heads = sparse.hstack(parts, format="csr"), {}
        for head, array in targets.items():
            heads[head] = _fitted(kind, features, array[:_MOST_TEXTS], head in multi_label)
        vocabularies = [
            {term: int(column) for term, column in vectorizer.vocabulary_.items()} for vectorizer in vectorizers
        ]
        return cls(
            kind, vocabularies, [vectorizer.idf_.astype("float32") for vectorizer in vectorizers], heads, multi_label
        )

    def scores(self, texts):
        """Scores all classes.

        Args:
            texts: List of texts.

        Returns:
            Dict of head -> array [N, C]; the highest is the class, or of several labels those from 0.5.
        """
        parts = []
        for vectorizer, idf in zip(self._vectorizers, self._idf, strict=True):
            counts = vectorizer.transform(texts).astype("float32")
            if self.kind == "svm":
                counts.data = 1.0 + np.log(counts.data)
                counts = normalize(counts.multiply(idf).tocsr())
            else:
                counts.data[:] = 1.0
            parts.append(counts)
        features = sparse.hstack(parts, format="csr")
        scores = {head: features @ kernel + bias for head, (kernel, bias) in self._heads.items()}
        return {head: special.expit(array) if head in self.multi_label else array for head, array in scores.items()}

    def save(self, folder):
        """Writes `baseline.json` and `baseline.npz`.

        Args:
            folder: The run folder.
        """
        described = {"kind": self.kind, "vocabularies": self._vocabularies, "heads": list(self._heads)}
        described["multi_label"] = self.multi_label
        arrays = {f"idf_{i}": idf for i, idf in enumerate(self._idf)}
        for i, (kernel, bias) in enumerate(self._heads.values()):
            arrays |= {f"kernel_{i}": kernel, f"bias_{i}": bias}
        (Path(folder) / _FILES[0]).write_text(json.dumps(described, ensure_ascii=False), "utf-8")
        np.savez_compressed(Path(folder) / _FILES[1], **arrays)

    @classmethod
    def load(cls, folder):
        """Reads what `save` wrote.

        Args:
            folder: The run folder.

        Returns:
            The `NgramBaseline`, or None where there is none.
        """
        described, arrays = (Path(folder) / name for name in _FILES)
        if not described.is_file() or not arrays.is_file():
            return None
        described = json.loads(described.read_text("utf-8"))
        with np.load(arrays) as arrays:
            idf = [arrays[f"idf_{i}"] for i in range(len(described["vocabularies"]))]
            heads = {head: (arrays[f"kernel_{i}"], arrays[f"bias_{i}"]) for i, head in enumerate(described["heads"])}
        return cls(described["kind"], described["vocabularies"], idf, heads, described["multi_label"])


def _options(kind):
    return [_WORDS] if kind == "naive bayes" else [_WORDS, _CHARACTERS]


def _fitted(kind, features, targets, multi_label):
    """Kernel [F, C] and bias [C] of a linear model that tells the classes apart."""
    model = MultinomialNB() if kind == "naive bayes" else LinearSVC(C=0.5)
    labels = targets if multi_label else targets.argmax(axis=1)
    if multi_label:
        model = OneVsRestClassifier(model)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(features, labels)
    kernel, bias = (
        np.zeros((features.shape[1], targets.shape[1]), "float32"),
        np.full(targets.shape[1], -1e9, "float32"),
    )
    if multi_label:
        for column, part in enumerate(model.estimators_):
            kernel[:, column], bias[column] = _binary(kind, part)
    elif kind == "naive bayes":
        kernel[:, model.classes_], bias[model.classes_] = model.feature_log_prob_.T, model.class_log_prior_
    elif len(model.classes_) == 2:
        kernel[:, model.classes_[1]], bias[model.classes_] = model.coef_[0], [0.0, model.intercept_[0]]
    else:
        kernel[:, model.classes_], bias[model.classes_] = model.coef_.T, model.intercept_
    return kernel, bias


def _binary(kind, model):
    """The weights of one label's yes against no; a label that all texts have, or none, is scikit-learn's constant."""
    if not hasattr(model, "classes_") or len(model.classes_) < 2:
        return 0.0, 1.0 if model.predict(np.zeros((1, 1)))[0] else -1.0
    if kind == "naive bayes":
        return np.diff(model.feature_log_prob_, axis=0)[0], np.diff(model.class_log_prior_)[0]
    return model.coef_[0], model.intercept_[0]
