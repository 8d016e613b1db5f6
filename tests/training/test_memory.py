"""The tokens that are found take the memory allowed: measured again, for arrays and for a model."""

import functools

import numpy as np
import pytest

from keras_attn.training import find_batch_tokens, peak_memory_gb
from keras_attn.training.memory import _measured


def fill(tokens):
    """Takes 100 KB a token."""
    np.ones((tokens, 100, 1024), "uint8")


def test_the_tokens_found_take_what_is_allowed():
    tokens = find_batch_tokens(fill, limit_gb=0.4, sizes=(500, 1500))
    assert 0.36 < _measured(fill, tokens) < 0.44
    assert peak_memory_gb() > 0.01


def test_what_cannot_be_is_said():
    with pytest.raises(ValueError, match=r"A step of 500 tokens takes 0\.\d+ GiB.*Received: limit_gb=0\.001"):
        find_batch_tokens(fill, limit_gb=0.001, sizes=(500, 1000))
    with pytest.raises(ValueError, match="give sizes further apart"):
        find_batch_tokens(fill, limit_gb=1.0, sizes=(1500, 500))


@pytest.mark.long
def test_a_training_step_takes_what_is_allowed():
    from keras_attn.tasks import TranslationSettings
    from keras_attn.tasks.translation_model import train_one_step

    settings = TranslationSettings(num_layers=1, hidden_dim=64, num_heads=4, intermediate_dim=128)
    step = functools.partial(train_one_step, settings=settings, vocabulary_size=3000)
    tokens = find_batch_tokens(step, limit_gb=1.5, sizes=(2048, 8192))
    assert 1.2 < _measured(step, tokens) < 1.8
