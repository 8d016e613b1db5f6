"""How a classification task learns: its data looked through, its training, and what follows on the validation."""

import dataclasses

import numpy as np
from scipy import special

from keras_attn.data import TextBatches
from keras_attn.tasks.classification_baseline import KINDS, NgramBaseline
from keras_attn.tasks.classification_labels import Labels, balanced_weights
from keras_attn.tasks.classification_model import build_model
from keras_attn.tasks.classification_start import start_from_log_odds
from keras_attn.tasks.classifier import token_ids
from keras_attn.tasks.texts import as_tensor
from keras_attn.text import END_ID, train_tokenizer
from keras_attn.training import abstention_threshold, fit_temperature

_AT_ONCE = 1024  # texts tokenized together
_KEYS_FILE = "training_texts.npy"


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
    notes = [f"{len(data.texts)} training texts, {len(known.texts)} validation texts."]
    if unknown:
        notes.append(
            f"{len(validation.texts) - len(known.texts)} validation texts left out, for labels that no training text "
            f"has: {counted(unknown)}."
        )
    shared, _ = known.count_duplicates(data.text_keys())
    _, repeated = data.count_duplicates()
    if shared or repeated:
        notes.append(f"{shared} validation texts are in the training too; {repeated} training texts repeat others.")
    for part, purpose in ((data, "training"), (validation, "validation")):
        if part.skipped:
            notes.append(f"{len(part.skipped)} {purpose} rows left out, the first: {part.skipped[0]}.")
    return labels, known, notes


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
    size = None if settings.tokenizer == "character" else settings.vocabulary_size
    task.tokenizer = training.tokenizer(
        lambda: train_tokenizer(settings.tokenizer, data.texts, size, settings.lowercase, or_fewer=True)
    )
    batches = make_batches(task, data, shuffle=True)
    total_steps = settings.epochs * len(batches)
    with training.scope():
        task.use(build_model(settings, task.tokenizer.vocabulary_size, task.labels, total_steps))
    if settings.start == "log_odds" and not training.resumed:
        start_from_log_odds(task.model, batches)
    training.start(validation.texts[:16])
    if not training.resumed:
        task.labels.save(training.folder.path)
        save_training_keys(training.folder, data.text_keys())
    return batches


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
        found = token_ids(as_tensor(data.texts[start : start + _AT_ONCE]), task.tokenizer, settings.max_length)
        ids += np.split(found.values.numpy(), found.row_splits.numpy()[1:-1])
    return TextBatches(
        ids,
        targets,
        {output: balanced_weights(array) for output, array in targets.items()} if balanced else {},
        batch_size=settings.batch_size,
        max_length=settings.max_length,
        shuffle=shuffle,
        seed=settings.seed,
        end_id=END_ID,
    )


def calibrate(task, validation):
    """Finds each head's temperature, and its threshold for abstaining.

    Args:
        task: A trained `Classification`.
        validation: `LabelledText` that was not trained on.

    Returns:
        Dict of head -> dict of temperature, ece_before and ece (from 0 to 1), threshold, and answered, the share of
        texts above it.
    """
    task.calibration = {}  # whose scores are the model's own
    before, found = task.measured(validation), {}
    for head, measures in before.items():
        several = measures.multi_label
        # Logarithms are logits but for a number that a row shares, which no probability depends on.
        tiny = np.finfo("float32").tiny
        logits = special.logit(measures.scores) if several else np.log(np.maximum(measures.scores, tiny))
        temperature = fit_temperature(logits, _softened(measures.targets, several), several)
        scaled = special.expit(logits / temperature) if several else special.softmax(logits / temperature, axis=1)
        after = dataclasses.replace(measures, scores=scaled)
        threshold, answered = abstention_threshold(after.confidences(), after.is_right(), task.settings.answer_accuracy)
        found[head] = {
            "temperature": temperature,
            "ece_before": measures.calibration_error(),
            "ece": after.calibration_error(),
            "threshold": threshold,
            "answered": answered,
        }
    return found


def _softened(targets, several):
    """Targets that leave a chance of 1 in N + 2 to what did not happen (Platt 1999), lest a perfect validation make the
    classifier certain."""
    count, classes = targets.shape
    share = 1.0 / (count + 2)
    return targets * (1.0 - share) + (1.0 - targets) * share / (1 if several else classes - 1)


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


def save_training_keys(folder, keys):
    """Keeps by which numbers the texts of a training are known again.

    Args:
        folder: The `RunFolder`.
        keys: From `LabelledText.text_keys`.
    """
    np.save(folder.path / _KEYS_FILE, np.array(keys, "uint64"))


def training_keys(folder):
    """Reads by which numbers the texts of a run's training are known again.

    Args:
        folder: The `RunFolder`.

    Returns:
        List of whole numbers; empty where they were not kept.
    """
    path = folder.path / _KEYS_FILE
    return np.load(path).tolist() if path.exists() else []


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


def counted(counts):
    """Names labels with their counts, the first five.

    Args:
        counts: Dict of label -> count.

    Returns:
        Text.

    Example:
        >>> from keras_attn.tasks.classification_training import counted
        >>> counted({"spam": 3})
        "'spam' (3)"
    """
    more = f" and {len(counts) - 5} more" if len(counts) > 5 else ""
    return ", ".join(f"{name!r} ({count})" for name, count in list(counts.items())[:5]) + more
