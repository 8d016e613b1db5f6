"""T5's layer; its numbers are tested with those of all schemes in test_attention_position.py."""

import pytest

from keras_attn.layers import T5Position
from tests.layer_checks import check_config


def test_weights():
    layer = T5Position(num_buckets=14, max_distance=50)
    layer.build((None, None, 3, 7), 13)
    assert [tuple(weight.shape) for weight in layer.weights] == [(14, 3)]
    assert layer.value_bias() is None


def test_config():
    check_config(T5Position(7, 50, bidirectional=False, dtype="mixed_bfloat16", name="position"))


def test_errors():
    with pytest.raises(ValueError, match=r"`max_distance` must be a positive integer\. Received: max_distance=0"):
        T5Position(max_distance=0)
    with pytest.raises(ValueError, match=r"must be even and at least 4, one half .* Received: num_buckets=7"):
        T5Position(num_buckets=7)
    with pytest.raises(ValueError, match=r"`max_distance` must be above 8\. Received: max_distance=8"):
        T5Position(max_distance=8)
