"""Trainings in processes of their own, to be killed: forks of a server that has imported TensorFlow already."""

import json
import multiprocessing
import os
import random
import sys
import time

SETTINGS = {
    "tokenizer": "character",
    "num_layers": 1,
    "hidden_dim": 16,
    "num_heads": 2,
    "intermediate_dim": 16,
    "dropout": 0.2,
    "attention_dropout": 0.1,
    "learning_rate": 0.01,
    "warmup_steps": 30,
    "gradient_clip": 1.0,
    "batch_tokens": 128,
    "num_buckets": 2,
    "max_length": 16,
    "monitor": "val_loss",
    "average_decay": 0.9,
    "epochs": 3,
    "checkpoint_minutes": 1e-6,  # after every step
}
LETTERS = random.Random(1)
WORDS = ["".join(LETTERS.choices("abcd", k=LETTERS.randint(1, 8))) for _ in range(200)]


def processes():
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["keras_attn.tasks.translation"])
    return context


def train(run, changes, arguments):
    """Trains on words written backwards, all of it a function of the arguments."""
    from keras_attn.data import ParallelText
    from keras_attn.tasks import Translation

    pairs = ParallelText(WORDS, [word[::-1] for word in WORDS])
    task = Translation("tiny", **{**SETTINGS, **changes})
    task.fit(pairs, ParallelText(pairs.sources[:20], pairs.targets[:20]), run=run, resume=True, **arguments)


def call(words, errors):
    """Is the command `keras-attn`, its standard error going to a file."""
    from keras_attn.cli import main

    os.dup2(os.open(errors, os.O_WRONLY | os.O_CREAT), 2)
    sys.exit(main(words))


def start_command(words, errors):
    process = processes().Process(target=call, args=(words, errors))
    process.start()
    return process


def start(run, changes=(), **arguments):
    process = processes().Process(target=train, args=(run, dict(changes), arguments))
    process.start()
    return process


def wait_for_steps(process, run, count):
    """Waits until a checkpoint of that many steps, or one after it, is written."""
    while process.is_alive():
        for path in sorted((run / "checkpoints").glob("last-*"), reverse=True):
            try:
                if json.loads((path / "state.json").read_text("utf-8"))["step"] >= count:
                    return
            except FileNotFoundError:  # a newer one has taken its place
                pass
        time.sleep(0.01)
