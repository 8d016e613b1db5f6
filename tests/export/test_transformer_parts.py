"""Which models other engines can have, and their weights as arrays."""

import numpy as np
import pytest

from keras_attn import layers, models
from keras_attn.export import ExportError
from keras_attn.export.transformer_parts import as_matrix, transformer_parts
from tests.layer_checks import normal, shuffle_weights

SIZES = {"num_layers": 2, "hidden_dim": 6, "num_heads": 3, "intermediate_dim": 10}


def test_it_finds_the_blocks():
    named, sides = transformer_parts(models.transformer(11, **SIZES), "The engine")
    assert [len(blocks) for blocks in sides.values()] == [2, 2] and "embedding" in named


def test_joined_projections():
    model = models.transformer(11, **SIZES)
    shuffle_weights(model)
    attention = model.get_layer("encoder_block_0").self_attention
    matrix, bias = as_matrix([attention.query_dense, attention.key_dense])
    x = normal(2, 4, 6)
    expected = [np.reshape(dense(x), (2, 4, 6)) for dense in (attention.query_dense, attention.key_dense)]
    np.testing.assert_allclose(x @ matrix + bias, np.concatenate(expected, axis=-1), atol=1e-5)
    matrix, bias = as_matrix([attention.output_dense])
    heads = normal(2, 4, 3, 2)
    np.testing.assert_allclose(np.reshape(heads, (2, 4, 6)) @ matrix + bias, attention.output_dense(heads), atol=1e-5)


@pytest.mark.parametrize(
    ("changes", "received"),
    [
        ({"position": layers.RotaryPosition()}, "position"),
        ({"position": layers.LearnedPosition(16)}, "LearnedPosition"),
        ({"gated": True}, r"\{'gated': True\}"),
        ({"activation": "gelu"}, "activation"),
        ({"normalization": "rms"}, r"\{'normalization': 'rms'\}"),
        ({"num_kv_heads": 1}, r"\{'num_kv_heads': 1\}"),
        ({"use_bias": False}, r"\{'use_bias': False\}"),
    ],
)
def test_what_they_cannot_express(changes, received):
    model = models.transformer(11, **{**SIZES, "num_layers": 1, **changes})
    with pytest.raises(ExportError, match=rf"For The engine a Transformer needs.*SavedModel\. Received: .*{received}"):
        transformer_parts(model, "The engine")


def test_a_recurrent_model():
    with pytest.raises(ExportError, match=r"The engine takes Transformers alone.*Received: model='rnn_seq2seq'"):
        transformer_parts(models.rnn_seq2seq(11, hidden_dim=4), "The engine")
