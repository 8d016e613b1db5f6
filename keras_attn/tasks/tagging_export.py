"""How a trained tagger is put on disk for TF Serving, and what it can be asked there."""

import tensorflow as tf

from keras_attn.export import check_parity
from keras_attn.tasks.card_facts import card_facts
from keras_attn.tasks.tagger import padded_table
from keras_attn.tasks.task_export import export_task
from keras_attn.tasks.texts import made_up_texts


def export_tagging(task, tagger, folder, examples=None):
    """Writes a trained tagging task as the next version in a model's folder.

    Args:
        task: A trained `Tagging`.
        tagger: Its `Tagger`.
        folder: The model's folder.
        examples: Texts to compare by and to warm up with; when None the run's, or some made of the vocabulary.

    Returns:
        The folder of the new version.

    Raises:
        ExportError: If it cannot be written, or does not answer as the task does.
    """
    examples = list(examples or (task.run and task.run.examples()) or made_up_texts(task.tokenizer))[:64]
    functions = signatures(tagger, task.tag_set)
    requests = [(name, {"text": texts}) for name in functions for texts in (examples[:1], examples)]

    def compare(answers):
        expected = task.tag(examples)
        lines = [_line(found.words, found.tags, found.starts, found.label or "") for found in expected]
        return check_parity(_answers_of(answers["serving_default"]), (lines, [found.score for found in expected]))

    return export_task(tagger, functions, folder, requests, compare, "Tagging, savedmodel", _facts(task))


def signatures(tagger, tag_set):
    """Gives the functions that a SavedModel offers; all inputs and outputs have the batch as their first dimension.

    Args:
        tagger: A `Tagger`.
        tag_set: Its `TagSet`.

    Returns:
        Dict of name -> concrete function.
    """
    tags = ["", *tag_set.tags]  # padding is state -1

    def serving_default(text):
        words, starts, ends = tagger.words(text)
        inputs = tagger.inputs(words)
        found = tagger.answers(inputs)
        outputs = {
            "words": padded_table(words, ""),
            "tags": tf.gather(tf.constant(tags), found["states"] + 1),
            "starts": padded_table(starts, -1),
            "ends": padded_table(ends, -1),
            "score": found["score"],
        }
        if tag_set.labels is not None:
            scores = found["label_scores"]
            outputs["label"] = tf.gather(tf.constant(tag_set.labels), tf.argmax(scores, axis=1))
            outputs["label_score"] = tf.reduce_max(scores, axis=1)
        return outputs

    def explain(text):
        words = tagger.words(text)[0]
        inputs = tagger.inputs(words)
        attention = tf.reduce_mean(tagger.attention(inputs), axis=1)  # [B, W, W]
        return {"words": padded_table(words, ""), "attention": attention}

    text = tf.TensorSpec([None], tf.string, "text")
    return {
        call.__name__: tf.function(call, input_signature=[text], autograph=False).get_concrete_function()
        for call in (serving_default, explain)
    }


def _answers_of(outputs):
    """A line for each text, and its score."""
    rows = zip(*(outputs[name].numpy().tolist() for name in ("words", "tags", "starts")), strict=True)
    labels = outputs["label"].numpy().tolist() if "label" in outputs else None
    lines = []
    for place, (words, tags, starts) in enumerate(rows):
        count = sum(start >= 0 for start in starts)
        label = labels[place].decode() if labels else ""
        texts = ([part.decode() for part in parts[:count]] for parts in (words, tags))
        lines.append(_line(*texts, starts[:count], label))
    return lines, outputs["score"].numpy().tolist()


def _line(words, tags, starts, label):
    return " ".join([*(f"{word}/{tag}/{start}" for word, tag, start in zip(words, tags, starts, strict=True)), label])


def _facts(task):
    """What the model card says beside the signatures."""
    data = {
        "training sentences": "texts",
        "validation sentences": "validation_texts",
        "fingerprint of the training sentences": "data",
    }
    limits = [
        f"Words behind the first {task.settings.max_length} are left out.",
        "Padding: words and tags are empty, starts and ends -1. These count characters, not bytes; a byte that is no "
        "UTF-8 is one.",
        f"Words are split by the rule `{task.settings.word_rule}`. `score` is the probability of all of a text's tags.",
        "It knows what its training texts hold, with their errors and biases. Measure it on texts of your own.",
    ]
    labels = {} if task.tag_set.labels is None else {"Labels": ", ".join(task.tag_set.labels)}
    return {"Types of entities": ", ".join(task.tag_set.types), **labels, **card_facts(task, data, limits)}
