"""Every preset makes valid settings, and the published ones are what the papers say."""

import pytest

from keras_attn.tasks import TASKS, ClassificationSettings, TranslationSettings
from keras_attn.tasks.settings import make_settings

PRESETS = TASKS["translation"].presets
NAMES = sorted(PRESETS)


@pytest.mark.parametrize("name", NAMES)
def test_presets_make_valid_settings(name):
    settings = make_settings(TranslationSettings, PRESETS, name, {})
    for field, value in PRESETS[name].items():
        assert getattr(settings, field) == value
    assert settings.hidden_dim % settings.num_heads == 0 and settings.hidden_dim % 2 == 0
    assert settings.max_length <= settings.batch_tokens
    assert 0 <= settings.dropout < 1 and 0 <= settings.label_smoothing < 1


def test_the_published_sizes():
    def sizes(name):
        settings = make_settings(TranslationSettings, PRESETS, name, {})
        return settings.num_layers, settings.hidden_dim, settings.intermediate_dim, settings.num_heads

    assert sizes("tiny") == (4, 128, 256, 4)  # Wu et al. 2021
    assert sizes("base") == (6, 512, 2048, 8)  # Vaswani et al. 2017, table 3
    base = PRESETS["base"]
    assert base["learning_rate"] == pytest.approx((512 * base["warmup_steps"]) ** -0.5, rel=0.01)


@pytest.mark.parametrize("name", TASKS["classification"].presets)
def test_presets_of_classification_make_valid_settings(name):
    presets = TASKS["classification"].presets
    settings = make_settings(ClassificationSettings, presets, name, {})
    for field, value in presets[name].items():
        assert getattr(settings, field) == value
