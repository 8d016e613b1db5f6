import pytest

from keras_attn.tasks import Tagging, TaggingSettings


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"tag_column": 0}, "two columns. Received: word_column=0, tag_column=0"),
        ({"tokenizer": "byte", "lowercase": True}, "Bytes keep their case"),
        ({"num_heads": 3}, "multiple of `num_heads`. Received: num_heads=3, hidden_dim=128"),
        ({"optimizer": "adam"}, "`weight_decay` is for adamw"),
        ({"label_weight": -1.0}, "`label_weight` must be at least 0"),
        ({"max_length": 0}, "`max_length` must be at least 1"),
        ({"dropout": 1.0}, "`dropout` must be at least 0 and below 1"),
    ],
)
def test_what_does_not_fit(settings, message):
    with pytest.raises(ValueError, match=message):
        TaggingSettings(**settings)


def test_unknown_ones_name_the_nearest():
    with pytest.raises(ValueError, match="Did you mean `word_rule`"):
        Tagging(word_rules="spaces")
    with pytest.raises(ValueError, match="`scheme` must be one of 'auto', 'bio'"):
        Tagging(scheme="io")
