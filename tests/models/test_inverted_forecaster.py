"""The inverted Transformer: attention goes across variables, which have no order."""

import numpy as np

from keras_attn import models
from tests.layer_checks import reloaded
from tests.models.forecaster_cases import EVERYTHING, SMALL, inputs_of, output, shape, shuffled


def test_variables_see_each_other_and_have_no_order(tmp_path):
    model = shuffled(models.inverted_forecaster(shape(num_targets=3), **SMALL))
    inputs = inputs_of(model)
    before = output(model, inputs)
    order = [2, 0, 1]
    np.testing.assert_allclose(
        output(model, {"history": inputs["history"][:, :, order]}), before[:, :, order], atol=1e-5
    )
    inputs["history"][:, 3, 1] += 1.0
    assert np.abs(output(model, inputs) - before).max(axis=(0, 1)).min() > 1e-4
    np.testing.assert_array_equal(output(reloaded(model, tmp_path), inputs), output(model, inputs))


def test_further_variables_are_attended_to():
    model = shuffled(models.inverted_forecaster(shape(**EVERYTHING), **SMALL))
    inputs = inputs_of(model)
    before = output(model, inputs)
    assert before.shape == (3, 5, 2)
    for name in ("past", "known", "static"):
        assert np.abs(output(model, {**inputs, name: inputs[name] ** 2}) - before).max() > 1e-4, name
