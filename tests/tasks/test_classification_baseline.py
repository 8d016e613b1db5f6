"""The stored baseline answers as scikit-learn's own pipelines do."""

import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline, make_union
from sklearn.svm import LinearSVC

from keras_attn.tasks.classification_baseline import NgramBaseline
from tests.tasks.classification_cases import made

TRAIN, TEST = made(120, 1, ("topic", "mood", "both")), made(40, 2, ("topic", "mood", "both"))
THREE = np.array([len(text) % 3 for text in TRAIN.texts])  # nothing to learn, but three classes
WORDS = {"token_pattern": r"\w+|[^\w\s]", "ngram_range": (1, 2)}


def one_hot(labels):
    names = sorted(set(labels))
    return np.eye(len(names))[[names.index(label) for label in labels]]


TARGETS = {"topic": one_hot(TRAIN.labels["topic"]), "three": np.eye(3)[THREE]}


def check_decisions(baseline, pipelines, folder):
    baseline.save(folder)
    for made_or_loaded in (baseline, NgramBaseline.load(folder)):
        scores = made_or_loaded.scores(TEST.texts)
        for head, pipeline in pipelines.items():
            assert np.array_equal(scores[head].argmax(axis=1), pipeline.predict(TEST.texts))
    return scores


def test_naive_bayes(tmp_path):
    baseline = NgramBaseline.train("naive bayes", TRAIN.texts, TARGETS)
    pipelines = {
        head: make_pipeline(CountVectorizer(binary=True, **WORDS), MultinomialNB()).fit(
            TRAIN.texts, array.argmax(axis=1)
        )
        for head, array in TARGETS.items()
    }
    scores = check_decisions(baseline, pipelines, tmp_path)
    expected = pipelines["three"][1].predict_joint_log_proba(pipelines["three"][0].transform(TEST.texts))
    np.testing.assert_allclose(scores["three"], expected, rtol=1e-4)


def test_the_support_vector_machine(tmp_path):
    baseline = NgramBaseline.train("svm", TRAIN.texts, TARGETS)

    def pipeline():
        characters = TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 5), min_df=2, sublinear_tf=True)
        return make_pipeline(make_union(TfidfVectorizer(sublinear_tf=True, **WORDS), characters), LinearSVC(C=0.5))

    pipelines = {head: pipeline().fit(TRAIN.texts, array.argmax(axis=1)) for head, array in TARGETS.items()}
    scores = check_decisions(baseline, pipelines, tmp_path)
    np.testing.assert_allclose(scores["three"], pipelines["three"].decision_function(TEST.texts), atol=1e-3)
    margin = scores["topic"][:, 1] - scores["topic"][:, 0]
    np.testing.assert_allclose(margin, pipelines["topic"].decision_function(TEST.texts), atol=1e-3)


@pytest.mark.parametrize("kind", ["svm", "naive bayes"])
def test_several_labels_a_text(kind):
    names = ["food", "nice", "sea", "always", "never"]
    targets = np.array([[name in label or name == "always" for name in names] for label in TRAIN.labels["both"]], float)
    baseline = NgramBaseline.train(kind, TRAIN.texts, {"both": targets}, ("both",))
    said = baseline.scores(TEST.texts)["both"] >= 0.5
    truth = np.array([[name in label or name == "always" for name in names] for label in TEST.labels["both"]])
    assert (said == truth).mean() > 0.95 and said[:, 3].all() and not said[:, 4].any()


def test_nothing_to_count_and_nothing_stored(tmp_path):
    assert NgramBaseline.train("naive bayes", [" ", "\n"], {"topic": np.eye(2)}) is None
    assert NgramBaseline.load(tmp_path) is None
