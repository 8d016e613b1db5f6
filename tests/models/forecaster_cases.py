"""Small forecasters and their inputs, for the tests of all of them."""

import numpy as np

from keras_attn import models

SMALL = {"num_layers": 1, "hidden_dim": 8, "num_heads": 2, "intermediate_dim": 12, "dropout": 0.0}
EVERYTHING = {"num_past": 2, "num_known": 3, "num_static": 2, "calendar": (24, 7), "masked": True}


def shape(**changes):
    return models.ForecastShape(**{"lookback": 23, "horizon": 5, "num_targets": 2, **changes})


def inputs_of(model, seed=0, batch=3):
    """Random inputs of a model, by name."""
    draw, found = np.random.default_rng(seed), {}
    for name, tensor in model.input.items():
        size = (batch, *tensor.shape[1:])
        if tensor.dtype == "bool":
            found[name] = draw.random(size) < 0.8
        elif tensor.dtype == "int32":
            found[name] = draw.integers(0, 7, size).astype("int32")
        else:
            found[name] = draw.normal(size=size).astype("float32")
    return found


def shuffled(model, seed=1):
    """The model with other weights: zeros and ones hide mistakes."""
    draw = np.random.default_rng(seed)
    model.set_weights([w + 0.3 * draw.normal(size=w.shape).astype("float32") for w in model.get_weights()])
    return model


def output(model, inputs):
    return np.array(model(inputs, training=False))
