"""What every layer of the package shares: a config read off the constructor, and checks of its arguments."""

import inspect
import itertools

import keras

from keras_attn import ops


class Layer(keras.layers.Layer):
    """A Keras layer whose config is its constructor signature.

    Each constructor argument is kept as an attribute of the same name (or, where Keras uses that name, with an
    underscore before it) and never rewritten; objects among them (initializers, other layers) are saved by Keras's own
    serialization.

    Args:
        **kwargs: Keras's own, such as `name`, `dtype` and `trainable`.
    """

    def get_config(self):
        config = super().get_config()
        for name in self._argument_names():
            value = getattr(self, name if hasattr(self, name) else f"_{name}")
            config[name] = keras.saving.serialize_keras_object(value)
            if isinstance(value, keras.layers.Layer):  # one given to several layers is one again in a reloaded model
                config[name]["shared_object_id"] = id(value)
        return config

    @classmethod
    def from_config(cls, config):
        config = {
            name: keras.saving.deserialize_keras_object(value)
            if isinstance(value, dict) and "class_name" in value
            else value
            for name, value in config.items()
        }
        return cls(**config)

    @classmethod
    def _argument_names(cls):
        parameters = inspect.signature(cls.__init__).parameters.values()
        return [p.name for p in parameters if p.name != "self" and p.kind != p.VAR_KEYWORD]


def project_through(layers, inputs):
    """Calls several dense layers on one input as a single matrix product.

    The layers (`Dense`, `EinsumDense`) stay whole, so LoRA and quantization keep working: a quantized layer is called
    by itself, and a LoRA layer's `kernel` already holds its update.

    Args:
        layers: Built layers whose kernels are [D, ...].
        inputs: Float tensor [B, T, D].

    Returns:
        List of tensors [B, T, ...], one a layer, before the activation that the layer may have.
    """
    if any(layer.quantization_mode is not None for layer in layers):
        return [layer(inputs) for layer in layers]
    # Within `call` Keras has cast all this already; outside, as in `filled_cache`, nobody has.
    dtype = layers[0].compute_dtype
    kernels = [keras.ops.cast(layer.kernel, dtype) for layer in layers]
    biases = [None if layer.bias is None else keras.ops.cast(layer.bias, dtype) for layer in layers]
    return ops.project(keras.ops.cast(inputs, dtype), kernels, biases)


def new_initializer(initializer):
    """Gives an initializer of its own to each weight: one that is used twice may draw the same numbers twice.

    Args:
        initializer: A Keras initializer, its name, or a function of shape and dtype.

    Returns:
        An initializer.
    """
    initializer = keras.initializers.get(initializer)
    return initializer.clone() if isinstance(initializer, keras.initializers.Initializer) else initializer


def check_positive(**arguments):
    """Raises a ValueError unless each argument is a positive integer.

    Args:
        **arguments: The arguments by name.

    Raises:
        ValueError: Naming the first that is not.
    """
    for name, value in arguments.items():
        if isinstance(value, bool) or not isinstance(value, int) or value <= 0:
            raise ValueError(f"`{name}` must be a positive integer. Received: {name}={value!r}")


def check_rate(**arguments):
    """Raises a ValueError unless each argument is at least 0 and below 1.

    Args:
        **arguments: The arguments by name.

    Raises:
        ValueError: Naming the first that is not.
    """
    for name, value in arguments.items():
        if not isinstance(value, int | float) or not 0 <= value < 1:
            raise ValueError(f"`{name}` must be at least 0 and below 1. Received: {name}={value!r}")


def head_dim(hidden_dim, num_heads):
    """Gives the size of each head when `num_heads` of them share the model's width.

    Args:
        hidden_dim: Model size D.
        num_heads: Number of heads N.

    Returns:
        `hidden_dim // num_heads`.

    Raises:
        ValueError: If the heads do not divide the width.
    """
    if hidden_dim % num_heads:
        raise ValueError(f"`num_heads` must divide the model's width {hidden_dim}. Received: num_heads={num_heads}")
    return hidden_dim // num_heads


def seeds_from(seed):
    """Gives the parts of a layer seeds of their own, so that no two dropouts draw the same numbers.

    Args:
        seed: Integer or None.

    Returns:
        An endless iterator: `seed`, `seed + 1`, ...; or None for ever.
    """
    return itertools.repeat(None) if seed is None else itertools.count(seed)
