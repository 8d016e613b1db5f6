"""Very small translators, each trained once: they learn to write words of the letters a to d backwards."""

import itertools
import random
import types

import pytest

REVERSER = {
    "tokenizer": "character",
    "num_layers": 1,
    "hidden_dim": 32,
    "num_heads": 2,
    "intermediate_dim": 32,
    "dropout": 0.0,
    "precision": "float32",
    "normalize_first": True,
    "learning_rate": 0.01,
    "warmup_steps": 30,
    "batch_tokens": 320,
    "num_buckets": 1,
    "max_length": 16,
    "monitor": "val_loss",
    "average_decay": 0.9,
    "label_smoothing": 0.0,
    "epochs": 2,
    "beam_size": 3,
    "length_penalty": 1.0,
}


@pytest.fixture(scope="session")
def words():
    """All words of one to four letters: `unseen` ones, and those of the training."""
    every = ["".join(letters) for length in (1, 2, 3, 4) for letters in itertools.product("abcd", repeat=length)]
    random.Random(1).shuffle(every)
    return types.SimpleNamespace(unseen=every[:60], train=every[60:])


def train(words, run, **changes):
    """The translator, its run folder, and what `fit` returned."""
    from keras_attn.data import ParallelText
    from keras_attn.tasks import Translation

    def pairs(texts):
        return ParallelText(list(texts), [text[::-1] for text in texts])

    settings = {**REVERSER, **changes}
    task = Translation("tiny", **settings)
    metrics = task.fit(pairs(words.train * 20), pairs(words.unseen), run=run)
    return types.SimpleNamespace(task=task, run=run, metrics=metrics, pairs=pairs, settings=settings)


@pytest.fixture(scope="session")
def trained(words, tmp_path_factory):
    """The Transformer."""
    return train(words, tmp_path_factory.mktemp("reverser") / "run")


@pytest.fixture(scope="session")
def trained_rnn(words, tmp_path_factory):
    """The recurrent one, of one epoch."""
    changes = {"architecture": "rnn", "cell": "gru", "attention": "general", "learning_rate": 0.02, "epochs": 1}
    return train(words, tmp_path_factory.mktemp("recurrent_reverser") / "run", **changes)


@pytest.fixture(scope="session")
def task(trained):
    """The trained translator."""
    return trained.task


@pytest.fixture(scope="session")
def exported(trained, tmp_path_factory):
    """A SavedModel of the Transformer."""
    return trained.task.export(tmp_path_factory.mktemp("exported") / "reverser")


@pytest.fixture(scope="session")
def pretrained(tmp_path_factory):
    """A language model that has learnt to count, its run folder, and what `fit` returned."""
    from keras_attn.data import PlainText
    from keras_attn.tasks import Pretraining
    from tests.tasks.pretraining_cases import SMALL, counting_texts

    task, run = Pretraining(**SMALL), tmp_path_factory.mktemp("counting") / "run"
    metrics = task.fit(PlainText(counting_texts(3000, 1)), run)
    return types.SimpleNamespace(task=task, run=run, metrics=metrics, settings=SMALL, texts=counting_texts)


@pytest.fixture(scope="session")
def classifier(tmp_path_factory):
    """A classifier of two heads, its run folder, what `fit` returned, and its data."""
    from keras_attn.tasks import Classification
    from tests.tasks.classification_cases import SMALL, made

    heads = ("topic", "mood")
    data, validation = made(300, 1, heads), made(80, 2, heads)
    run = tmp_path_factory.mktemp("classifier") / "run"
    task = Classification("tiny", label_columns=heads, **SMALL)
    metrics = task.fit(data, validation, run=run)
    return types.SimpleNamespace(task=task, run=run, metrics=metrics, data=data, validation=validation)


@pytest.fixture(scope="session")
def tagging(tmp_path_factory):
    """A tagger with labels, its run folder, what `fit` returned, and its data."""
    from keras_attn.tasks import Tagging
    from tests.tasks.tagging_cases import SMALL, made

    data, validation = made(300, 1), made(60, 2)
    run = tmp_path_factory.mktemp("tagging") / "run"
    task = Tagging("tiny", **SMALL)
    metrics = task.fit(data, validation, run=run)
    return types.SimpleNamespace(task=task, run=run, metrics=metrics, data=data, validation=validation)


@pytest.fixture(scope="session")
def signal_task(tmp_path_factory):
    """A classifier of signals that had a validation, its run folder, what `fit` returned, and its data."""
    from keras_attn.tasks import Signal
    from tests.tasks.signal_cases import SMALL, made

    data, validation = made(90, 1), made(45, 2)
    run = tmp_path_factory.mktemp("signals") / "run"
    task = Signal("tiny", **SMALL)
    metrics = task.fit(data, validation, run=run)
    return types.SimpleNamespace(task=task, run=run, metrics=metrics, data=data, validation=validation)


@pytest.fixture(scope="session")
def sales(tmp_path_factory):
    """A forecaster of shops' sales, its run folder, what `fit` returned, and its file."""
    from keras_attn.tasks import Forecasting
    from tests.tasks.forecasting_cases import COLUMNS, SMALL, write_sales

    folder = tmp_path_factory.mktemp("sales")
    file = write_sales(folder / "sales.csv")
    task = Forecasting(**SMALL, **COLUMNS)
    metrics = task.fit(file, folder / "run")
    return types.SimpleNamespace(task=task, run=folder / "run", metrics=metrics, file=file)
