"""All parts of the recipe at once: the task trains and resumes with them."""

import pytest

from keras_attn.data import ParallelText
from keras_attn.tasks import Translation
from keras_attn.training import AdamW, RunFolder
from tests.tasks.conftest import REVERSER

RECIPE = {
    "optimizer": "adamw",
    "weight_decay": 0.01,
    "schedule": "cosine",
    "warmup_steps": 3,
    "word_dropout": 0.02,
    "accumulate": 2,
    "packing": True,
    "batch_tokens": 160,
    "gradient_clip": 1.0,
}


@pytest.mark.long
def test_a_task_trains_with_all_of_it(words, tmp_path):
    def pairs(texts):
        return ParallelText(texts, [text[::-1] for text in texts])

    for epochs in (1, 2):  # the second goes on with the first
        task = Translation("tiny", **{**REVERSER, **RECIPE, "epochs": epochs})
        task.fit(pairs(words.train * 3), pairs(words.unseen), run=tmp_path / "run", resume=True)
    assert {x.name for x in task.model.inputs} == {"source", "target", "source_segments", "target_segments"}
    model, state = RunFolder(tmp_path / "run").load_checkpoint("last")
    lines = RunFolder(tmp_path / "run").metrics()
    assert state["epoch"] == len(lines) == 2 and lines[1]["val_loss"] < lines[0]["val_loss"]
    assert type(model.optimizer) is AdamW and model.optimizer.gradient_accumulation_steps == 2
    assert int(model.optimizer.iterations) == state["step"] // 2
    assert float(model.optimizer.learning_rate) < 1e-7  # the cosine ends with the last epoch
