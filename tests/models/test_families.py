"""Every family offers the functions that decode, and a model says by its name which one is its own."""

import inspect

import keras
import pytest

from keras_attn import models

MODELS = {
    "transformer": lambda: models.transformer(9, 1, 4, 2, 4),
    "rnn_seq2seq": lambda: models.rnn_seq2seq(9, hidden_dim=4),
}
FUNCTIONS = ("encode", "decode", "empty_caches", "filled_caches", "stepper")


@pytest.mark.parametrize("name", MODELS)
def test_a_model_leads_to_its_family(name):
    assert models.family(MODELS[name]()).__name__ == f"keras_attn.models.{name}"


def test_families_take_the_same_arguments():
    families = [models.family(make()) for make in MODELS.values()]
    for function in FUNCTIONS:
        first, *others = (list(inspect.signature(getattr(family, function)).parameters) for family in families)
        first = [name for name in first if name != "segments"]  # of packed rows, which only a training has
        assert all(other == first for other in others), function


def test_another_model_is_refused():
    inputs = keras.Input((3,))
    with pytest.raises(ValueError, match=r"one of transformer, rnn_seq2seq.*Received: model\.name='mine'$"):
        models.family(keras.Model(inputs, inputs, name="mine"))
