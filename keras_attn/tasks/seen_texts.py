"""What tasks on labelled texts tell of their data: what is left out, what repeats, what the training has seen."""

import numpy as np

from keras_attn.tasks.task import say

_KEYS_FILE = "training_texts.npy"


def data_notes(data, validation, known, unknown, names="labels"):
    """Tells what there is to know of the data before a training.

    Args:
        data: `LabelledText` or `TaggedText` to learn from.
        validation: The like, as it was read.
        known: What is left of it: the texts whose labels the training has.
        unknown: Dict of label that it has not -> count.
        names: What the labels are called.

    Returns:
        List of sentences; the first one gives the sizes.
    """
    noun = data.noun
    notes = [f"{len(data)} training {noun}s, {len(known)} validation {noun}s."]
    if unknown:
        notes.append(
            f"{len(validation) - len(known)} validation {noun}s left out, for {names} that no training {noun} has: "
            f"{counted(unknown)}."
        )
    shared, _ = known.count_duplicates(data.text_keys())
    _, repeated = data.count_duplicates()
    if shared or repeated:
        notes.append(f"{shared} validation {noun}s are in the training too; {repeated} training {noun}s repeat others.")
    for part, purpose in ((data, "training"), (validation, "validation")):
        if part.skipped:
            notes.append(f"{len(part.skipped)} {purpose} rows left out, the first: {part.skipped[0]}.")
    return notes


def known_of_test(labels, data, run, names="labels"):
    """Leaves out of a test what the training could not learn, and says so; and what the training has seen.

    Args:
        labels: The training's `Labels` or `TagSet`.
        data: `LabelledText` or `TaggedText`.
        run: The training's `RunFolder`, or None where there is none.
        names: What the labels are called.

    Returns:
        The texts whose labels are all known, and a dict of counts: left_out, in_training (texts that the training had)
        and repeated (texts that repeat another one of the test).

    Raises:
        ValueError: If no text is left.
    """
    known, unknown = labels.known(data)
    counts = {"left_out": len(data) - len(known)}
    counts["in_training"], counts["repeated"] = known.count_duplicates(training_keys(run))
    if unknown:
        say(f"{counts['left_out']} test {data.noun}s left out, for unknown {names}: {counted(unknown)}.")
    if counts["in_training"]:
        say(f"{counts['in_training']} of {len(known)} test {data.noun}s were in the training.")
    return known, counts


def save_training_keys(folder, keys):
    """Keeps by which numbers the texts of a training are known again.

    Args:
        folder: Path of the run folder.
        keys: From `text_keys` of the data.
    """
    np.save(folder / _KEYS_FILE, np.array(keys, "uint64"))


def training_keys(run):
    """Reads by which numbers the texts of a run's training are known again.

    Args:
        run: The `RunFolder`, or None.

    Returns:
        List of whole numbers; empty where they were not kept.
    """
    path = run and run.path / _KEYS_FILE
    return np.load(path).tolist() if path and path.exists() else []


def counted(counts):
    """Names labels with their counts, the first five.

    Args:
        counts: Dict of label -> count.

    Returns:
        Text.

    Example:
        >>> from keras_attn.tasks.seen_texts import counted
        >>> counted({"spam": 3})
        "'spam' (3)"
    """
    more = f" and {len(counts) - 5} more" if len(counts) > 5 else ""
    return ", ".join(f"{name!r} ({count})" for name, count in list(counts.items())[:5]) + more
