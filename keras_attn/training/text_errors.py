"""How far a text is from the right one."""


def edit_distance(answer, right):
    """Counts the insertions, deletions and replacements that make one sequence into another, as few as can be.

    Args:
        answer: A sequence, such as a text or a list of words.
        right: The one that it should be.

    Returns:
        The number of changes.

    Example:
        >>> from keras_attn.training import edit_distance
        >>> edit_distance("kitten", "sitting")
        3

    Reference:
        Wagner and Fischer 1974, "The String-to-String Correction Problem".
    """
    row = list(range(len(right) + 1))
    for i, symbol in enumerate(answer, start=1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(right, start=1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (symbol != other))
    return row[-1]


def error_rate(answers, rights):
    """Gives the share of symbols that are wrong: all changes over all symbols of the right sequences.

    Args:
        answers: List of sequences.
        rights: List of the right ones.

    Returns:
        The rate, from 0; above 1 where more is written than there should be.

    Example:
        >>> from keras_attn.training import error_rate
        >>> error_rate(["12", "3"], ["13", "34"])
        0.5
    """
    changes = sum(edit_distance(answer, right) for answer, right in zip(answers, rights, strict=True))
    return changes / max(sum(map(len, rights)), 1)
