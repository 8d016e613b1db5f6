"""LiteRT gives the model's logits."""

import numpy as np
import pytest

from keras_attn import models
from keras_attn.export import ExportError, litert_logits, write_litert
from tests.layer_checks import numbers, shuffle_weights

PAIRS = [
    (np.array([source], "int32"), np.array([target], "int32"))
    for source, target in (([5, 6, 7, 2], [1, 4]), ([5, 2], [1]), ([9, 8, 7, 6, 5, 4, 2], [1, 4, 5, 6, 7, 8, 9]))
]


def test_it_gives_the_same_numbers(tmp_path):
    model = models.transformer(11, 1, 6, 3, 10, normalize_first=True, implementation="dense")
    shuffle_weights(model)
    write_litert(model, tmp_path)
    for found, (source, target) in zip(litert_logits(tmp_path, PAIRS), PAIRS, strict=True):
        expected = numbers(model({"source": source, "target": target}))[0, -1]
        np.testing.assert_allclose(found, expected, atol=1e-4)


def test_a_recurrent_model(tmp_path):
    with pytest.raises(ExportError, match=r"LiteRT takes Transformers alone.*Received: model='rnn_seq2seq'"):
        write_litert(models.rnn_seq2seq(11, hidden_dim=4), tmp_path)
    assert list(tmp_path.iterdir()) == []
