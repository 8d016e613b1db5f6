"""What the model card says of a task, with a run and without."""

from types import SimpleNamespace

from keras_attn.tasks.card_facts import card_facts

SETTINGS = {"epochs": 3}


def task_with(run, tokenizer=None):
    return SimpleNamespace(
        run=run,
        tokenizer=tokenizer,
        preset="tiny",
        model=SimpleNamespace(count_params=lambda: 12345),
        config=lambda: {"settings": SETTINGS},
    )


def test_with_a_run():
    run = SimpleNamespace(config=lambda: {"texts": 7, "data": "abc"}, best_metrics=lambda: {"accuracy": 90.0})
    data = {"training texts": "texts", "validation texts": "validation_texts"}
    found = card_facts(task_with(run, SimpleNamespace(vocabulary_size=5000)), data, ["None."])
    assert found == {
        "Data": {"training texts": 7, "validation texts": "not known"},
        "Measured on the validation, best epoch": {"accuracy": 90.0},
        "Size": {"weights": "12,345", "vocabulary": "5,000"},
        "Limits": ["None."],
        "Settings": {"preset": "tiny", "epochs": 3},
    }


def test_without_a_run_or_a_tokenizer():
    found = card_facts(task_with(None), {"series": "series"}, [], measured="Measured, best epoch")
    assert found["Data"] == {"series": "not known"} and found["Size"] == {"weights": "12,345"}
    assert found["Measured, best epoch"] == "not known: no run folder with its metrics was at hand"
