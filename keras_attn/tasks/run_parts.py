"""What a task keeps in its run folder as JSON."""

import json
from pathlib import Path

from keras_attn.training.run_folder import replace_text


def write_part(folder, name, values):
    """Writes a file of a run folder.

    Args:
        folder: The run folder.
        name: Name of the file.
        values: Plain values.
    """
    replace_text(Path(folder) / name, json.dumps(values, ensure_ascii=False, indent=1))


def read_part(folder, name, make):
    """Reads what `write_part` wrote.

    Args:
        folder: The run folder.
        name: Name of the file.
        make: Called with the plain values.

    Returns:
        What `make` returns.

    Raises:
        ValueError: If the file is missing or damaged, or `make` cannot use what it holds.
    """
    path = Path(folder) / name
    try:
        return make(json.loads(path.read_text("utf-8")))
    except (AttributeError, KeyError, OSError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path} is missing or damaged ({error}); copy the whole run folder anew. Received: run={str(folder)!r}"
        ) from None
