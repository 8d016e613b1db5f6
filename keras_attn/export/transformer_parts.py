"""The Transformers that other engines can express, and their weights as arrays."""

import keras
import numpy as np

from keras_attn.export.versions import ExportError
from keras_attn.layers import SinusoidalPosition

SIDES = ("encoder", "decoder")


def transformer_parts(model, engine):
    """Takes a model apart for an engine that knows the Transformer of Vaswani et al. 2017, pre- or post-norm.

    Args:
        model: A model made by `models.transformer`, with sinusoidal positions, layer norms, relu, biases and as many
            key-value heads as heads.
        engine: The engine's name, for the error.

    Returns:
        The layers by name, and a dict of side -> list of its blocks.

    Raises:
        ExportError: If the model is of another kind.
    """
    if model.name != "transformer":
        raise ExportError(f"{engine} takes Transformers alone: export a SavedModel. Received: model={model.name!r}")
    layers = {layer.name: layer for layer in model.layers}
    block = layers["encoder_block_0"]
    wanted = {
        "activation": (keras.activations.relu, None),
        "gated": (False,),
        "use_bias": (True,),
        "normalization": ("layer",),
        "num_kv_heads": (None, block.num_heads),
        "position": (None,),
        "sliding_window": (None,),
        "normalize_query_key": (False,),
    }
    others = {name: getattr(block, name) for name, known in wanted.items() if getattr(block, name) not in known}
    if others or not isinstance(layers.get("position"), SinusoidalPosition):
        raise ExportError(
            f"For {engine} a Transformer needs sinusoidal positions, layer norms, relu, biases and plain attention; "
            f"export it as a SavedModel. Received: {others or {'position': layers.get('position')}}"
        )
    return layers, {side: [layers[name] for name in layers if name.startswith(f"{side}_block_")] for side in SIDES}


def as_matrix(denses):
    """Joins dense layers with the same input.

    Args:
        denses: List of built layers with kernels [D, ...] or, the last of an attention, [N, H, D].

    Returns:
        Their matrix, float32 [inputs, outputs], and their bias [outputs].
    """
    biases = [as_array(dense.bias).reshape(-1) for dense in denses]
    kernels = [as_array(dense.kernel).reshape(-1, len(bias)) for dense, bias in zip(denses, biases, strict=True)]
    return np.concatenate(kernels, axis=1), np.concatenate(biases)


def as_array(weight):
    """Reads a weight.

    Args:
        weight: A Keras variable or tensor.

    Returns:
        A float32 array.
    """
    return np.asarray(keras.ops.convert_to_numpy(weight), "float32")
