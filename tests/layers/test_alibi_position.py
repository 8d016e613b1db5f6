"""ALiBi's layer; its numbers are tested with those of all schemes in test_attention_position.py."""

import numpy as np

from keras_attn.layers import AlibiPosition
from tests.layer_checks import check_config, normal, numbers


def test_it_has_no_weights_and_needs_no_build():
    layer = AlibiPosition()
    bias = layer.score_bias()
    assert bias.weights == () and not layer.weights and layer.value_bias() is None
    distance = np.array([[-1, 0, 2]], "int32")
    found = numbers(bias.function(normal(5, 4, 1, 3), distance))
    np.testing.assert_array_equal(found[0, :, 0], [[-r, 0, -2 * r] for r in (1 / 4, 1 / 16, 1 / 64, 1 / 256)])


def test_config():
    check_config(AlibiPosition(dtype="mixed_bfloat16", name="position"))
