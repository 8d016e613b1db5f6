"""Checks that the tests of several layers share; they run on every Keras backend."""

import keras
import numpy as np

from keras_attn import testing
from keras_attn.testing import check_config, check_reload, numbers, shuffle_weights, weight_gradients

__all__ = [
    "block_weights",
    "check_config",
    "check_gradients",
    "check_reload",
    "normal",
    "numbers",
    "reloaded",
    "shuffle_weights",
    "weight_gradients",
]

BLOCK_PARTS = (
    "self_attention",
    "cross_attention",
    "feed_forward",
    "self_attention_residual",
    "cross_attention_residual",
    "feed_forward_residual",
)


def normal(*shape, seed=0):
    """Reproducible float32 numbers; a seed of its own for each tensor of a test."""
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def block_weights(block):
    """The weights of an encoder or decoder block, as `tests.oracle` wants them."""
    return {name: getattr(block, name).get_weights() for name in BLOCK_PARTS if hasattr(block, name)}


def reloaded(model, folder):
    """The model after a trip through a `.keras` file."""
    model.save(folder / "model.keras")
    return keras.saving.load_model(folder / "model.keras")


def check_gradients(model, inputs, upstream):
    """Gradients are finite and reach every weight.

    Only the bias of the keys has none: it adds the same to all scores of a query, and the softmax takes it away.
    """
    testing.check_gradients(model, inputs, upstream, zero_gradients=["key/bias"])
