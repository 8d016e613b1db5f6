"""The exported tagger, in this process and in one without the package."""

import json
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from keras_attn.export import ExportError
from keras_attn.tasks import Tagging

TEXTS = ["send 7 iced tea  to San José for Paris!", "", "does Austin take coffee", "é" * 100_000, "tea " * 50]
CLIENT = """\
import json, sys
import tensorflow as tf
import tensorflow_text
serve = tf.saved_model.load(sys.argv[1]).signatures["serving_default"]
outputs = serve(text=tf.constant(json.loads(sys.argv[2])))
assert "keras_attn" not in sys.modules
print(json.dumps({name: tensor.numpy().tolist() for name, tensor in outputs.items()}, default=bytes.decode))
"""


@pytest.fixture(scope="module")
def version(tagging, tmp_path_factory):
    return tagging.task.export(tmp_path_factory.mktemp("exported") / "model")


@pytest.fixture(scope="module")
def serve(version):
    return tf.saved_model.load(str(version)).signatures


def test_a_process_without_the_package_gets_the_tasks_answers(tagging, version, tmp_path):
    texts = [*TEXTS[:3], TEXTS[4]]
    command = [sys.executable, "-c", CLIENT, str(version), json.dumps(texts)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=120)
    assert done.returncode == 0, done.stderr
    check(tagging, json.loads(done.stdout.splitlines()[-1]), texts)


def check(tagging, outputs, texts):
    for row, found in enumerate(tagging.task.tag(texts)):
        count, width = len(found.words), len(outputs["words"][row])
        for name, padding in (("words", ""), ("tags", ""), ("starts", -1), ("ends", -1)):
            assert outputs[name][row] == getattr(found, name) + [padding] * (width - count), name
        assert outputs["score"][row] == pytest.approx(found.score, abs=1e-4)
        assert outputs["label"][row] == found.label
        assert outputs["label_score"][row] == pytest.approx(found.label_score, abs=1e-4)


def test_here_too_and_long_ones(tagging, serve):
    outputs = serve["serving_default"](text=tf.constant(TEXTS))
    plain = {name: tensor.numpy().tolist() for name, tensor in outputs.items()}
    check(tagging, json.loads(json.dumps(plain, default=bytes.decode)), TEXTS)
    alone = serve["serving_default"](text=tf.constant([""]))
    assert alone["words"].numpy().tolist() == [[b""]] and alone["starts"].numpy().tolist() == [[-1]]


def test_explain_gives_the_tasks_looks(tagging, serve):
    outputs = serve["explain"](text=tf.constant(TEXTS[:1]))
    expected = tagging.task.explain(TEXTS[0])
    assert [word.decode() for word in outputs["words"].numpy()[0]] == expected.source
    np.testing.assert_allclose(outputs["attention"].numpy()[0], expected.select(), atol=1e-5)


def test_what_stands_beside_the_model(version):
    card = (version / "README.md").read_text("utf-8")
    for text in (
        "`serving_default`",
        "`tags` string [B, ",
        "city, count, drink, person",
        "order, question",
        "answers are those",
    ):
        assert text in card, text
    assert (version / "assets.extra" / "tf_serving_warmup_requests").stat().st_size > 100
    assert "Xla" not in (version / "ops.txt").read_text("utf-8")


@pytest.mark.long
def test_a_wrong_answer_is_not_put_in_place(tagging, tmp_path, monkeypatch):
    right = Tagging.tag

    def wrong(self, texts, *more):
        return [found._replace(starts=[start + 1 for start in found.starts]) for found in right(self, texts, *more)]

    monkeypatch.setattr(Tagging, "tag", wrong)
    with pytest.raises(ExportError, match="does not answer as the task does"):
        tagging.task.export(tmp_path / "model")
    assert not (tmp_path / "model").exists()
