"""What the commands of all tasks on texts do alike."""

import itertools
import json
import sys

from keras_attn.commands import terminal
from keras_attn.data import read_lines
from keras_attn.tasks.task import check_explained

_CHUNK = 256  # texts read, answered and printed at a time


def print_answers(options, texts, answer):
    """Prints what is answered to each text as soon as it is known, with a bar where the answers go elsewhere.

    Args:
        options: What the parser of `predict` gave.
        texts: List of texts; of standard input an iterator.
        answer: Called with a list of texts; gives for each what is to be printed.
    """
    is_standard_input = options.file == "-"
    total = None if is_standard_input else len(texts)
    chunk = 1 if is_standard_input and sys.stdin.isatty() else _CHUNK  # who types a line wants its answer
    texts, done = iter(texts), 0
    with terminal.progress_bar(total, show=not sys.stdout.isatty()) as advance:
        while part := list(itertools.islice(texts, chunk)):
            print(*answer(part), sep="\n")
            sys.stdout.flush()
            done += len(part)
            advance(done)


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
