import dataclasses

import pytest

from keras_attn.tasks import ClassificationSettings
from keras_attn.tasks.settings import describe_settings, make_settings


def test_they_survive_a_trip_through_plain_values():
    settings = ClassificationSettings(label_columns=("topic", "mood"), label_separator="|", patience=3)
    plain = describe_settings(settings)
    assert plain["label_columns"] == ["topic", "mood"]
    assert make_settings(ClassificationSettings, {"default": plain}, "default", {}) == settings


def test_each_setting_is_described():
    documented = ClassificationSettings.__doc__
    for field in dataclasses.fields(ClassificationSettings):
        assert f"\n        {field.name}: " in documented


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dropout": 1.0}, r"`dropout` must be at least 0 and below 1\. Received: dropout=1.0"),
        ({"epochs": 0}, r"`epochs` must be at least 1"),
        ({"answer_accuracy": 1.1}, r"`answer_accuracy` must be above 0 and at most 1"),
        ({"ngram_order": 1}, r"`ngram_order` must be at least 2"),
        ({"ngram_buckets": 2**18 + 1}, r"`ngram_buckets` must be at least 1 and at most 262144"),
        ({"label_columns": ()}, r"must name one column each.*Received: text_column='text', label_columns=\[\]"),
        ({"label_columns": ("text",)}, r"must name one column each"),
        ({"label_separator": ""}, r"must not be empty"),
        ({"tokenizer": "byte", "lowercase": True}, r"leave `lowercase` off"),
        (
            {"architecture": "transformer", "hidden_dim": 10},
            r"a multiple of `num_heads`\. Received: num_heads=4, hidden_dim=10",
        ),
        ({"architecture": "rnn", "hidden_dim": 9}, r"half of it goes to each direction\. Received: hidden_dim=9"),
        ({"architecture": "bag", "pooling": "class"}, r"set architecture=transformer.*Received: pooling='class'"),
        ({"start": "log_odds"}, r"set architecture=bag.*Received: start='log_odds', architecture='transformer'"),
        ({"optimizer": "adam", "weight_decay": 0.1}, r"set optimizer=adamw"),
        ({"init": "x", "architecture": "bag"}, r"take the preset fine_tuning.*Received: init='x', architecture='bag'"),
        ({"init": "x", "word_dropout": 0.1}, r"take the preset fine_tuning.*word_dropout=0.1"),
        ({"rate_decay": 1.1}, r"`rate_decay` must be above 0 and at most 1"),
        ({"unfreeze_epochs": 0}, r"`unfreeze_epochs` must be at least 1"),
        ({"max_length": 2, "pooling": "class"}, r"`max_length` must be at least 3"),
    ],
)
def test_what_does_not_go(changes, message):
    with pytest.raises(ValueError, match=message):
        ClassificationSettings(**changes)
