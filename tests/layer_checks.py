"""Checks that the tests of several layers share; they run on every Keras backend."""

import inspect
import json

import keras
import numpy as np

BLOCK_PARTS = (
    "self_attention",
    "cross_attention",
    "feed_forward",
    "self_attention_residual",
    "cross_attention_residual",
    "feed_forward_residual",
)


def numbers(tensor):
    """A tensor of any dtype as float64."""
    return keras.ops.convert_to_numpy(keras.ops.cast(tensor, "float32")).astype("float64")


def normal(*shape, seed=0):
    """Reproducible float32 numbers; a seed of its own for each tensor of a test."""
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def shuffle_weights(layer, seed=100):
    """Gives every weight random numbers, so that biases of 0 and scales of 1 can't hide a mistake."""
    generator = np.random.default_rng(seed)
    layer.set_weights([generator.normal(size=weight.shape) / weight.shape[0] ** 0.5 for weight in layer.weights])


def block_weights(block):
    """The weights of an encoder or decoder block, as `tests.oracle` wants them."""
    return {name: getattr(block, name).get_weights() for name in BLOCK_PARTS if hasattr(block, name)}


def check_config(layer):
    """Every constructor argument is off its default, and survives the round trip through JSON."""
    for name, parameter in inspect.signature(type(layer).__init__).parameters.items():
        if parameter.default is not parameter.empty:
            assert getattr(layer, name) != parameter.default, f"{name} is at its default: its loss would not show"
    config = layer.get_config()
    again = type(layer).from_config(json.loads(json.dumps(config)))
    assert again.get_config() == config
    assert again.name == layer.name and again.dtype_policy.name == layer.dtype_policy.name
    return again


def reloaded(model, folder):
    """The model after a trip through a `.keras` file."""
    model.save(folder / "model.keras")
    return keras.saving.load_model(folder / "model.keras")


def check_reload(model, inputs, folder):
    """A reloaded model gives the very same numbers."""
    for first, second in zip(as_list(model(inputs)), as_list(reloaded(model, folder)(inputs)), strict=True):
        assert np.array_equal(numbers(first), numbers(second))


def as_list(outputs):
    """Outputs as a list, also when there is one only."""
    return list(outputs) if isinstance(outputs, list | tuple) else [outputs]


def weight_gradients(model, inputs, upstream):
    """The gradient of `sum(upstream * model(inputs))` by every trainable weight, by the weight's path.

    Taken as the change that one step of plain gradient descent makes, which is the same call on every backend.
    """

    def inner_product(upstream, outputs):
        return keras.ops.sum(upstream * outputs)

    eager = keras.backend.backend() != "jax"  # one compilation beats one for each operation there
    model.compile(keras.optimizers.SGD(1.0), loss=inner_product, run_eagerly=eager)
    before = model.get_weights()
    model.train_on_batch(inputs, upstream)
    paths = [weight.path for weight in model.weights]
    return {path: old - new for path, old, new in zip(paths, before, model.get_weights(), strict=True)}


def check_gradients(model, inputs, upstream):
    """Gradients are finite and reach every weight.

    Only the bias of the keys has none: it adds the same to all scores of a query, and the softmax takes it away.
    """
    for path, gradient in weight_gradients(model, inputs, upstream).items():
        assert np.isfinite(gradient).all(), path
        if path.endswith("key/bias"):
            np.testing.assert_allclose(gradient, 0.0, atol=1e-5, err_msg=path)
        else:
            assert np.abs(gradient).max() > 1e-4, path
