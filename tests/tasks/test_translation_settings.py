"""Every setting is documented, in order, and has a default of its own type."""

import dataclasses
import inspect
import re

import pytest

from keras_attn.tasks import TranslationSettings
from keras_attn.tasks.settings import make_settings

FIELDS = [field.name for field in dataclasses.fields(TranslationSettings)]


def test_every_field_is_documented():
    text = inspect.cleandoc(TranslationSettings.__doc__).split("Args:\n")[1].split("\nRaises:")[0]
    assert re.findall(r"^    (\w+): \S", text, re.MULTILINE) == FIELDS


def test_the_defaults_are_valid():
    settings = TranslationSettings()
    assert make_settings(TranslationSettings, {"default": dataclasses.asdict(settings)}, "default", {}) == settings


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"num_layers": 0}, r"`num_layers` must be at least 1\. Received: num_layers=0$"),
        ({"epochs": 0}, r"`epochs` must be at least 1"),
        ({"validation_limit": 0}, r"`validation_limit` must be at least 1"),
        ({"vocabulary_size": 4}, r"`vocabulary_size` must be at least 5"),
        ({"dropout": 1.0}, r"`dropout` must be at least 0 and below 1\. Received: dropout=1\.0$"),
        ({"learning_rate": 0.0}, r"`learning_rate` must be above 0 and below inf"),
        ({"average_decay": 1.0}, r"`average_decay` must be above 0 and below 1\."),
        ({"num_heads": 3}, r"multiple of `num_heads`\. Received: num_heads=3, hidden_dim=512$"),
        ({"num_heads": 3, "hidden_dim": 99}, r"`hidden_dim` must be even"),
        ({"learning_rate": float("inf")}, r"`learning_rate` must be above 0 and below inf"),
        ({"seed": 2**40}, r"`seed` must be at least 0 and below 4294967296"),
        ({"bpe_dropout": 0.1}, r"set tokenizer=bpe\. Received: bpe_dropout=0\.1, tokenizer='unigram'$"),
        ({"tokenizer": "byte", "lowercase": True}, "Bytes keep their case"),
        ({"tokenizer": "character", "split_digits": True}, "each digit is apart already"),
        ({"weight_decay": 0.1}, r"`weight_decay` is for adamw and adafactor.*Received: weight_decay=0\.1"),
        ({"schedule": "cosine", "total_steps": 4000}, r"Received: total_steps=4000, warmup_steps=4000$"),
        ({"packing": True, "architecture": "rnn"}, r"`packing` is for the transformer"),
        ({"accumulate": 0}, r"`accumulate` must be at least 1"),
        ({"word_dropout": 1.0}, r"`word_dropout` must be at least 0 and below 1"),
        ({"max_length": 5000}, r"`batch_tokens` must be at least `max_length`\."),
    ],
)
def test_values_out_of_range_are_refused(setting, message):
    with pytest.raises(ValueError, match=message):
        TranslationSettings(**setting)


def test_none_is_in_range_where_it_means_something():
    settings = TranslationSettings(patience=None, validation_limit=None, gradient_clip=None, average_decay=None)
    assert settings.patience is None
