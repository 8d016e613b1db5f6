"""Whether what was exported, loaded again, answers as the task does."""

import numpy as np

from keras_attn.export.versions import ExportError


def check_parity(answers, expected, exact=True):
    """Compares the answers of an exported model with those of the task.

    Where the numbers are meant to be the same, so must be the texts. Where fewer bits or another engine round in their
    own way, one word can turn a sentence: there the scores must be near, which they are not if anything is wrong.

    Args:
        answers: Texts and scores of the export, two lists.
        expected: Those of the task.
        exact: Whether the numbers are meant to be the same.

    Returns:
        What was found, a sentence for the model card.

    Raises:
        ExportError: If they differ; the message shows the first difference.

    Example:
        >>> from keras_attn.export.parity import check_parity
        >>> check_parity((["a", "b"], [-1.0, -2.0]), (["a", "b"], [-1.0, -2.0]))
        '2 of 2 answers are those of the task; their scores differ by 0.0000 on average.'
    """
    (texts, scores), (expected_texts, expected_scores) = answers, expected
    equal = [text == other for text, other in zip(texts, expected_texts, strict=True)]
    difference = np.abs(np.subtract(scores, expected_scores))
    size = np.abs(expected_scores)
    same = all(equal) and np.all(difference <= 1e-3 * (1 + size))
    if not (same if exact else np.mean(difference) <= 0.1 * np.mean(size) + 0.02):
        worst = equal.index(False) if exact and not all(equal) else int(np.argmax(difference))
        raise ExportError(
            "The exported model, loaded again, does not answer as the task does, and was not put in place; this should "
            f"not happen, please report it. Received: {texts[worst]!r} (score {scores[worst]:.4f}) in place of "
            f"{expected_texts[worst]!r} ({expected_scores[worst]:.4f})"
        )
    return (
        f"{sum(equal)} of {len(equal)} answers are those of the task; their scores differ by {np.mean(difference):.4f} "
        "on average."
    )


def check_numbers(found, expected, what="logits", of="texts"):
    """Compares numbers that are meant to be the same, such as logits.

    Args:
        found: Array of the export's.
        expected: Array of the task's.
        what: What the numbers are, in the plural.
        of: What there is one row of, in the plural.

    Returns:
        What was found, a sentence for the model card.

    Raises:
        ExportError: If any differ by more than 1e-4, or that share of the largest.
    """
    difference = float(np.max(np.abs(np.subtract(found, expected))))
    if not difference <= 1e-4 * max(1.0, float(np.max(np.abs(expected)))):
        raise ExportError(
            "The exported model, loaded again, does not give the task's numbers, and was not put in place; this should "
            f"not happen, please report it. Received: a difference of {difference:.2e}"
        )
    return f"The {what} of {len(found)} {of} differ from the task's by {difference:.1e} at most."
