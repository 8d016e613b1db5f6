"""CTranslate2 gives the model's ids and log-probabilities."""

import functools
import sys

import numpy as np
import pytest

from keras_attn import models
from keras_attn.export import ExportError, write_ctranslate2
from keras_attn.text import END_ID, START_ID
from tests.layer_checks import numbers, shuffle_weights

V, STEPS, SIZES = 29, 6, {"num_layers": 2, "hidden_dim": 12, "num_heads": 3, "intermediate_dim": 20}
VOCABULARY = ["<pad>", "<start>", "<end>", "<unknown>", *(f"▁{i}" for i in range(4, V))]
SOURCES = [[5, 6, 7, 8], [9], [10, 28, 3, 4, 5, 6, 7]]


@functools.cache  # no test changes it
def model_of(**changes):
    model = models.transformer(V, **{**SIZES, **changes})
    shuffle_weights(model)
    return model


def log_softmax(logits):
    logits = logits.astype("float64") - logits.max(-1, keepdims=True)
    return logits - np.log(np.exp(logits).sum(-1, keepdims=True))


def greedy(model):
    """The whole model once a token: ids [B, T], and the log-probability of each."""
    source = np.zeros((len(SOURCES), 8), "int32")
    for row, ids in zip(source, SOURCES, strict=True):
        row[: len(ids) + 1] = [*ids, END_ID]
    target, scores = np.full((len(SOURCES), 1), START_ID, "int32"), []
    for _ in range(STEPS):
        log_probs = log_softmax(numbers(model({"source": source, "target": target}))[:, -1])
        target = np.concatenate([target, log_probs.argmax(-1)[:, None].astype("int32")], axis=1)
        scores.append(log_probs.max(-1))
    return target[:, 1:], np.stack(scores, axis=1)


def tokens(rows):
    return [[VOCABULARY[i] for i in row] for row in rows]


@pytest.mark.parametrize("normalize_first", [True, False])
def test_greedy_ids_and_their_scores(tmp_path, normalize_first):
    ctranslate2 = pytest.importorskip("ctranslate2")
    model = model_of(normalize_first=normalize_first)
    write_ctranslate2(model, tmp_path, VOCABULARY)
    translator = ctranslate2.Translator(str(tmp_path))
    ids, scores = greedy(model)
    written = [row[: row.tolist().index(END_ID)] if END_ID in row else row for row in ids]
    results = translator.translate_batch(tokens(SOURCES), beam_size=1, max_decoding_length=STEPS)
    assert [result.hypotheses[0] for result in results] == tokens(written)
    for row, scored in enumerate(translator.score_batch(tokens(SOURCES), tokens(written))):
        length = len(written[row])
        np.testing.assert_allclose(scored.log_probs[:length], scores[row, :length], atol=1e-4)


def test_int8_is_small_and_near(tmp_path):
    ctranslate2 = pytest.importorskip("ctranslate2")
    model = model_of(hidden_dim=96, num_layers=1)
    sizes = {}
    for name in (None, "int8"):
        folder = tmp_path / str(name)
        write_ctranslate2(model, folder, VOCABULARY, name)
        sizes[name] = (folder / "model.bin").stat().st_size - 2048 * 96 * 4  # without the table of positions
    assert sizes["int8"] < 0.35 * sizes[None]
    found = ctranslate2.Translator(str(folder)).score_batch(tokens(SOURCES), tokens([[4, 5], [6], [7, 8, 9]]))
    plain = ctranslate2.Translator(str(tmp_path / "None")).score_batch(
        tokens(SOURCES), tokens([[4, 5], [6], [7, 8, 9]])
    )
    for row, expected in zip(found, plain, strict=True):
        np.testing.assert_allclose(row.log_probs, expected.log_probs, rtol=0.1, atol=0.2)


def test_a_vocabulary_that_does_not_fit(tmp_path):
    pytest.importorskip("ctranslate2")
    for vocabulary in (VOCABULARY[:-1], [*VOCABULARY[:-1], "▁4"]):
        with pytest.raises(ExportError, match=rf"must be {V} different tokens.*Received: {len(vocabulary)} tokens"):
            write_ctranslate2(model_of(normalize_first=True), tmp_path / "model", vocabulary)
    assert list(tmp_path.iterdir()) == []


def test_what_is_not_installed_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ctranslate2", None)
    with pytest.raises(ExportError, match=r"pip install 'keras_attn\[ctranslate2\]'\. Received: no module 'ctr.*2'"):
        write_ctranslate2(model_of(normalize_first=True), tmp_path / "model", VOCABULARY)
    assert list(tmp_path.iterdir()) == []
