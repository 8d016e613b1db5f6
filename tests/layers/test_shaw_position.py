"""Shaw's layer; its numbers are tested with those of all schemes in test_attention_position.py."""

import pytest

from keras_attn.layers import ShawPosition
from tests.layer_checks import check_config

SHAPE = (None, None, 3, 7)


def test_weights():
    layer = ShawPosition(max_distance=5)
    layer.build(SHAPE, 13)
    assert {weight.name: tuple(weight.shape) for weight in layer.weights} == {
        "key_table": (11, 7),
        "value_table": (11, 13),
    }


def test_values_are_as_large_as_keys_if_nothing_is_said():
    layer = ShawPosition(max_distance=5)
    layer.build(SHAPE)
    assert tuple(layer.value_table.shape) == (11, 7)


def test_without_values():
    layer = ShawPosition(max_distance=5, use_values=False)
    layer.build(SHAPE, 13)
    assert len(layer.weights) == 1 and layer.value_bias() is None


def test_config():
    check_config(ShawPosition(5, use_values=False, dtype="mixed_bfloat16", name="position"))


def test_errors():
    with pytest.raises(ValueError, match=r"`max_distance` must be a positive integer\. Received: max_distance=0"):
        ShawPosition(0)
