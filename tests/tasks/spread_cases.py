"""Small trainings of every task that one device and many are to end alike, run in processes of their own."""

import json

from keras_attn import tasks
from keras_attn.data import PlainText
from keras_attn.tasks.training_run import TrainingRun
from tests.tasks import classification_cases, forecasting_cases, pretraining_cases, signal_cases, tagging_cases

FEW = {"epochs": 2, "dropout": 0.0, "precision": "float32"}
OWN = {"minutes", "tokens_per_second", "memory_gb"}  # what no two trainings share
HEADS = ("topic", "mood")


class EnoughError(Exception):
    """Ends a training where its baselines and its report would begin."""


# Each gives a task and the arguments of its `fit`. Batches are of odd numbers of rows, which two devices do not share.


def classification(folder, **changes):
    """Two heads, classes weighted, the encoder waiting for its turn."""
    settings = {"label_columns": HEADS, "batch_size": 13, "class_weights": "balanced", "unfreeze_epochs": 1}
    task = tasks.Classification("tiny", **{**classification_cases.SMALL, **FEW, **settings, **changes})
    return task, (classification_cases.made(60, 1, HEADS), classification_cases.made(21, 2, HEADS))


def classification_from_svm(folder):
    return classification(folder, start="svm", unfreeze_epochs=None)


def classification_from_run(folder, **changes):
    """From a pretraining that stands in the folder."""
    settings = {
        "architecture": "transformer",
        "init": str(folder / "language"),
        "ngram_buckets": None,
        "start": "random",
    }
    return classification(folder, **settings, unfreeze_epochs=None, **changes)


def pretraining(folder, **changes):
    settings = {**pretraining_cases.SMALL, **FEW, "batch_tokens": 176, **changes}
    return tasks.Pretraining(**settings), (PlainText(pretraining_cases.counting_texts(150, 1)),)


def forecasting(folder):
    """Some windows have no target to learn from."""
    file = forecasting_cases.write_sales(folder / "sales.csv", days=70, gaps=0.4)
    settings = {**forecasting_cases.COLUMNS, "horizon": 2, "architecture": "linear", "start": "random"}
    return tasks.Forecasting(**{**forecasting_cases.SMALL, **FEW, **settings}), (file,)


def forecasting_quantiles(folder):
    file = forecasting_cases.write_wide(folder / "wide.csv", steps=150)
    settings = {"output": "quantile", "horizon": 3, "lookback": 14, "batch_size": 15}
    return tasks.Forecasting(**{**forecasting_cases.SMALL, **FEW, **settings}), (file,)


def tagging(folder):
    """Tags are averaged over words, labels over sentences."""
    settings = {"batch_size": 15, "ngram_buckets": None}
    task = tasks.Tagging("tiny", **{**tagging_cases.SMALL, **FEW, **settings})
    return task, (tagging_cases.made(61, 1), tagging_cases.made(20, 2))


def signal(folder, **changes):
    settings = {"members": 1, "jitter": 0.0, "scaling": 0.0, "min_batches": 1, "batch_size": 7, "num_layers": 1}
    task = tasks.Signal("tiny", **{**signal_cases.SMALL, **FEW, **settings, **changes})
    return task, (signal_cases.made(20, 1), signal_cases.made(9, 2))


def signal_chosen(folder):
    """By a cross-validation, since there is no validation."""
    task, (data, _) = signal(folder, members=2)
    return task, (data, None)


def signal_texts(folder):
    task, _ = signal(folder, output="text", features="log_mel", hidden_bands=0)
    return task, (signal_cases.beeps(20, 1), signal_cases.beeps(9, 2))


def signal_values(folder):
    task, _ = signal(folder, output="signal")
    return task, (signal_cases.noisy(20, 1), signal_cases.noisy(9, 2))


CASES = {
    made.__name__: made
    for made in (
        classification,
        classification_from_svm,
        classification_from_run,
        pretraining,
        forecasting,
        forecasting_quantiles,
        tagging,
        signal,
        signal_chosen,
        signal_texts,
        signal_values,
    )
}


def numbers(run):
    """What a run noted of each epoch, but for what no two trainings share."""
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text("utf-8").splitlines()]
    return [{name: value for name, value in line.items() if name not in OWN} for line in lines]


def train(name, folder, run, how):
    """Trains a case to its end; tells what `fit` returned and the weights, as this process knows them."""
    task, data = CASES[name](folder)
    return task.fit(*data, run=run, **how), task.model.get_weights()


def train_all(names, strategies, folder):
    """{name: {strategy: numbers}} of an epoch of each."""

    def stop(training):
        raise EnoughError

    best_model, TrainingRun.best_model = TrainingRun.best_model, stop
    epochs, FEW["epochs"] = FEW["epochs"], 1
    found = {}
    for name in names:
        for strategy in strategies:
            run = folder / f"{name}-{strategy}"
            try:
                train(name, folder, run, {"strategy": strategy})
            except EnoughError:
                found.setdefault(name, {})[strategy] = numbers(run)
    TrainingRun.best_model, FEW["epochs"] = best_model, epochs
    return found
