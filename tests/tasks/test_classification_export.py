"""The exported classifier, in this process and in one without the package."""

import json
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from keras_attn.export import ExportError
from keras_attn.tasks import Classification
from keras_attn.tasks.classification_export import output_endings
from keras_attn.tasks.classification_labels import Labels
from tests.tasks.classification_cases import SMALL, made

TEXTS = ["the lovely soup was warm", "", "a cold wave", "x" * 100_000]
CLIENT = """\
import json, sys
import tensorflow as tf
import tensorflow_text
serve = tf.saved_model.load(sys.argv[1]).signatures["serving_default"]
outputs = serve(text=tf.constant(json.loads(sys.argv[2])))
assert not any(name.split(".")[0] in ("keras_attn", "keras") for name in sys.modules if "keras_attn" in name)
print(json.dumps({name: tensor.numpy().tolist() for name, tensor in outputs.items()}, default=bytes.decode))
"""


@pytest.fixture(scope="module")
def version(classifier, tmp_path_factory):
    return classifier.task.export(tmp_path_factory.mktemp("exported") / "model")


def test_a_process_without_the_package_gets_the_tasks_answers(classifier, version, tmp_path):
    command = [sys.executable, "-c", CLIENT, str(version), json.dumps(TEXTS)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=120)
    assert done.returncode == 0, done.stderr
    outputs = json.loads(done.stdout.splitlines()[-1])
    for row, found in enumerate(classifier.task.classify(TEXTS)):
        for head, prediction in found.items():
            assert outputs[f"label_{head}"][row] == prediction.label
            assert outputs[f"score_{head}"][row] == pytest.approx(prediction.confidence, abs=1e-4)
            assert outputs[f"is_confident_{head}"][row] == prediction.is_confident
            scores = dict(zip(outputs[f"classes_{head}"][row], outputs[f"scores_{head}"][row], strict=True))
            assert scores == pytest.approx(prediction.scores, abs=1e-4)


def test_explain_gives_the_tasks_weights(classifier, version):
    explain = tf.saved_model.load(str(version)).signatures["explain"]
    outputs = explain(text=tf.constant(TEXTS[:1]))
    expected = classifier.task.explain(TEXTS[0])
    assert [token.decode() for token in outputs["tokens"].numpy()[0]] == [*expected.tokens, "<end>"]
    np.testing.assert_allclose(outputs["weights"].numpy()[0, :-1], expected.weights, atol=1e-5)


def test_what_stands_beside_the_model(classifier, version):
    card = (version / "README.md").read_text("utf-8")
    for text in (
        "`serving_default`",
        "`label_topic` string [B]",
        "`scores_mood` float32 [B, 2]",
        "food, sea",
        "Temper",
    ):
        assert text.casefold() in card.casefold(), text
    assert "answers are those of the task" in card
    assert (version / "assets.extra" / "tf_serving_warmup_requests").stat().st_size > 100
    assert "Xla" not in (version / "ops.txt").read_text("utf-8")


def test_a_wrong_answer_is_not_put_in_place(classifier, tmp_path, monkeypatch):
    right = Classification.classify

    def wrong(self, texts, *more):
        return [{head: p._replace(label="food") for head, p in found.items()} for found in right(self, texts, *more)]

    monkeypatch.setattr(Classification, "classify", wrong)
    with pytest.raises(ExportError, match="does not answer as the task does"):
        classifier.task.export(tmp_path / "model")
    assert not (tmp_path / "model").exists()


@pytest.mark.long
@pytest.mark.parametrize(
    "settings",
    [{"architecture": "transformer", "pooling": "class"}, {"architecture": "rnn"}, {"tokenizer": "character"}],
)
def test_every_architecture_is_exported_and_several_labels_too(settings, tmp_path):
    data = made(60, 1, ("both",))
    task = Classification("tiny", **{**SMALL, "label_columns": ("both",), "epochs": 1, "start": "random", **settings})
    task.fit(data, made(30, 2, ("both",)), run=tmp_path / "run")
    loaded = tf.saved_model.load(str(task.export(tmp_path / "model")))
    labels = loaded.signatures["serving_default"](text=tf.constant(data.texts))["label"].numpy()
    assert [tuple(filter(None, label.decode().split("\t"))) for label in labels] == task.predict(data.texts)


def test_outputs_of_several_heads_have_names_of_their_own():
    assert output_endings(Labels({"any": ["a", "b"]})) == {"any": ""}
    heads = {"a b": ["x", "y"], "a_b": ["x", "y"], "c": ["x", "y"]}
    assert output_endings(Labels(heads)) == {"a b": "_a_b", "a_b": "_a_b_1", "c": "_c"}
