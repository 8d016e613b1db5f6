"""Transformer-XL's layer; its numbers are tested with those of all schemes in test_attention_position.py."""

import pytest

from keras_attn.layers import TransformerXLPosition
from tests.layer_checks import check_config


def test_weights():
    layer = TransformerXLPosition()
    layer.build((None, None, 2, 7), 13)
    shapes = {weight.name: tuple(weight.shape) for weight in layer.weights}
    assert shapes == {"kernel": (14, 2, 7), "content_bias": (2, 7), "distance_bias": (2, 7)}
    assert layer.value_bias() is None


def test_config():
    check_config(TransformerXLPosition(dtype="mixed_bfloat16", name="position"))


def test_an_odd_width_is_named():
    with pytest.raises(ValueError, match=r"must be even\. Received: num_heads=3, key_dim=7$"):
        TransformerXLPosition().build((None, None, 3, 7))
