"""How a trained classifier is put on disk for TF Serving, and what it can be asked there."""

import re

import numpy as np
import tensorflow as tf

from keras_attn.export import check_parity
from keras_attn.tasks.card_facts import card_facts
from keras_attn.tasks.task_export import export_task
from keras_attn.tasks.texts import made_up_texts


def export_classification(task, classifier, folder, examples=None):
    """Writes a trained classification task as the next version in a model's folder.

    Args:
        task: A trained `Classification`.
        classifier: Its `Classifier`.
        folder: The model's folder.
        examples: Texts to compare by and to warm up with; when None the run's, or some made of the vocabulary.

    Returns:
        The folder of the new version.

    Raises:
        ExportError: If it cannot be written, or does not answer as the task does.
    """
    examples = list(examples or (task.run and task.run.examples()) or made_up_texts(task.tokenizer))[:64]
    functions = signatures(classifier, task.labels, task.calibration)
    requests = [(name, {"text": texts}) for name in functions for texts in (examples[:1], examples)]

    def compare(answers):
        return check_parity(_answers_of(answers["serving_default"], task.labels), _expected(task, examples))

    return export_task(classifier, functions, folder, requests, compare, "Classification, savedmodel", _facts(task))


def signatures(classifier, labels, calibration):
    """Gives the functions that a SavedModel offers; all inputs and outputs have the batch as their first dimension.

    Args:
        classifier: A `Classifier`.
        labels: Its `Labels`.
        calibration: Dict of head -> dict with the key `threshold`.

    Returns:
        Dict of name -> concrete function.
    """
    tokenizer = classifier.tokenizer
    pieces = tokenizer.pieces(range(tokenizer.vocabulary_size))
    endings = output_endings(labels)

    def serving_default(text):
        outputs = {}
        for head, scores in classifier.scores(classifier.ids(text)).items():
            threshold, several = calibration[head]["threshold"], head in labels.multi_label
            found = answer_outputs(scores, labels.classes[head], threshold, several)
            outputs |= {f"{name}{endings[head]}": tensor for name, tensor in found.items()}
        return outputs

    def explain(text):
        ids = classifier.ids(text)
        tokens = tf.where(ids == 0, "", tf.gather(tf.constant(pieces), ids))
        return {"tokens": tokens, "weights": classifier.token_weights(ids)}

    text = tf.TensorSpec([None], tf.string, "text")
    return {
        call.__name__: tf.function(call, input_signature=[text], autograph=False).get_concrete_function()
        for call in (serving_default, explain)
    }


def output_endings(labels):
    """Names the outputs of several heads apart: `label_topic`, `scores_topic`; a single head's have no ending.

    Args:
        labels: `Labels`.

    Returns:
        Dict of head -> what its outputs' names end in.
    """
    if len(labels.heads) == 1:
        return {labels.heads[0]: ""}
    endings = {}
    for number, head in enumerate(labels.heads):
        plain = "_" + re.sub(r"\W", "_", head, flags=re.ASCII)
        endings[head] = plain if plain not in endings.values() else f"{plain}_{number}"
    return endings


def answer_outputs(scores, names, threshold, several):
    """Gives the outputs of one head, of which TF Serving's classify knows `classes` and `scores`.

    Args:
        scores: Probabilities, float32 tensor [B, C].
        names: Names of the classes.
        threshold: Lowest confidence of an answer that is sure.
        several: Whether a row may have several labels.

    Returns:
        Dict of `label`, `score` and `is_confident`, [B], `classes` and `scores`, [B, C].
    """
    classes = tf.tile(tf.constant(names)[None], [tf.shape(scores)[0], 1])
    if several:
        is_chosen = scores >= 0.5
        label = tf.strings.reduce_join(tf.ragged.boolean_mask(classes, is_chosen), axis=1, separator="\t")
        confidence = tf.reduce_min(tf.maximum(scores, 1.0 - scores), axis=1)
    else:
        label = tf.gather(tf.constant(names), tf.argmax(scores, axis=1))
        confidence = tf.reduce_max(scores, axis=1)
    found = {"label": label, "score": confidence, "is_confident": confidence >= threshold}
    return {**found, "classes": classes, "scores": scores}


def _expected(task, examples):
    found = [prediction for row in task.classify(examples) for prediction in row.values()]
    names = [p.label if isinstance(p.label, str) else "\t".join(p.label) for p in found]
    return names, [prediction.confidence for prediction in found]


def _answers_of(outputs, labels):
    """Labels and scores of an answer, text by text and head by head."""
    endings = output_endings(labels).values()
    names = np.stack([outputs[f"label{ending}"].numpy() for ending in endings], axis=1).ravel()
    scores = np.stack([outputs[f"score{ending}"].numpy() for ending in endings], axis=1).ravel()
    return [name.decode("utf-8") for name in names], scores.tolist()


def _facts(task):
    """What the model card says beside the signatures."""
    data = {
        "training texts": "texts",
        "validation texts": "validation_texts",
        "fingerprint of the training texts": "data",
    }
    limits = [
        f"Texts longer than {task.max_length - 1 - task.settings.with_start} tokens are cut.",
        "Every text gets a label, be it about something else or no text at all. `is_confident` is false where the "
        "score is below the threshold found on the validation.",
        "It knows what its training texts hold, with their errors and biases. Measure it on texts of your own.",
    ]
    calibration = {
        f"{head}: {name}": f"{value:.4f}" for head, found in task.calibration.items() for name, value in found.items()
    }
    return {
        "Classes": {head: ", ".join(names) for head, names in task.labels.classes.items()},
        "Calibration, on the validation": calibration,
        **card_facts(task, data, limits),
    }
