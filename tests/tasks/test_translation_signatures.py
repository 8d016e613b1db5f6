"""Each signature of an export, called in a process that knows nothing of keras_attn, against the task."""

import json
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from keras_attn.decoding import Greedy, search
from keras_attn.tasks.translation_signatures import _Draw

SCRIPT = """
import json, sys
import tensorflow as tf
import tensorflow_text
tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})  # it takes longer than the answers
signatures = tf.saved_model.load(sys.argv[1]).signatures
texts = json.loads(sys.argv[2])
def call(name, **inputs):
    outputs = signatures[name](**{key: tf.constant(value) for key, value in inputs.items()})
    return {key: value.numpy().tolist() for key, value in outputs.items()}
count = len(texts)
seeds, ones = list(range(count)), [1.0] * count
found = {name: call(name, text=texts) for name in ("serving_default", "nbest", "tokenize", "explain")}
found |= {
    "score": call("score", source=texts, target=found["serving_default"]["text"]),
    "sample": call("sample", text=texts, seed=seeds, temperature=[2.0] * count),
    "sample_alone": call("sample", text=texts[3:4], seed=seeds[3:4], temperature=[2.0]),
    "sample_many": call("sample", text=texts[:1] * 40, seed=list(range(40)), temperature=[3.0] * 40),
    "sample_cold": call("sample", text=texts, seed=seeds, temperature=[0.0] * count),
    "alone": call("serving_default", text=texts[:1]),
    "invalid": call("serving_default", text=[b"ab\\xff"]),
    "modules": sorted({"keras_attn", "keras", "sentencepiece"} & set(sys.modules)),
    "shapes": {
        name: {key: spec.shape.as_list() for specs in (f.structured_input_signature[1], f.structured_outputs)
               for key, spec in specs.items()}
        for name, f in signatures.items()
    },
}
print(json.dumps(found, default=bytes.decode))
"""


@pytest.fixture(scope="module")
def texts(words):
    return [*words.unseen[:6], "", "a" * 100, "zz 日本"]


@pytest.fixture(scope="module")
def served(exported, texts):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(exported), json.dumps(texts)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_they_need_nothing_of_ours_and_have_the_batch_first(served):
    assert "keras_attn" not in served["modules"] and "sentencepiece" not in served["modules"]
    assert served["shapes"].keys() == {"serving_default", "nbest", "sample", "score", "tokenize", "explain"}
    assert all(shape and shape[0] is None for shapes in served["shapes"].values() for shape in shapes.values())


def test_serving_default(served, task, texts):
    expected = [answers[0] for answers in task.nbest(texts, 1)]
    assert served["serving_default"]["text"] == [answer.text for answer in expected]
    np.testing.assert_allclose(served["serving_default"]["score"], [answer.score for answer in expected], atol=1e-4)
    assert served["alone"]["text"] == [expected[0].text]
    assert served["invalid"]["text"] == task.predict(["ab\ufffd"])


def test_nbest(served, task, texts):
    found = served["nbest"]
    for row, answers in enumerate(task.nbest(texts, 3)):
        count = len(answers)
        assert found["texts"][row][:count] == [answer.text for answer in answers]
        np.testing.assert_allclose(found["scores"][row][:count], [answer.score for answer in answers], atol=1e-4)
    log_probability, length = sum(found["token_scores"][0][0]), len(texts[0]) + 1
    assert log_probability / ((5 + length) / 6) == pytest.approx(found["scores"][0][0], abs=1e-4)
    assert "".join(found["tokens"][0][0]) == found["texts"][0][0] + "<end>"


def test_score(served):
    found, answers = served["score"], served["serving_default"]
    for row, text in enumerate(answers["text"]):
        if text and "\ufffd" not in text and len(text) < 10:
            assert "".join(found["tokens"][row]) == text + "<end>"
            factor = (5 + len(text) + 1) / 6
            assert found["score"][row] / factor == pytest.approx(answers["score"][row], abs=1e-4)
            assert sum(found["token_scores"][row]) == pytest.approx(found["score"][row], abs=1e-4)


def test_sample(served, task, texts):
    assert served["sample_alone"]["text"] == served["sample"]["text"][3:4]  # whatever else is in the batch
    assert len(set(served["sample_many"]["text"])) > 10  # each seed its own
    expected = [answers[0] for answers in task.nbest(texts, 1, beam_size=1)]
    assert served["sample_cold"]["text"] == [answer.text for answer in expected]
    np.testing.assert_allclose(served["sample_cold"]["score"], [answer.score for answer in expected], atol=1e-4)


def test_tokenize(served, task, texts):
    ids = task.tokenizer.tokenize(texts).to_list()
    for row, (found, tokens) in enumerate(zip(served["tokenize"]["ids"], served["tokenize"]["tokens"], strict=True)):
        count = len(ids[row])
        assert found[:count] == ids[row] and not any(found[count:])
        assert tokens[:count] == task.tokenizer.pieces(ids[row]) and not any(tokens[count:])


def test_explain(served, task, texts):
    attention = task.explain(texts[0])
    source, target = ([x for x in served["explain"][f"{side}_tokens"][0] if x] for side in ("source", "target"))
    assert source == attention.source and target == attention.target
    found = np.array(served["explain"]["alignment"][0])
    np.testing.assert_allclose(found[: len(target), : len(source)], attention.select(), atol=1e-5)
    assert not found[len(target) :].any() and not found[:, len(source) :].any()


def test_draws_have_the_probabilities_of_the_model():
    rows, logits = 1000, np.log([[1e-9, 1e-9, 1e-9, 0.1, 0.2, 0.7]]).astype("float32")

    def step(tokens, index, cache):
        return tf.repeat(tf.constant(logits), rows, axis=0), cache

    draw = _Draw(tf.range(rows), tf.fill([rows], 0.5), 2)
    found = search(step, (), Greedy(0.0), batch_size=rows, max_length=1, constraints=[draw])
    ids = found.ids.numpy()[:, 0, 0]
    squares = np.array([0.1, 0.2, 0.7]) ** 2
    shares = np.bincount(ids, minlength=6)[3:] / rows
    np.testing.assert_allclose(shares, squares / squares.sum(), atol=0.05)  # three standard deviations
    np.testing.assert_allclose(found.scores.numpy()[:, 0], logits[0][ids], atol=1e-4)  # at temperature 1
