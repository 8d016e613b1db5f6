"""How a trained translator is put on disk: the formats, and what stands beside the model."""

import contextlib
import dataclasses
import runpy

import numpy as np
import tensorflow as tf

from keras_attn.decoding import Shortlist
from keras_attn.export import (
    ExportError,
    StoredWeights,
    check_numbers,
    check_parity,
    litert_logits,
    onnx_logits,
    write_ctranslate2,
    write_litert,
    write_model_card,
    write_onnx,
    write_translate_script,
    write_version,
)
from keras_attn.export.versions import MAIN_FILES, check_format
from keras_attn.tasks.card_facts import card_facts
from keras_attn.tasks.task_export import export_task
from keras_attn.tasks.texts import as_tensor, made_up_texts
from keras_attn.tasks.translation_model import new_model
from keras_attn.tasks.translation_signatures import inputs_for, signatures
from keras_attn.tasks.translator import Translator
from keras_attn.text import END_ID, START_ID

_POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16"}


def export_translation(
    task,
    models,
    strategy,
    folder,
    format="savedmodel",
    quantize=None,
    dtype=None,
    examples=None,
    shortlist=None,
):
    """Writes a trained translation task as the next version in a model's folder.

    Args:
        task: A trained `Translation`.
        models: Its model, or those of an ensemble.
        strategy: The search of a SavedModel, one result a text.
        folder: The model's folder.
        format: One of `export.versions.MAIN_FILES`.
        quantize: "int8" or None.
        dtype: "float32", "bfloat16", or None for that of the training.
        examples: Texts to compare by and to warm up with; when None the run's, or some made of the vocabulary.
        shortlist: A `ParallelText` to learn a shortlist from, or None for a SavedModel that searches all tokens.

    Returns:
        The folder of the new version.

    Raises:
        ValueError: If the format, or what is asked of it, is unknown.
        ExportError: If it cannot be written, or does not answer as the task does.
    """
    _check_options(format, quantize, dtype, len(models), shortlist)
    check_format(folder, format)  # told at once
    examples = list(examples or (task.run and task.run.examples()) or made_up_texts(task.tokenizer))[:64]
    parts = format, quantize, dtype, None if shortlist is None else "shortlist"
    title = f"{task.name.capitalize()}, {', '.join(filter(None, parts))}"
    if format == "savedmodel":
        shortlist = None if shortlist is None else learn_shortlist(task, shortlist)
        return _export_saved_model(task, models, strategy, folder, quantize, dtype, examples, title, shortlist)

    def write(temporary):
        if format == "ctranslate2":
            found = _write_ctranslate2(task, temporary, quantize, dtype, examples)
        else:
            found = _write_core(task, temporary, format, examples[:8])
        task.tokenizer.save(temporary)
        write_model_card(temporary, title, {"Use": _USES[format], "Compared with the task": found, **_facts(task)})

    return write_version(folder, write, format)


def learn_shortlist(task, pairs):
    """Learns a shortlist of a task's vocabulary.

    Args:
        task: A trained `Translation`.
        pairs: A `ParallelText`.

    Returns:
        A `decoding.Shortlist`.
    """
    sources, targets = (task.tokenizer.tokenize(as_tensor(texts)).to_list() for texts in (pairs.sources, pairs.targets))
    return Shortlist.learn(sources, [[*ids, END_ID] for ids in targets], task.tokenizer.vocabulary_size)


def _export_saved_model(task, models, strategy, folder, quantize, dtype, examples, title, shortlist):
    models = [_with_dtype(task, dtype)] if dtype else models
    translator = Translator(models, task.tokenizer, task.settings.max_length, shortlist)
    weights = StoredWeights(models, quantize, "bfloat16" if dtype == "bfloat16" else None)
    module = tf.Module()
    module.tokenizer, module.weights = task.tokenizer, weights.module
    functions = signatures(translator, strategy, task.settings.beam_size, weights)
    requests = [(name, inputs_for(name, texts)) for name in functions for texts in (examples[:1], examples)]

    def compare(answers):
        is_exact = not quantize and _computes_in_float32(task.model, *models)
        found, whole = _texts_and_scores(answers["serving_default"]), _expected(task, examples)
        if shortlist is None:
            return check_parity(found, whole, is_exact)
        texts, scores = translator.translate(as_tensor(examples), strategy)
        told = check_parity(found, _texts_and_scores({"text": texts[:, 0], "score": scores[:, 0]}), is_exact)
        same = sum(text == other for text, other in zip(found[0], whole[0], strict=True))
        return f"With the shortlist: {told} With all tokens the task gives {same} of them too."

    return export_task(
        module,
        functions,
        folder,
        requests,
        compare,
        title,
        _facts(task),
        loading=_without_graph_optimization,  # which would take longer than the answers
    )


def _write_ctranslate2(task, folder, quantize, dtype, examples):
    if task.tokenizer.kind != "subword":
        raise ExportError(
            "The script beside a CTranslate2 model reads text with SentencePiece: train with tokenizer=unigram or bpe, "
            f"or export a SavedModel. Received: tokenizer={task.tokenizer.kind!r}"
        )
    vocabulary = task.tokenizer.pieces(range(task.tokenizer.vocabulary_size))
    quantization = "_".join(filter(None, (quantize, dtype if dtype == "bfloat16" else None))) or None
    write_ctranslate2(task.model, folder, vocabulary, quantization)
    task.tokenizer.save(folder)
    settings = task.settings
    write_translate_script(folder, settings.beam_size, settings.length_penalty, settings.max_length)
    answers = runpy.run_path(str(folder / "translate.py"))["translate"](examples)
    return check_parity(tuple(zip(*answers, strict=True)), _expected(task, examples), exact=False)


def _write_core(task, folder, format, examples):
    """Writes encoder and decoder, and compares what they say at the end of the task's answers."""
    model = _with_dtype(task, "float32", longest=511)  # for longer texts its graph holds another attention too
    write, logits = {"onnx": (write_onnx, onnx_logits), "litert": (write_litert, litert_logits)}[format]
    write(model, folder)
    translator, pairs = Translator(model, task.tokenizer, task.settings.max_length), []
    for text, answer in zip(examples, task.predict(examples), strict=True):
        source, target = (translator.source_ids(tf.constant([x])).numpy() for x in (text, answer))
        pairs.append((source, np.concatenate([[[START_ID]], target[:, :-1]], axis=1).astype("int32")))
    expected = [model({"source": source, "target": target}).numpy()[0, -1] for source, target in pairs]
    return check_numbers(logits(folder, pairs), expected)


_CORE = "Ids in, logits out: call the encoder once and the decoder with one more id each time. The vocabulary is in "
_USES = {
    "ctranslate2": "`python translate.py < INPUT > OUTPUT`; it needs `ctranslate2` and `sentencepiece` alone.",
    "onnx": f"{_CORE}`tokenizer.json` and the files beside it. It needs `onnxruntime` alone.",
    "litert": f"{_CORE}`tokenizer.json` and the files beside it. Signatures `encode` and `decode`.",
}


def _with_dtype(task, dtype, longest=None):
    """The task's model, or a copy of it, that computes in a dtype, and for shorter texts alone."""
    max_length = min(task.settings.max_length, longest or task.settings.max_length)
    if (dtype == "float32") == _computes_in_float32(task.model) and max_length == task.settings.max_length:
        return task.model
    settings = dataclasses.replace(task.settings, precision=_POLICIES[dtype], max_length=max_length)
    model = new_model(settings, task.tokenizer.vocabulary_size)
    model.set_weights(task.model.get_weights())
    return model


@contextlib.contextmanager
def _without_graph_optimization():
    before = tf.config.optimizer.get_experimental_options()
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
    try:
        yield
    finally:
        tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": False, **before})


def _check_options(format, quantize, dtype, num_models, shortlist):
    choices = {"format": (format, tuple(MAIN_FILES)), "quantize": (quantize, (None, "int8"))}
    choices["dtype"] = (dtype, (None, *_POLICIES))
    for name, (value, known) in choices.items():
        if value not in known:
            raise ValueError(f"`{name}` must be one of {', '.join(map(str, known))}. Received: {name}={value!r}")
    if format in ("onnx", "litert") and (quantize or dtype):
        raise ValueError(
            f"The format {format} is written in float32: leave `quantize` and `dtype` out. "
            f"Received: quantize={quantize!r}, dtype={dtype!r}"
        )
    if shortlist is not None and format != "savedmodel":
        raise ValueError(
            "A shortlist belongs to the search, which a SavedModel alone holds: leave `shortlist` out, or `format`. "
            f"Received: format={format!r}, a shortlist of {len(shortlist.sources)} pairs"
        )
    if num_models > 1 and (format != "savedmodel" or dtype):
        raise ValueError(
            "An ensemble is exported as a SavedModel that computes as it was trained: leave `format` and `dtype` out. "
            f"Received: format={format!r}, dtype={dtype!r}, an ensemble of {num_models}"
        )


def _expected(task, examples):
    answers = [best for (best,) in task.nbest(examples, 1)]
    return [answer.text for answer in answers], [answer.score for answer in answers]


def _texts_and_scores(answer):
    return [text.decode("utf-8") for text in answer["text"].numpy()], answer["score"].numpy().tolist()


def _computes_in_float32(*models):
    """Whether answers are the same to the last word: sums of bfloat16 depend on the batch that they stand in."""
    return {layer.compute_dtype for model in models for layer in model.layers if layer.weights} == {"float32"}


def _facts(task):
    """What the model card says of every format."""
    longest = task.settings.max_length
    data = {
        "training pairs": "pairs",
        "validation pairs": "validation_pairs",
        "fingerprint of the training pairs": "data",
    }
    limits = [
        f"Texts longer than {longest - 1} tokens are cut; a translation has at most twice the tokens of its source and "
        f"ten more, and at most {longest}.",
        "What the vocabulary lacks is read as unknown, and appears as U+FFFD. Every text gets an answer, be it in "
        "another language or no text at all; a low score says that it is a guess.",
        "It knows what its training pairs hold, with their errors and biases. Measure it on texts of your own.",
    ]
    return card_facts(task, data, limits)
