import numpy as np
import pytest
from scipy import special

from keras_attn import models
from keras_attn.tasks import ClassificationSettings
from keras_attn.tasks.classification_labels import Labels
from keras_attn.tasks.classification_model import build_model

LABELS = Labels({"topic": ["a", "b", "c"], "tags": ["x", "y"]}, ("tags",))
SMALL = {"hidden_dim": 8, "num_heads": 2, "intermediate_dim": 11, "num_layers": 1, "dropout": 0.0}
IDS = np.array([[5, 6, 2, 0], [7, 8, 9, 2]])
TARGETS = {"head_0": np.eye(3)[[0, 2]], "head_1": np.array([[1.0, 0.0], [1.0, 1.0]])}


def built(**changes):
    return build_model(ClassificationSettings(**{**SMALL, **changes}), 20, LABELS, total_steps=100)


def test_the_losses_by_hand():
    model = built(label_smoothing=0.3)
    logits = {name: np.array(array, "float64") for name, array in model(IDS).items()}
    smoothed = TARGETS["head_0"] * 0.7 + 0.1
    first = -(smoothed * special.log_softmax(logits["head_0"], axis=1)).sum(axis=1).mean()
    smoothed = TARGETS["head_1"] * 0.7 + 0.15
    log_yes, log_no = special.log_expit(logits["head_1"]), special.log_expit(-logits["head_1"])
    second = -(smoothed * log_yes + (1 - smoothed) * log_no).mean()
    found = model.evaluate(IDS, TARGETS, verbose=0, return_dict=True)
    assert found["loss"] == pytest.approx(first + second, rel=1e-5)


@pytest.mark.parametrize(
    "changes",
    [
        {"architecture": "bag", "ngram_buckets": 101},
        {"architecture": "rnn", "cell": "lstm", "optimizer": "adam", "weight_decay": 0.0, "average_decay": None},
        {"architecture": "transformer", "pooling": "class", "precision": "mixed_bfloat16", "word_dropout": 0.2},
    ],
)
def test_every_architecture_learns_two_texts(changes):
    model = built(learning_rate=0.05, label_smoothing=0.0, warmup_share=0.0, **changes)
    before = model.evaluate(IDS, TARGETS, verbose=0, return_dict=True)["loss"]
    for _ in range(40):
        model.train_on_batch(IDS, TARGETS)
    assert model.evaluate(IDS, TARGETS, verbose=0, return_dict=True)["loss"] < 0.3 * before


def test_what_stands_lower_learns_more_slowly():
    encoder = models.text_encoder(20, num_layers=2, hidden_dim=8, num_heads=2, intermediate_dim=11)
    settings = ClassificationSettings(**{**SMALL, "rate_decay": 0.5})
    model = build_model(settings, 20, LABELS, total_steps=100, encoder=encoder)
    assert model.get_layer("text_encoder") is encoder
    expected = {"embedding": 0.125, "encoder_block_0": 0.25, "encoder_block_1": 0.5}
    expected |= {"pooling": 1.0, "head_0": 1.0, "head_1": 1.0}
    assert model.optimizer.rate_factors == expected


def test_the_rate_rises_and_falls_to_zero():
    schedule = built(learning_rate=0.01, warmup_share=0.1).optimizer._learning_rate
    rates = [float(schedule(step)) for step in (0, 9, 54, 99)]
    np.testing.assert_allclose(rates, [0.001, 0.01, 0.005, 0.0], atol=1e-6)
