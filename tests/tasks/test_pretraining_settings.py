"""What may be set, and what is refused."""

import pytest

from keras_attn.tasks import PretrainingSettings


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"masked_share": 1.0}, r"Received: masked_share=1\.0$"),
        ({"hidden_dim": 30}, r"Received: num_heads=4, hidden_dim=30$"),
        ({"max_length": 2}, r"Received: max_length=2$"),
        ({"batch_tokens": 100}, r"Received: batch_tokens=100, max_length=128$"),
        ({"tokenizer": "byte"}, r"Received: tokenizer='byte', lowercase=True$"),
        ({"warmup_share": 1.0}, r"Received: warmup_share=1\.0$"),
    ],
)
def test_settings_that_do_not_fit(setting, message):
    with pytest.raises(ValueError, match=message):
        PretrainingSettings(**setting)


def test_the_defaults_fit():
    assert PretrainingSettings().objective == "masked"
