"""What every task's export does: ask what was written, compare, describe; and leave nothing that answers otherwise."""

import pytest
import tensorflow as tf

from keras_attn.export import ExportError
from keras_attn.tasks.task_export import export_task


class Doubler(tf.Module):
    def __init__(self):
        super().__init__()
        self.factor = tf.Variable(2.0)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "x")])
    def double(self, x):
        return {"y": self.factor * x}

    @tf.function(input_signature=[tf.TensorSpec([None, 3], tf.float32, "x")])
    def total(self, x):
        return {"sums": tf.reduce_sum(x, axis=1)}


def export(folder, compare):
    module = Doubler()
    functions = {name: getattr(module, name).get_concrete_function() for name in ("double", "total")}
    requests = [("double", {"x": [1.0]}), ("total", {"x": [[1.0, 2.0, 3.0]]}), ("double", {"x": [1.0, 2.5]})]
    return export_task(module, functions, folder, requests, compare, "Numbers", {"Limits": ["None."]})


def test_the_last_answers_of_each_signature_are_compared(tmp_path):
    def compare(answers):
        assert {name: list(outputs) for name, outputs in answers.items()} == {"double": ["y"], "total": ["sums"]}
        assert answers["double"]["y"].numpy().tolist() == [2.0, 5.0]
        assert answers["total"]["sums"].numpy().tolist() == [6.0]
        return "They are the same."

    version = export(tmp_path / "model", compare)
    card = (version / "README.md").read_text("utf-8")
    for part in ("# Numbers", "`x` float32 [B, 3] -> `sums` float32 [B]", "They are the same.", "- None."):
        assert part in card, part
    assert (version / "assets.extra" / "tf_serving_warmup_requests").stat().st_size > 0


def test_what_answers_otherwise_is_not_put_in_place(tmp_path):
    def compare(answers):
        raise ExportError("They differ.")

    with pytest.raises(ExportError, match="They differ"):
        export(tmp_path / "model", compare)
    assert not list(tmp_path.glob("model/*"))
