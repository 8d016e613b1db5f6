"""The package's main job on data of its own: a small Transformer learns to read dates as people write them."""

import collections
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from keras_attn.data import ParallelText, date_pairs
from keras_attn.tasks import Translation
from keras_attn.training import RunFolder

TRAIN_PAIRS, VALIDATION_PAIRS, TEST_PAIRS = 200_000, 500, 2_000
ASKED = ("[en_US] 5 March 2021", "12 июня 1987 г.", "[ja_JP] 2030年1月31日(木)")

# What anybody can run: the exported model, and a Python that has TensorFlow and tensorflow-text.
CLIENT = """
import sys
import tensorflow as tf, tensorflow_text
answer = tf.saved_model.load(sys.argv[1]).signatures["serving_default"](text=tf.constant(sys.argv[2:]))
print("\\n".join(text.decode() for text in answer["text"].numpy()))
"""


def run_demo(out="runs/dates", saved_models="saved_models", max_minutes=3.2, as_json=False):
    """Trains, measures, explains, exports and serves the date reader.

    Args:
        out: Run folder; a demo's earlier run in it is replaced.
        saved_models: Folder of exported models; the next version of `dates` is written there.
        max_minutes: Minutes of training.
        as_json: Whether to end with one line of JSON on standard output, all else going to standard error.

    Returns:
        Unseen test dates read exactly right, in percent.

    Raises:
        FileExistsError: If `out` holds something that is no run of the demo.
    """
    console = Console(stderr=as_json, highlight=False)
    started = time.monotonic()
    _clear(Path(out))
    console.print(f"Writing {TRAIN_PAIRS:,} dates as people in many countries write them ...")
    train, validation = _parallel_text(TRAIN_PAIRS, "train"), _parallel_text(VALIDATION_PAIRS, "validation")
    task = Translation("dates")
    task.fit(train, validation, run=out, max_minutes=max_minutes, command="keras-attn demo")

    pairs = date_pairs(TEST_PAIRS, seed=0, split="test")
    answers = task.predict([pair.text for pair in pairs])
    exact_match = _show_results(console, pairs, answers)

    picture = Path(out) / "attention.png"
    task.explain("[en_US] Friday, March 5, 2021").plot(picture)
    console.print(f"Where the model looked while it read a date: {picture}")

    version = task.export(Path(saved_models) / "dates")
    console.print(f"Exported to {version}. A fresh process with nothing but TensorFlow and tensorflow-text answers:")
    for text, answer in zip(ASKED, ask_exported(version, ASKED), strict=True):
        console.print(f"  {text}  ->  {answer}", markup=False)
    console.print(f"Done in {(time.monotonic() - started) / 60:.1f} minutes; the report is {Path(out) / 'report.md'}.")
    if as_json:
        print(json.dumps({"exact_match": exact_match}))
    return exact_match


def ask_exported(version, texts):
    """Asks an exported model in a process that knows nothing of keras_attn.

    Args:
        version: Folder of the exported version.
        texts: List of texts.

    Returns:
        List of answers.

    Raises:
        RuntimeError: If that process fails; the message holds what it wrote to standard error.
    """
    command = [sys.executable, "-c", CLIENT, str(version), *texts]
    result = subprocess.run(command, capture_output=True, text=True, encoding="utf-8")
    if result.returncode:
        raise RuntimeError(f"The exported model {version} could not be used:\n{result.stderr}")
    return result.stdout.splitlines()


def _parallel_text(count, split):
    pairs = date_pairs(count, seed=0, split=split)
    return ParallelText([pair.text for pair in pairs], [pair.iso for pair in pairs])


def _clear(out):
    """Removes the run of an earlier demo, known by its preset and sizes; anything else stays and is refused."""
    folder = RunFolder(out)
    if folder.holds_run():
        config = folder.config()
        found = tuple(config.get(name) for name in ("preset", "pairs", "validation_pairs"))
        if found == ("dates", TRAIN_PAIRS, VALIDATION_PAIRS):
            with folder.lock():  # not while it still trains
                shutil.rmtree(out)
    folder.check_free()


def _show_results(console, pairs, answers):
    right, total = collections.Counter(), collections.Counter()
    for pair, answer in zip(pairs, answers, strict=True):
        total[pair.locale] += 1
        right[pair.locale] += answer == pair.iso
    table = Table("locale", "right", "of", "%", title="Exact match on unseen dates")
    for locale in sorted(total):
        table.add_row(locale, str(right[locale]), str(total[locale]), f"{100 * right[locale] / total[locale]:.1f}")
    console.print(table)

    read = list(zip(pairs, answers, strict=True))
    for title, wanted in (("Read right:", True), ("Read wrong:", False)):
        shown = [(pair, answer) for pair, answer in read if (answer == pair.iso) is wanted][:6]
        console.print(title if shown else f"{title} none")
        for pair, answer in shown:
            hint = "" if wanted else f"  (right: {pair.iso})"
            console.print(f"  {pair.text.strip()}  ->  {answer}{hint}", markup=False)
    exact_match = 100 * sum(right.values()) / len(pairs)
    console.print(f"{sum(right.values())} of {len(pairs)} unseen dates read exactly right: {exact_match:.2f} %")
    return exact_match
