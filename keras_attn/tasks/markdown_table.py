"""Tables of reports."""

import re


def markdown_table(rows, floats=".2f"):
    """Writes a table.

    Args:
        rows: List of dicts; the first one's keys are the columns, and what another one lacks stays empty.
        floats: Format of floats.

    Returns:
        Markdown.

    Example:
        >>> from keras_attn.tasks.markdown_table import markdown_table
        >>> print(markdown_table([{"class": "a|b", "f1": 80.0}]))
        | class | f1 |
        | --- | --- |
        | a\\|b | 80.00 |
    """
    columns = list(rows[0])
    cells = [[_cell(row.get(name, ""), floats) for name in columns] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in [columns, ["---"] * len(columns), *cells])


def _cell(value, floats):
    """Text in one line, its bars escaped where they are not yet."""
    text = format(value, floats) if isinstance(value, float) else str(value)
    return re.sub(r"(?<!\\)\|", r"\\|", " ".join(text.split()))
