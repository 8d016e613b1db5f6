"""How a classification task learns: its data looked through, its training, and what follows on the validation."""

import numpy as np

from keras_attn import models
from keras_attn.data import TextBatches
from keras_attn.tasks.classification_baseline import KINDS, NgramBaseline
from keras_attn.tasks.classification_labels import Labels, balanced_weights
from keras_attn.tasks.classification_model import build_model, dtype_of
from keras_attn.tasks.classification_start import start_from_log_odds, start_from_svm
from keras_attn.tasks.classifier import token_ids
from keras_attn.tasks.pretrained import keep_architecture, same_architecture, start_from
from keras_attn.tasks.seen_texts import data_notes, save_training_keys
from keras_attn.tasks.texts import as_tensor
from keras_attn.text import train_tokenizer
from keras_attn.training import GradualUnfreezing

_AT_ONCE = 1024  # texts tokenized together


def look_through(data, validation):
    """Finds the classes, and what there is to say of the data.

    Args:
        data: `LabelledText` to learn from.
        validation: `LabelledText` to choose by.

    Returns:
        The `Labels`, the validation's texts whose labels are known, and a list of sentences.

    Raises:
        ValueError: If there is nothing to tell apart, or no validation text is left.
    """
    labels = Labels.of(data)
    known, unknown = labels.known(validation)
    return labels, known, data_notes(data, validation, known, unknown)


def begin(task, training, data, validation):
    """Makes a task's tokenizer, batches and model, of a new run or as they were saved.

    Args:
        task: A `Classification` whose labels are known.
        training: The `TrainingRun`.
        data: `LabelledText` to learn from.
        validation: `LabelledText` to choose by.

    Returns:
        The training's `TextBatches`.
    """
    settings = task.settings
    if settings.init is None:
        size, encoder = None if settings.tokenizer == "character" else settings.vocabulary_size, None
        task.tokenizer = training.tokenizer(
            lambda: train_tokenizer(settings.tokenizer, data.texts, size, settings.lowercase, or_fewer=True)
        )
    else:
        with training.scope():  # the encoder's weights are a part of the model
            task.tokenizer, encoder, task.max_length = _pretrained(settings, training)
    batches = make_batches(task, data, shuffle=True)
    total_steps = settings.epochs * len(batches)
    with training.scope():
        task.use(build_model(settings, task.tokenizer.vocabulary_size, task.labels, total_steps, encoder))
    if settings.start == "log_odds" and not training.resumed:
        start_from_log_odds(task.model, batches)
    if settings.start == "svm" and not training.resumed:
        start_from_svm(task.model, batches, task.tokenizer.pieces(range(task.tokenizer.vocabulary_size)))
    training.start(validation.texts[:16])
    task.labels.save(training.folder.path)
    save_training_keys(training.folder.path, data.text_keys())
    if encoder is not None:
        keep_architecture(training.folder, encoder)
    return batches


def _pretrained(settings, training):
    """The tokenizer, the encoder and the longest text in tokens of a run that starts from another folder."""
    run, workers = training.folder, training.workers
    if training.resumed and workers.share(lambda: bool(run.checkpoints("last"))):  # which holds the weights
        longest = workers.share(lambda: run.config()["max_length"])
        return training.tokenizer(None), same_architecture(run, workers), longest
    start = start_from(settings.init, settings.dropout, dtype_of(settings))
    if start.is_causal and settings.pooling == "class":
        raise ValueError(
            f"{settings.init} is a causal language model, whose first token sees no other: set pooling=attention or "
            "mean. Received: pooling='class'"
        )
    return start.tokenizer, start.encoder, min(settings.max_length, start.max_length)


def callbacks(task):
    """Gives what a training has beside the usual callbacks.

    Args:
        task: A `Classification` in training.

    Returns:
        List of callbacks.
    """
    epochs = task.settings.unfreeze_epochs
    return [] if epochs is None else [GradualUnfreezing(models.layer_groups(task.model), epochs)]


def validation_figures(task, validation):
    """Measures the model as it is after an epoch.

    Args:
        task: A `Classification` in training.
        validation: `LabelledText` to choose by.

    Returns:
        Dict of accuracy and macro_f1, from 0 to 100.
    """
    found = figures(task.measured(validation))
    return {name: found[name] for name in ("accuracy", "macro_f1")}


def make_batches(task, data, shuffle):
    """Makes batches of texts.

    Args:
        task: A `Classification` with tokenizer and labels.
        data: `LabelledText`.
        shuffle: Whether they are for the training: mixed, and weighted as the settings say.

    Returns:
        `TextBatches`.
    """
    settings, outputs = task.settings, task.labels.outputs()
    targets = {outputs[head]: array for head, array in task.labels.targets(data).items()}
    balanced = shuffle and settings.class_weights == "balanced"
    if balanced and task.labels.multi_label:
        raise ValueError(
            "Classes are balanced where each text has one label: leave `class_weights` off. "
            f"Received: class_weights='balanced', heads of several labels: {', '.join(task.labels.multi_label)}"
        )
    ids = []
    for start in range(0, len(data.texts), _AT_ONCE):
        found = token_ids(as_tensor(data.texts[start : start + _AT_ONCE]), task.tokenizer, task.max_length)
        ids += np.split(found.values.numpy(), found.row_splits.numpy()[1:-1])
    return TextBatches(
        ids,
        targets,
        {output: balanced_weights(array) for output, array in targets.items()} if balanced else {},
        batch_size=settings.batch_size,
        max_length=task.max_length,
        shuffle=shuffle,
        seed=settings.seed,
        start_id=task.tokenizer.start_id if settings.with_start else None,
        end_id=task.tokenizer.end_id,
    )


def train_baseline(task, data, validation):
    """Trains the baselines, and keeps the one that validates best.

    Args:
        task: A `Classification` whose labels are known.
        data: `LabelledText` to learn from.
        validation: `LabelledText` to choose by.

    Returns:
        An `NgramBaseline`, or None where the texts have no n-gram.
    """
    targets, best, most = task.labels.targets(data), None, -1.0
    for kind in KINDS:
        baseline = NgramBaseline.train(kind, data.texts, targets, task.labels.multi_label)
        if baseline is not None:
            accuracy = figures(task.measured(validation, baseline.scores(validation.texts)))["accuracy"]
            best, most = (baseline, accuracy) if accuracy > most else (best, most)
    return best


def figures(results, prefix=""):
    """Gives measures as one dict.

    Args:
        results: Dict of head -> `Measures`.
        prefix: Put before each name.

    Returns:
        Dict of accuracy, macro_f1 and so on; with several heads the mean of each, and each with its head's name before
        it.
    """
    summaries = {head: measures.summary() for head, measures in results.items()}
    found = {}
    for name in dict.fromkeys(name for summary in summaries.values() for name in summary):
        values = [summary[name] for summary in summaries.values() if name in summary]
        found[f"{prefix}{name}"] = sum(values) / len(values)
    if len(results) > 1:
        found |= {f"{head}/{prefix}{name}": value for head, own in summaries.items() for name, value in own.items()}
    return found
