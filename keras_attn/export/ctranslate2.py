"""Our Transformer in the format of CTranslate2, an engine in C++ for CPUs and GPUs."""

import os
from pathlib import Path

import numpy as np

from keras_attn.export.transformer_parts import as_array, as_matrix, transformer_parts
from keras_attn.export.versions import ExportError
from keras_attn.ops import sinusoidal_positions

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
            "CTranslate2 is not installed: pip install 'keras_attn[ctranslate2]'. Received: no module 'ctranslate2'"
        ) from error
    layers, sides = transformer_parts(model, "CTranslate2")
    _check_vocabulary(vocabulary, layers["embedding"].input_dim)
    first = sides["encoder"][0]
    spec = specs.TransformerSpec.from_config(
        tuple(len(blocks) for blocks in sides.values()), first.num_heads, pre_norm=first.normalize_first
    )
    embedding = as_array(layers["embedding"].embeddings)  # [V, D]
    positions = as_array(sinusoidal_positions(_MAX_POSITIONS, embedding.shape[1]))
    for side, blocks in sides.items():
        side_spec = getattr(spec, side)
        side_spec.position_encodings.encodings = positions
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


def _check_vocabulary(vocabulary, size):
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
    matrix, spec.bias = as_matrix(denses)
    spec.weight = np.ascontiguousarray(matrix.T)


def _set_norm(spec, norm):
    spec.gamma, spec.beta = as_array(norm.gamma), as_array(norm.beta)


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

import os
import sys
from pathlib import Path

import ctranslate2
import sentencepiece

BEAM_SIZE, LENGTH_PENALTY, MAX_LENGTH = ...

folder = Path(__file__).resolve().parent
translator = ctranslate2.Translator(str(folder), intra_threads=os.cpu_count())
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
