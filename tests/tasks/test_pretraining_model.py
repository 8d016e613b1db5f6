"""The model follows the settings."""

import pytest

from keras_attn.tasks import PretrainingSettings
from keras_attn.tasks.pretraining_model import build_encoder, build_model

SIZES = {"num_layers": 3, "hidden_dim": 8, "num_heads": 2, "intermediate_dim": 12, "dropout": 0.2, "activation": "gelu"}


def test_the_encoder_and_its_changes():
    settings = PretrainingSettings(**SIZES, precision="float32")
    encoder = build_encoder(settings, 20, dropout=0.5)
    blocks = [layer for layer in encoder.layers if layer.name.startswith("encoder_block_")]
    assert len(blocks) == 3 and encoder.get_layer("embedding").input_dim == 20
    sizes = {(block.num_heads, block.intermediate_dim, block.dropout) for block in blocks}
    assert sizes == {(2, 12, 0.5)} and {block.activation.__name__ for block in blocks} == {"gelu"}


@pytest.mark.parametrize("objective", ["masked", "causal"])
def test_model_and_optimizer(objective):
    settings = {"learning_rate": 0.1, "warmup_share": 0.5, "average_decay": 0.7, "weight_decay": 0.0}
    settings = PretrainingSettings(**SIZES, objective=objective, **settings)
    model = build_model(settings, 20, total_steps=10)
    assert model.name == f"{objective}_language_model" and model.optimizer.built
    schedule = model.optimizer._learning_rate
    assert float(schedule(4)) == pytest.approx(0.1) and float(schedule(9)) == pytest.approx(0.0, abs=1e-6)
    assert model.optimizer.use_ema and model.optimizer.ema_momentum == 0.7
    assert len(model.optimizer._trainable_variables) == len(model.trainable_variables)
