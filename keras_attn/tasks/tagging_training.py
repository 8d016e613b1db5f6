"""How a tagging task learns: its data looked through, its batches, its baselines."""

import numpy as np

from keras_attn.data import TaggedBatches
from keras_attn.tasks.classification_baseline import KINDS, NgramBaseline
from keras_attn.tasks.seen_texts import data_notes, save_training_keys
from keras_attn.tasks.tagger import tokenized
from keras_attn.tasks.tagging_baseline import BASELINES
from keras_attn.tasks.tagging_labels import TagSet
from keras_attn.tasks.tagging_model import build_model
from keras_attn.text import train_tokenizer

_LABEL_BASELINE = "label_baseline"


def look_through(data, validation):
    """Finds the types and labels, and what there is to say of the data.

    Args:
        data: `TaggedText` to learn from.
        validation: `TaggedText` to choose by.

    Returns:
        The `TagSet`, the validation's sentences whose types and labels are known, and a list of sentences.

    Raises:
        ValueError: If there is nothing to find or to tell apart, or no validation sentence is left.
    """
    tag_set = TagSet.of(data)
    known, unknown = tag_set.known(validation)
    notes = data_notes(data, validation, known, unknown, "types or labels")
    for part, purpose in ((data, "training"), (validation, "validation")):
        if part.repairs:
            notes.append(
                f"{part.repairs} {purpose} tags went on with an entity that was not there; each begins one now."
            )
    return tag_set, known, notes


def begin(task, training, data, validation):
    """Makes a task's tokenizer, batches and model, and starts its run.

    Args:
        task: A `Tagging` whose types and labels are known.
        training: Its `TrainingRun`, entered.
        data: `TaggedText` to learn from.
        validation: `TaggedText` to choose by.

    Returns:
        The training's `TaggedBatches`.
    """
    settings = task.settings
    size = None if settings.tokenizer == "character" else settings.vocabulary_size
    task.tokenizer = training.tokenizer(
        lambda: train_tokenizer(settings.tokenizer, data.texts(), size, settings.lowercase, or_fewer=True)
    )
    batches = make_batches(task, data, shuffle=True)
    total_steps = settings.epochs * len(batches)
    with training.scope():
        task.use(build_model(settings, task.tokenizer.vocabulary_size, task.tag_set, total_steps))
    training.start(validation.texts()[:16])
    task.tag_set.save(training.folder.path)
    save_training_keys(training.folder.path, data.text_keys())
    return batches


def make_batches(task, data, shuffle):
    """Makes batches of sentences.

    Args:
        task: A `Tagging` with tokenizer, types and labels.
        data: `TaggedText`.
        shuffle: Whether to mix them.

    Returns:
        `TaggedBatches`.
    """
    settings = task.settings
    return TaggedBatches(
        tokenized(data.words, task.tokenizer),
        task.tag_set.tag_ids(data),
        task.tag_set.label_ids(data),
        batch_size=settings.batch_size,
        max_length=settings.max_length,
        shuffle=shuffle,
        seed=settings.seed,
    )


def train_baselines(task, data, validation):
    """Trains the baselines.

    Args:
        task: A `Tagging` whose types and labels are known.
        data: `TaggedText` to learn from.
        validation: `TaggedText`, by which the better of two is chosen for the labels.

    Returns:
        List of baselines of the tags, and the `NgramBaseline` of the labels or None.
    """
    baselines = [kind.train(data) for kind in BASELINES]
    if task.tag_set.labels is None:
        return baselines, None
    targets = {"label": np.eye(len(task.tag_set.labels))[task.tag_set.label_ids(data)]}
    candidates = [NgramBaseline.train(kind, data.texts(), targets) for kind in KINDS]
    candidates = [found for found in candidates if found is not None]
    return baselines, max(candidates, key=lambda found: label_accuracy(found, task.tag_set, validation), default=None)


def label_accuracy(baseline, tag_set, data):
    """Measures the baseline of the labels.

    Args:
        baseline: `NgramBaseline`.
        tag_set: `TagSet`.
        data: `TaggedText` whose labels are known.

    Returns:
        Accuracy from 0 to 100.
    """
    answers = baseline.scores(data.texts())["label"].argmax(axis=1)
    return 100.0 * float(np.mean(answers == np.array(tag_set.label_ids(data))))


def save_baselines(folder, baselines, label_baseline):
    """Writes the baselines into a run folder.

    Args:
        folder: Path of the folder.
        baselines: List of baselines of the tags.
        label_baseline: `NgramBaseline` or None.
    """
    for baseline in baselines:
        baseline.save(folder)
    if label_baseline is not None:
        (folder / _LABEL_BASELINE).mkdir(exist_ok=True)
        label_baseline.save(folder / _LABEL_BASELINE)


def load_baselines(folder):
    """Reads what `save_baselines` wrote.

    Args:
        folder: Path of the folder.

    Returns:
        List of baselines of the tags, and the `NgramBaseline` of the labels or None.
    """
    found = [kind.load(folder) for kind in BASELINES]
    return [baseline for baseline in found if baseline is not None], NgramBaseline.load(folder / _LABEL_BASELINE)
