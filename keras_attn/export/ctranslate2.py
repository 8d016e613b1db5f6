"""Our Transformer in the format of CTranslate2, an engine in C++ for CPUs and GPUs."""

import os
from pathlib import Path

import keras
import numpy as np

from keras_attn.export.versions import ExportError
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


def write_translate_script(folder, beam_size, length_penalty, max_length):
    """Writes `translate.py`, which translates raw text with what `write_ctranslate2` wrote and `subword.model`.

    Args:
        folder: The folder of both.
        beam_size: Hypotheses of the search, 1 for greedy.
        length_penalty: Power of the length factor in the score, as `decoding.Beam` takes it.
        max_length: Longest source and target in tokens.
    """
    values = f"BEAM_SIZE, LENGTH_PENALTY, MAX_LENGTH = {beam_size}, {length_penalty}, {max_length}"
    Path(folder, "translate.py").write_text(_SCRIPT.replace("BEAM_SIZE, LENGTH_PENALTY, MAX_LENGTH = ...", values))


_SCRIPT = '''\
"""Translates lines of text: python translate.py < INPUT > OUTPUT. Needs ctranslate2 and sentencepiece, no more."""

import sys
from pathlib import Path

import ctranslate2
import sentencepiece

BEAM_SIZE, LENGTH_PENALTY, MAX_LENGTH = ...

folder = Path(__file__).resolve().parent
translator = ctranslate2.Translator(str(folder))
tokenizer = sentencepiece.SentencePieceProcessor(model_file=str(folder / "subword.model"))


def score(tokens, log_probability):
    return log_probability / ((5 + len(tokens) + 1) / 6) ** LENGTH_PENALTY  # the end counts as a token


def translate(texts):
    """The best translation of each text, and its score."""
    sources = [[tokenizer.id_to_piece(i) for i in tokenizer.encode(text)[: MAX_LENGTH - 1]] for text in texts]
    results = translator.translate_batch(
        sources,
        max_batch_size=64,
        beam_size=BEAM_SIZE,
        num_hypotheses=BEAM_SIZE,
        length_penalty=0,  # the hypotheses come with their log-probabilities, and are compared here
        return_scores=True,
        max_input_length=0,
        max_decoding_length=MAX_LENGTH,
    )
    answers = []
    for source, result in zip(sources, results):
        scored = [(score(*pair), pair[0]) for pair in zip(result.hypotheses, result.scores)]
        best, tokens = max(scored) if source else (0.0, [])
        answers.append((tokenizer.decode([tokenizer.piece_to_id(token) for token in tokens]), best))
    return answers


if __name__ == "__main__":
    for text, _ in translate([line.rstrip("\\n") for line in sys.stdin]):
        print(text)
'''
