import numpy as np
import pytest

from keras_attn.layers import SignalAugmentation, SpecAugment
from keras_attn.tasks import SignalSettings
from keras_attn.tasks.signal_model import InputFigures, build_classifier, new_encoder, strides_of
from keras_attn.training import MemberCrossentropy
from tests.tasks.signal_cases import SMALL

FIGURES = InputFigures([0.0, 1.0], [1.0, 4.0], 100, [])


def test_figures_are_numpys_and_constant_channels_are_told():
    arrays = [np.array([[1.0, 5.0], [2.0, 5.0]]), np.array([[6.0, 5.0]])]
    found = InputFigures.of(arrays)
    assert found.mean == pytest.approx([3.0, 5.0]) and found.variance == pytest.approx([14 / 3, 1.0])
    assert found.longest == 2 and found.constant == [1]


@pytest.mark.parametrize(
    ("settings", "longest", "strides"),
    [
        ({}, 64, [1, 1, 1]),
        ({}, 65, [2, 1, 1]),
        ({}, 10**6, [2, 2, 2]),
        ({"reduction": 4}, 10, [2, 2, 1]),
        ({"output": "text"}, 1000, [1, 1, 1]),
    ],
)
def test_strides(settings, longest, strides):
    assert strides_of(SignalSettings(**settings), longest) == strides


def test_augmentations():
    def layer(is_raw, **settings):
        encoder = new_encoder(SignalSettings(**{**SMALL, **settings}), FIGURES, "x", is_raw)
        return next((layer for layer in encoder.layers if layer.name == "augmentation"), None)

    assert isinstance(layer(True), SignalAugmentation) and isinstance(layer(False), SpecAugment)
    assert layer(True, output="signal") is None and layer(False, hidden_bands=0) is None
    assert layer(True, jitter=0.0, scaling=0.0, warp=0.0) is None


def test_a_classifier_of_members():
    model = build_classifier(SignalSettings(**{**SMALL, "label_smoothing": 0.2}), FIGURES, 3, 100, is_raw=True)
    assert model.output.shape == (None, 2, 3) and isinstance(model.loss, MemberCrossentropy)
    assert model.loss.label_smoothing == 0.2 and model.get_layer("encoder_1").get_layer("normalization") is not None
