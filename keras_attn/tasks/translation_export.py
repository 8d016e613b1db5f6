"""How a trained translator is put on disk: its signatures, the formats, and what stands beside the model."""

import dataclasses
import functools
import runpy

import numpy as np
import tensorflow as tf

from keras_attn.export import (
    ExportError,
    StoredWeights,
    check_parity,
    export_saved_model,
    write_ctranslate2,
    write_model_card,
    write_serving_files,
    write_translate_script,
    write_version,
)
from keras_attn.export.versions import MAIN_FILES
from keras_attn.tasks.translation_model import build_model
from keras_attn.tasks.translator import Translator

_POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16"}


def export_translation(task, strategy, folder, format="savedmodel", quantize=None, dtype=None, examples=None):
    """Writes a trained translation task as the next version in a model's folder.

    Args:
        task: A trained `Translation`.
        strategy: The search of a SavedModel, one result a text.
        folder: The model's folder.
        format: One of `export.versions.MAIN_FILES`.
        quantize: "int8" or None.
        dtype: "float32", "bfloat16", or None for that of the training.
        examples: Texts to compare by and to warm up with; when None the run's, or some made of the vocabulary.

    Returns:
        The folder of the new version.

    Raises:
        ValueError: If the format, or what is asked of it, is unknown.
        ExportError: If it cannot be written, or does not answer as the task does.
    """
    _check_options(format, quantize, dtype)
    examples = list(examples or (task.run and task.run.examples()) or _made_up(task.tokenizer))
    model = task.model
    if dtype is not None:
        model = build_model(
            dataclasses.replace(task.settings, precision=_POLICIES[dtype]), task.tokenizer.vocabulary_size
        )
        model.set_weights(task.model.get_weights())
    title = f"{task.name.capitalize()}, {', '.join(filter(None, (format, quantize, dtype)))}"
    if format == "savedmodel":
        return _export_saved_model(task, strategy, model, folder, quantize, dtype, examples, title)

    def write(temporary):
        found = _export_ctranslate2(task, model, temporary, quantize, dtype, examples)
        write_model_card(temporary, title, {"Use": _USES[format], "Compared with the task": found, **_facts(task)})

    return write_version(folder, write, format)


def signatures(translator, strategy, num_results, weights):
    """Gives what a server can be asked.

    Args:
        translator: A `Translator`.
        strategy: The search, one result a row.
        num_results: Results of `nbest`.
        weights: The `export.StoredWeights` of its model.

    Returns:
        Dict of name -> concrete function.
    """
    pieces = translator.tokenizer.pieces(range(translator.tokenizer.vocabulary_size))
    several = dataclasses.replace(strategy, num_results=num_results) if num_results > 1 else strategy

    def function(call):
        @functools.wraps(call)
        def with_stored_weights(*arguments):
            with weights.in_use():
                return call(*arguments)

        text = [tf.TensorSpec([None], tf.string, name="text")]
        return tf.function(with_stored_weights, input_signature=text, autograph=False)

    def names(ids):
        return tf.where(ids == 0, "", tf.gather(tf.constant(pieces), ids))

    @function
    def best(text):  # traced once for two signatures
        source = translator.source_ids(text)
        return source, *translator.search(source, strategy)

    def serving_default(text):
        texts, scores = translator.texts(*best(text))
        return {"text": texts[:, 0], "score": scores[:, 0]}

    def nbest(text):
        texts, scores = translator.translate(text, several)
        return {"texts": texts, "scores": scores}

    def tokenize(text):
        ids = translator.tokenizer.tokenize(text).to_tensor()
        return {"ids": ids, "tokens": names(ids)}

    def explain(text):
        source, target, _ = best(text)
        target = target[:, 0]  # [B, T]
        target = target[:, : tf.reduce_max(tf.math.count_nonzero(target, axis=1, dtype=tf.int32))]
        layers = [tf.reduce_mean(tf.cast(x, tf.float32), 1) for x in translator.cross_attention(source, target)]
        alignment = tf.add_n(layers) / len(layers) * tf.cast(target != 0, tf.float32)[:, :, None]  # [B, T, S]
        return {"source_tokens": names(source), "target_tokens": names(target), "alignment": alignment}

    offered = (serving_default, nbest, tokenize, explain)
    return {call.__name__: function(call).get_concrete_function() for call in offered}


def _export_saved_model(task, strategy, model, folder, quantize, dtype, examples, title):
    translator = Translator(model, task.tokenizer, task.settings.max_length)
    weights = StoredWeights(model, quantize, "bfloat16" if dtype == "bfloat16" else None)
    module = tf.Module()
    module.tokenizer, module.weights = task.tokenizer, weights.module
    functions = signatures(translator, strategy, task.settings.beam_size, weights)
    requests = [(name, {"text": texts}) for name in functions for texts in (examples[:1], examples)]

    def finish(temporary):
        loaded = tf.saved_model.load(str(temporary)).signatures
        answers = [loaded[name](**{key: tf.constant(x) for key, x in inputs.items()}) for name, inputs in requests]
        found = check_parity(_texts_and_scores(answers[1]), _expected(task, examples), _is_exact(task, model, quantize))
        write_serving_files(temporary, requests)
        uses = {f"`{name}`": _describe(function) for name, function in functions.items()}
        write_model_card(temporary, title, {"Signatures": uses, "Compared with the task": found, **_facts(task)})

    return export_saved_model(module, functions, folder, finish)


def _export_ctranslate2(task, model, folder, quantize, dtype, examples):
    if task.tokenizer.kind != "subword":
        raise ExportError(
            "The script beside a CTranslate2 model reads text with SentencePiece: train with tokenizer=unigram or bpe, "
            f"or export a SavedModel. Received: tokenizer={task.tokenizer.kind!r}"
        )
    vocabulary = task.tokenizer.pieces(range(task.tokenizer.vocabulary_size))
    quantization = "_".join(filter(None, (quantize, dtype if dtype == "bfloat16" else None))) or None
    write_ctranslate2(model, folder, vocabulary, quantization)
    task.tokenizer.save(folder)
    settings = task.settings
    write_translate_script(folder, settings.beam_size, settings.length_penalty, settings.max_length)
    answers = runpy.run_path(str(folder / "translate.py"))["translate"](examples)
    return check_parity(tuple(zip(*answers, strict=True)), _expected(task, examples), exact=False)


_USES = {"ctranslate2": "`python translate.py < INPUT > OUTPUT`; it needs `ctranslate2` and `sentencepiece` alone."}


def _check_options(format, quantize, dtype):
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


def _made_up(tokenizer):
    """Texts of random pieces of the vocabulary, for runs that kept none."""
    random = np.random.default_rng(0)
    ids = [random.integers(4, tokenizer.vocabulary_size, length).tolist() for length in range(1, 17)]
    return [text.decode("utf-8") for text in tokenizer.detokenize(tf.ragged.constant(ids)).numpy()]


def _expected(task, examples):
    answers = [best for (best,) in task.nbest(examples, 1)]
    return [answer.text for answer in answers], [answer.score for answer in answers]


def _texts_and_scores(answer):
    return [text.decode("utf-8") for text in answer["text"].numpy()], answer["score"].numpy().tolist()


def _is_exact(task, model, quantize):
    """Whether export and task compute in float32, and so alike: sums of bfloat16 depend on the batch they stand in."""
    dtypes = {layer.compute_dtype for own in (task.model, model) for layer in own.layers if layer.weights}
    return dtypes == {"float32"} and not quantize


def _describe(function):
    def lines(specs):
        return ", ".join(f"`{name}` {spec.dtype.name} {_shape(spec.shape)}" for name, spec in specs)

    inputs = [(spec.name, spec) for spec in function.structured_input_signature[0]]
    return f"{lines(inputs)} -> {lines(sorted(function.structured_outputs.items()))}"


def _shape(shape):
    sizes = ["B", *("-" if size is None else str(size) for size in shape[1:])]
    return f"[{', '.join(sizes)}]"


def _facts(task):
    """What the model card says of every format."""
    settings = task.config()["settings"]
    config, metrics = (task.run.config(), task.run.best_metrics()) if task.run else ({}, {})
    data = {
        "training pairs": config.get("pairs", "not known"),
        "validation pairs": config.get("validation_pairs", "not known"),
        "fingerprint of the training pairs": config.get("data", "not known"),
    }
    limits = [
        f"Texts longer than {settings['max_length'] - 1} tokens are cut; a translation has at most twice the tokens of "
        f"its source and ten more, and at most {settings['max_length']}.",
        "What the vocabulary lacks is read as unknown, and appears as U+FFFD. Every text gets an answer, be it in "
        "another language or no text at all; a low score says that it is a guess.",
        "It knows what its training pairs hold, with their errors and biases. Measure it on texts of your own.",
    ]
    return {
        "Data": data,
        "Measured on the validation, best epoch": metrics or "not known: no run folder with its metrics was at hand",
        "Size": {"weights": f"{task.model.count_params():,}", "vocabulary": f"{task.tokenizer.vocabulary_size:,}"},
        "Limits": limits,
        "Settings": {"preset": task.preset, **settings},
    }
