"""The settings make the model, its optimizer and its loss."""

import dataclasses

import numpy as np
import pytest

from keras_attn.tasks import TranslationSettings
from keras_attn.tasks.translation_model import build_model
from keras_attn.training import Adafactor, AdamW, best_precision

SMALL = TranslationSettings(num_layers=1, hidden_dim=8, num_heads=2, intermediate_dim=6)


def test_a_transformer():
    settings = dataclasses.replace(SMALL, num_heads=4, dropout=0.3, attention_dropout=0.2, normalize_first=True)
    model = build_model(settings, 9)
    assert model.name == "transformer" and model.output_shape == (None, None, 9)
    block = model.get_layer("decoder_block_0").get_config()
    wanted = {"num_heads": 4, "intermediate_dim": 6, "dropout": 0.3, "attention_dropout": 0.2, "normalize_first": True}
    assert {name: block[name] for name in wanted} == wanted


@pytest.mark.parametrize(
    ("cell", "attention", "num_layers", "use_previous_state"),
    [("lstm", "concat", 2, False), ("gru", "additive", 1, True)],
)
def test_a_recurrent_model(cell, attention, num_layers, use_previous_state):
    changes = {"cell": cell, "attention": attention, "num_layers": num_layers, "use_previous_state": use_previous_state}
    model = build_model(dataclasses.replace(SMALL, architecture="rnn", dropout=0.3, embedding_dim=6, **changes), 9)
    assert model.name == "rnn_seq2seq" and model.output_shape == (None, None, 9)
    decoder = model.get_layer("decoder").cell
    assert decoder.output_size == 6 and decoder.state_size[1] == 8
    assert decoder.use_previous_state == use_previous_state and model.get_layer("output_dropout").rate == 0.3
    cells = getattr(decoder.cell, "cells", [decoder.cell])
    assert [type(cell).__name__ for cell in cells] == [f"{cell.upper()}Cell"] * num_layers
    assert getattr(decoder.attention, "score", "additive") == attention


def test_the_training():
    settings = dataclasses.replace(
        SMALL, architecture="rnn", average_decay=None, gradient_clip=0.5, label_smoothing=0.0, warmup_steps=30
    )
    model = build_model(dataclasses.replace(settings, adam_beta_2=0.9, learning_rate=0.01), 9)
    assert not model.optimizer.use_ema and model.optimizer.global_clipnorm == 0.5
    assert model.optimizer.beta_2 == 0.9 and model.loss.label_smoothing == 0.0
    assert float(model.optimizer.learning_rate) == pytest.approx(0.01 / 30)
    averaged = build_model(dataclasses.replace(SMALL, architecture="rnn", average_decay=0.9), 9).optimizer
    assert averaged.use_ema and averaged.ema_momentum == 0.9 and averaged.ema_overwrite_frequency is None
    assert averaged.global_clipnorm is None


@pytest.mark.parametrize("decay", [0.02, 0.0])
@pytest.mark.parametrize(("name", "kind"), [("adamw", AdamW), ("adafactor", Adafactor)])
def test_optimizers_with_weight_decay(name, kind, decay):
    settings = dataclasses.replace(SMALL, optimizer=name, weight_decay=decay, schedule="cosine", total_steps=4001)
    optimizer = build_model(settings, 9).optimizer
    assert type(optimizer) is kind and optimizer.weight_decay == decay
    assert optimizer.no_decay == ("bias", "beta", "gamma", "scale")
    assert [float(optimizer._learning_rate(step)) for step in (3999, 4001)] == pytest.approx([0.0007, 0.0])


@pytest.mark.parametrize("schedule", [{}, {"schedule": "cosine", "total_steps": 7000}])
def test_accumulated_batches_are_one_step_of_schedule_and_average(schedule):
    one, three = (
        build_model(dataclasses.replace(SMALL, architecture="rnn", accumulate=k, **schedule), 9).optimizer
        for k in (1, 3)
    )
    assert (one.gradient_accumulation_steps, three.gradient_accumulation_steps) == (None, 3)
    assert three.ema_momentum**3 == pytest.approx(one.ema_momentum)
    for update in (0, 1, 3998, 3999, 4000, 6000):
        last_batch = 3 * update + 2
        assert float(three._learning_rate(last_batch)) == pytest.approx(float(one._learning_rate(update)), rel=1e-5)


@pytest.mark.parametrize("architecture", ["transformer", "rnn"])
def test_words_are_dropped(architecture):
    model = build_model(dataclasses.replace(SMALL, architecture=architecture, word_dropout=0.3, dropout=0.0), 9)
    assert model.get_layer("word_dropout").rate == 0.3
    ids = {"source": np.ones((3, 40), "int32"), "target": np.ones((3, 40), "int32")}
    plain, dropped = (model(ids, training=training) for training in (False, True))
    assert not np.allclose(plain, dropped) and np.allclose(plain, model(ids))


def test_half_precision():
    model = build_model(dataclasses.replace(SMALL, architecture="rnn", precision="mixed_bfloat16"), 9)
    assert {layer.dtype_policy.name for layer in model.layers if layer.weights} == {"mixed_bfloat16"}
    automatic = build_model(dataclasses.replace(SMALL, architecture="rnn"), 9)
    assert {layer.dtype_policy.name for layer in automatic.layers if layer.weights} == {best_precision()}
