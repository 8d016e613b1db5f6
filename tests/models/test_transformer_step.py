"""Decoder blocks prepared for single positions. That their numbers are the model's is in `test_transformer.py`."""

import pytest

from keras_attn import layers
from keras_attn.models import transformer
from keras_attn.models.transformer_step import prepared_blocks

SIZES = {"num_layers": 2, "hidden_dim": 8, "num_heads": 2, "intermediate_dim": 12}


def decoder_blocks(**changes):
    model = transformer(11, **{**SIZES, **changes})
    return [model.get_layer(f"decoder_block_{i}") for i in range(SIZES["num_layers"])]


@pytest.mark.parametrize("changes", [{}, {"position": layers.RotaryPosition()}, {"gated": True, "num_kv_heads": 1}])
def test_plain_blocks_are_prepared(changes):
    assert len(prepared_blocks(decoder_blocks(**changes))) == 2


@pytest.mark.parametrize("changes", [{"sliding_window": 3}, {"position": layers.AlibiPosition()}])
def test_what_only_a_block_itself_knows_is_left_to_it(changes):
    assert prepared_blocks(decoder_blocks(**changes)) is None
