"""What commands read from a terminal and write to it."""

import contextlib
import os
import re
import sys
import tempfile
import time
import warnings
from pathlib import Path

from keras_attn.tasks import find_task, load_task
from keras_attn.training import RunFolder

# TensorFlow's C++ side writes these before it obeys TF_CPP_MIN_LOG_LEVEL.
_IMPORT_NOISE = re.compile(rb"WARNING: All log messages before absl::|[IW]\d{4} \S+ +\d+ (cuda\w*|port)\.cc:")


def load_run(run, *others):
    """Loads a trained task, and TensorFlow with it.

    Args:
        run: Its run folder.
        *others: Further run folders, which answer together with it.

    Returns:
        The task.

    Raises:
        FileNotFoundError: If a folder holds no run.
        ValueError: If one is of another task than the first.
        CheckpointError: If one has no checkpoint.
    """
    task = RunFolder(run).config()["task"]
    for folder in (run, *others):  # before TensorFlow is imported
        RunFolder(folder).config(task)
        RunFolder(folder).check_checkpoint("best")
    with quiet_import():
        if others:
            return find_task(task).load_class().ensemble([run, *others])
        return load_task(run)


@contextlib.contextmanager
def progress_bar(total, show=True, unit="texts"):
    """Shows a bar where standard error is a terminal.

    Args:
        total: Number of texts or what else is counted, or None.
        show: Whether to show it.
        unit: What is counted.

    Yields:
        The function to call with the number done.
    """
    from rich import progress
    from rich.console import Console

    columns = (
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TextColumn(f"{{task.fields[rate]:.3g}} {unit}/s"),
        progress.TimeElapsedColumn(),
        progress.TextColumn("left"),
        progress.TimeRemainingColumn(),
    )
    console, start = Console(stderr=True), time.monotonic()
    hidden = not (show and console.is_terminal)
    # The answers must not go the bar's way, to standard error: no redirection.
    with progress.Progress(*columns, console=console, transient=True, disable=hidden, redirect_stdout=False) as bars:
        bar = bars.add_task("", total=total, rate=0.0)
        yield lambda done: bars.update(bar, completed=done, rate=done / (time.monotonic() - start))


def print_table(title, columns, rows):
    """Prints a table that fits the terminal.

    Args:
        title: Its title.
        columns: Names of the columns.
        rows: List of lists of texts.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, box=box.SIMPLE, title_justify="left")
    for column in columns:
        table.add_column(column, overflow="fold", no_wrap=column == columns[0])
    for row in rows:
        table.add_row(*row)
    Console(highlight=False, markup=False, emoji=False).print(table)


def standard_input():
    """Reads standard input line by line.

    Yields:
        Texts without line ends.

    Raises:
        ValueError: If a line is not UTF-8.
    """
    for number, line in enumerate(sys.stdin.buffer, start=1):
        try:
            text = line.decode("utf-8")
        except UnicodeDecodeError as error:
            start = line[error.start : error.start + 4]
            raise ValueError(
                f"standard input:{number}: not valid UTF-8; convert it first. Received: bytes={start!r}"
            ) from None
        yield (text.removeprefix("\ufeff") if number == 1 else text).removesuffix("\n").removesuffix("\r")


def check_is_file(path):
    """Raises a FileNotFoundError if a file is missing.

    Args:
        path: Its path.

    Raises:
        FileNotFoundError: If there is no such file.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path}: no such file. Check the path. Received: path={path}")


def check_is_no_file(folder):
    """Raises a FileExistsError if a folder's name is a file's.

    Args:
        folder: The name.

    Raises:
        FileExistsError: If it is a file.
    """
    if Path(folder).is_file():
        raise FileExistsError(f"{folder} is a file; give the name of a folder. Received: folder={folder!r}")


def say(*lines):
    """Writes to standard error what is said beside the answers.

    Args:
        *lines: Lines of text.
    """
    print(*lines, sep="\n", file=sys.stderr)


@contextlib.contextmanager
def short_warnings():
    """Writes warnings as one line each.

    Yields:
        None
    """

    def show(message, *_, **__):
        say(f"keras-attn: warning: {message}")

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield


@contextlib.contextmanager
def quiet_import():
    """Keeps back, of what is written to standard error, the lines by which TensorFlow announces that it starts.

    Yields:
        None
    """
    sys.stderr.flush()
    standard_error = os.dup(2)
    with tempfile.TemporaryFile() as written:
        os.dup2(written.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(standard_error, 2)
            os.close(standard_error)
            written.seek(0)
            for line in written:
                if not _IMPORT_NOISE.match(line):
                    os.write(2, line)
