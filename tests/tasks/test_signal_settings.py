import pytest

from keras_attn.tasks import SignalSettings
from keras_attn.tasks.presets import SIGNAL
from keras_attn.tasks.settings import make_settings


@pytest.mark.parametrize("preset", SIGNAL)
def test_presets_are_settings(preset):
    assert make_settings(SignalSettings, SIGNAL, preset, {}).hidden_dim > 0


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"label_pattern": "("}, "`label_pattern` is no regular expression"),
        ({"label_pattern": "x"}, "must have a group, in brackets"),
        ({"folds": 1}, "needs two folds or more"),
        ({"output": "signal", "features": "log_mel"}, "A signal is made from values"),
        ({"output": "signal", "reduction": 2}, "leave `reduction` off"),
        ({"hidden_dim": 6}, "a multiple of `num_heads`"),
        ({"kernel_size": 4}, "`kernel_size` must be odd"),
        ({"reduction": 3}, "must be a power of 2, at most 8 with stem_layers=3"),
        ({"reduction": 16}, "must be a power of 2, at most 8 with stem_layers=3"),
        ({"optimizer": "adam"}, "`weight_decay` is for adamw"),
        ({"dropout": 1.0}, "`dropout` must be at least 0 and below 1"),
        ({"members": 0}, "`members` must be at least 1"),
    ],
)
def test_what_cannot_be_is_refused(wrong, message):
    with pytest.raises(ValueError, match=rf"(?s){message}.*Received: "):
        SignalSettings(**wrong)
