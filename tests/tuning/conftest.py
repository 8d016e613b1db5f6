"""Searches over a trainer that is a real process and takes no time."""

import sys
from pathlib import Path

import pytest

from keras_attn.tuning import SearchSpace, Tuner

TRAINER = Path(__file__).with_name("trainer.py")


def command(settings, run, resume):
    return [sys.executable, str(TRAINER), str(settings), str(run)]


def refuse_unlucky(settings):
    if settings["x"] == 7:
        raise ValueError("seven does not go with the others")


@pytest.fixture
def make_tuner(tmp_path):
    """A function that makes a tuner of `tmp_path / "search"`."""

    def make(ranges=None, epochs=3, seconds=0.0, **how):
        space = SearchSpace(ranges or {"x": {"low": 0, "high": 6}})
        config = {"task": "none", "preset": "tiny", "settings": {"epochs": epochs, "seconds": seconds}}
        arguments = {"folder": tmp_path / "search", "monitor": "score", "mode": "max", "epochs": epochs, **how}
        return Tuner(space=space, command=command, config=config, check=refuse_unlucky, **arguments)

    return make
