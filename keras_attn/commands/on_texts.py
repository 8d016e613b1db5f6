"""What the commands of all tasks on texts do alike."""

import json

from keras_attn.commands import terminal
from keras_attn.data import read_lines
from keras_attn.tasks.task import check_explained


def explain(options):
    """Runs `explain` with a task on texts.

    Args:
        options: What the parser gave.

    Raises:
        ValueError: If there is no text.
    """
    text = text_of(options)
    task = terminal.load_run(options.run)
    answer = task.predict([text])[0]
    print(answer if isinstance(answer, str) else json.dumps(answer, ensure_ascii=False))
    print(*task.explain(text).plot_all(options.out), sep="\n")


def text_of(options):
    """Gives the text to explain.

    Args:
        options: What the parser gave.

    Returns:
        The text.

    Raises:
        ValueError: If there is none, or it is empty.
    """
    if options.text is None or options.data is not None:
        raise ValueError(f"Give one text to explain, by --text. Received: --text {options.text} --data {options.data}")
    check_explained(options.text)  # before TensorFlow is imported
    return options.text


def export(options):
    """Runs `export` with a task on texts.

    Args:
        options: What the parser gave.
    """
    examples = read_lines(options.examples) if options.examples else None
    how = {name: getattr(options, name) for name in options.task_flags if hasattr(options, name)}
    print(terminal.load_run(options.run).export(options.folder, examples=examples, **how))
