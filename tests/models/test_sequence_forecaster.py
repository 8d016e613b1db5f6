"""Encoder-decoder forecasters, Transformer and recurrent."""

import numpy as np
import pytest

from keras_attn import models
from tests.layer_checks import reloaded
from tests.models.forecaster_cases import EVERYTHING, SMALL, inputs_of, output, shape, shuffled


@pytest.mark.parametrize("kind", ["transformer", "recurrent"])
def test_everything_at_once(kind, tmp_path):
    model = shuffled(models.sequence_forecaster(shape(**EVERYTHING, num_outputs=3), kind, **SMALL))
    inputs = inputs_of(model)
    before = output(model, inputs)
    assert before.shape == (3, 5, 2, 3)
    for name in ("past", "known", "static"):
        assert np.abs(output(model, {**inputs, name: inputs[name] + 1.0}) - before).max() > 1e-4, name
    spoiled = np.where(inputs["observed"], inputs["history"], 99.0).astype("float32")
    np.testing.assert_allclose(output(model, {**inputs, "history": spoiled}), before, atol=1e-5)
    np.testing.assert_array_equal(output(reloaded(model, tmp_path), inputs), before)


@pytest.mark.long
def test_a_wide_window_is_no_window_and_a_narrow_one_is():
    kind = shape(num_targets=1)
    plain, wide, narrow = (models.sequence_forecaster(kind, window=window, **SMALL) for window in (None, 22, 2))
    shuffled(plain)
    for other in (wide, narrow):
        other.set_weights(plain.get_weights())
    inputs = inputs_of(plain)
    np.testing.assert_allclose(output(wide, inputs), output(plain, inputs), atol=1e-4)
    assert np.abs(output(narrow, inputs) - output(plain, inputs)).max() > 1e-3


def test_errors():
    with pytest.raises(ValueError, match=r"`kind` must be 'transformer' or 'recurrent'\. Received: kind='rnn'"):
        models.sequence_forecaster(shape(), "rnn")
