"""Our Transformer in the format of CTranslate2, an engine in C++ for CPUs and GPUs."""

import os
from pathlib import Path

import keras
import numpy as np

from keras_attn.export.saved_model import ExportError
from keras_attn.layers import SinusoidalPosition

_MAX_POSITIONS = 2048  # longer texts it cannot read


def write_ctranslate2(model, folder, vocabulary, quantization=None):
    """Writes a Transformer for CTranslate2.

    CTranslate2 reads and writes tokens: the pieces of the tokenizer. It adds the end of the source itself.

    Args:
        model: A model made by `models.transformer`, with sinusoidal positions, layer norms, relu, biases and as many
            key-value heads as heads.
        folder: Folder to write, made if missing.
        vocabulary: The tokens by id, a list of V different strings: padding, start, end, unknown and the rest.
        quantization: None for the weights as they are, "int8", or another name that CTranslate2 knows.

    Returns:
        The folder.

    Raises:
        ExportError: If the model is of another kind, the tokens are not V different ones, or CTranslate2 is missing.
    """
    try:
        from ctranslate2 import specs
    except ImportError as error:
        raise ExportError(
            "CTranslate2 is not installed: pip install ctranslate2. Received: no module 'ctranslate2'"
        ) from error
    layers = {layer.name: layer for layer in model.layers}
    _check(model, layers, vocabulary)
    sides = {side: [layer for name, layer in layers.items() if name.startswith(f"{side}_block_")] for side in _SIDES}
    first = sides["encoder"][0]
    spec = specs.TransformerSpec.from_config(
        tuple(len(blocks) for blocks in sides.values()), first.num_heads, pre_norm=first.normalize_first
    )
    embedding = _numbers(layers["embedding"].embeddings)  # [V, D]
    positions = SinusoidalPosition()(np.zeros((1, _MAX_POSITIONS, embedding.shape[1]), "float32"))
    for side, blocks in sides.items():
        side_spec = getattr(spec, side)
        side_spec.position_encodings.encodings = _numbers(positions)[0]
        if first.normalize_first:
            _set_norm(side_spec.layer_norm, layers[f"{side}_norm"])
        for block_spec, block in zip(side_spec.layer, blocks, strict=True):
            _set_block(block_spec, block)
    spec.encoder.embeddings[0].weight = spec.decoder.embeddings.weight = spec.decoder.projection.weight = embedding
    spec.register_source_vocabulary(list(vocabulary))
    spec.register_target_vocabulary(list(vocabulary))
    spec.config.bos_token = spec.config.decoder_start_token = vocabulary[1]
    spec.config.eos_token, spec.config.unk_token = vocabulary[2:4]
    spec.config.add_source_eos = True
    spec.config.layer_norm_epsilon = first.epsilon
    spec.validate()
    spec.optimize(quantization=quantization)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    spec.save(os.fspath(folder))
    return folder


_SIDES = ("encoder", "decoder")


def _check(model, layers, vocabulary):
    """Refuses what the format, or this converter, has no words for."""
    if model.name != "transformer":
        raise ExportError(f"CTranslate2 runs Transformers alone. Received: a model named {model.name!r}")
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
            "For CTranslate2 a Transformer needs sinusoidal positions, layer norms, relu, biases and plain attention; "
            f"export it as a SavedModel. Received: {others or {'position': layers.get('position')}}"
        )
    size = layers["embedding"].input_dim
    if not len(set(vocabulary)) == len(vocabulary) == size:
        raise ExportError(
            f"`vocabulary` must be {size} different tokens, one an id: give the tokenizer that the model was trained "
            f"with. Received: {len(vocabulary)} tokens, {len(set(vocabulary))} of them different"
        )


def _set_block(spec, block):
    attentions = {"self_attention": spec.self_attention}
    if hasattr(block, "cross_attention"):
        attentions["cross_attention"] = spec.attention
    for name, attention_spec in attentions.items():
        attention = getattr(block, name)
        denses = [attention.query_dense, attention.key_dense, attention.value_dense]
        joined = [denses] if name == "self_attention" else [denses[:1], denses[1:]]
        for linear, group in zip(attention_spec.linear, [*joined, [attention.output_dense]], strict=True):
            _set_linear(linear, group)
        _set_norm(attention_spec.layer_norm, getattr(block, f"{name}_residual").norm)
    _set_linear(spec.ffn.linear_0, [block.feed_forward.hidden_dense])
    _set_linear(spec.ffn.linear_1, [block.feed_forward.output_dense])
    _set_norm(spec.ffn.layer_norm, block.feed_forward_residual.norm)


def _set_linear(spec, denses):
    """One matrix [outputs, inputs] of several dense layers with the same input."""
    biases = [_numbers(dense.bias).reshape(-1) for dense in denses]
    kernels = [_numbers(dense.kernel).reshape(-1, len(bias)) for dense, bias in zip(denses, biases, strict=True)]
    spec.weight = np.ascontiguousarray(np.concatenate(kernels, axis=1).T)
    spec.bias = np.concatenate(biases)


def _set_norm(spec, norm):
    spec.gamma, spec.beta = _numbers(norm.gamma), _numbers(norm.beta)


def _numbers(weight):
    return np.asarray(keras.ops.convert_to_numpy(weight), "float32")
