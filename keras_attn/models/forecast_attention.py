"""Where a forecaster attends: its last attention, as shares of what it may look at."""

import keras
import numpy as np
from keras import ops


def forecast_attention(model, inputs):
    """Gives the last attention of a forecaster, the mean over its heads.

    Args:
        model: A model made by `patch_forecaster`, `inverted_forecaster` or `sequence_forecaster`.
        inputs: Dict of its inputs.

    Returns:
        What the attention goes over, and its shares, whose last axis sums to 1: "steps of each variable" [B, C, L], the
        mean over all that attends, a patch's share spread over its steps; "variables" [B, C, V]; or "steps" [B, H, L],
        for each step of the horizon. None for a model without attention.

    Raises:
        ValueError: If the model is no forecaster.

    Example:
        >>> import numpy as np
        >>> from keras_attn import models
        >>> shape = models.ForecastShape(lookback=20, horizon=3, num_targets=2)
        >>> model = models.patch_forecaster(shape, patch_length=4, stride=4)
        >>> over, shares = models.forecast_attention(model, {"history": np.ones((1, 20, 2), "float32")})
        >>> over, shares.shape
        ('steps of each variable', (1, 2, 20))
    """
    readers = {
        "patch_forecaster": _of_patches,
        "inverted_forecaster": _of_variables,
        "sequence_forecaster": _of_steps,
        "linear_forecaster": lambda model, inputs: None,
    }
    if model.name not in readers:
        raise ValueError(f"The model must be one of {', '.join(readers)}. Received: model.name={model.name!r}")
    return readers[model.name](model, inputs)


def _numbers(tensor):
    return ops.convert_to_numpy(ops.cast(tensor, "float32"))


def _inputs_of(model, layer, inputs):
    """What a layer of a model was called with."""
    return keras.Model(model.input, layer.input)(inputs, training=False)


def _last_block(model, kind):
    names = [layer.name for layer in model.layers if layer.name.startswith(f"{kind}_block_")]
    return model.get_layer(max(names, key=lambda name: int(name.rpartition("_")[2])))


def _self_attention(model, inputs):
    """The last encoder block's shares [B, T, T], the mean over its heads."""
    block = _last_block(model, "encoder")
    x = block.self_attention_residual.enter(_inputs_of(model, block, inputs))
    _, scores = block.self_attention(x, x, return_attention_scores=True, training=False)
    return _numbers(ops.mean(scores, axis=1))


def _of_patches(model, inputs):
    lookback, variables = model.input["history"].shape[1:]
    patches = model.get_layer("patches")
    shares = _self_attention(model, inputs).mean(axis=1)  # [B * C, P]
    stride = patches.stride or patches.patch_length
    steps = np.zeros((len(shares), lookback), "float32")
    for patch in range(shares.shape[1]):
        end = lookback - stride * (shares.shape[1] - 1 - patch)
        places = np.maximum(np.arange(end - patches.patch_length, end), 0)  # the first step stands for those before it
        np.add.at(steps, (slice(None), places), shares[:, patch : patch + 1] / patches.patch_length)
    return "steps of each variable", steps.reshape(-1, variables, lookback)


def _of_variables(model, inputs):
    variables = model.input["history"].shape[-1]
    return "variables", _self_attention(model, inputs)[:, :variables]


def _of_steps(model, inputs):
    if not any(layer.name == "decoder" for layer in model.layers):
        block = _last_block(model, "decoder")
        queries, memory = _inputs_of(model, block, inputs)
        scores = block(queries, memory, return_attention_scores=True, training=False)[1]
        return "steps", _numbers(ops.mean(scores, axis=1))
    decoder = model.get_layer("decoder")
    queries, *states = keras.tree.flatten(_inputs_of(model, decoder, inputs))
    shares = []
    for step in range(queries.shape[1]):
        _, states, scores = decoder.cell(queries[:, step], states, return_attention_scores=True)
        shares.append(_numbers(scores))
    return "steps", _numbers(ops.stack(shares, axis=1))
