"""What all forecasters share, on a core that is simple enough to check by hand."""

import numpy as np
import pytest
from keras import ops

from keras_attn.models.forecaster_parts import forecaster
from tests.models.forecaster_cases import EVERYTHING, inputs_of, output, shape, shuffled


def last_step(x, inputs):
    """Repeats the last step of what a core is given, as many numbers as are wanted: [B, H, C, Q]."""
    return ops.repeat(ops.repeat(x[:, -1:, :, None], 5, axis=1), last_step.outputs, axis=3)


def made(shortcut=False, normalize=True, **changes):
    kind = shape(**changes)
    last_step.outputs = kind.num_outputs
    return shuffled(forecaster(kind, last_step, 6, "some", shortcut=shortcut, normalize=normalize))


def normalised(history, epsilon=1e-5):
    mean, variance = history.mean(axis=1, keepdims=True), history.var(axis=1, keepdims=True)
    return mean, np.sqrt(variance + epsilon)


def test_the_way_there_and_back_is_the_last_step():
    model = made()
    inputs = inputs_of(model)
    np.testing.assert_allclose(output(model, inputs), np.repeat(inputs["history"][:, -1:], 5, axis=1), atol=1e-5)


def test_the_shortcut_is_a_linear_map_of_the_normalised_window():
    model = made(shortcut=True)
    inputs = inputs_of(model)
    kernel, bias = model.get_layer("shortcut").get_weights()
    mean, spread = normalised(inputs["history"])
    x = ((inputs["history"] - mean) / spread).transpose(0, 2, 1)
    expected = (x @ kernel + bias + x[:, :, -1:]).transpose(0, 2, 1) * spread + mean
    np.testing.assert_allclose(output(model, inputs), expected, atol=1e-4)


def test_calendar_effects_are_taken_off_the_history_and_put_on_the_forecast():
    model = made(calendar=(24, 7))
    inputs = inputs_of(model)
    tables = [model.get_layer(f"calendar_{i}").get_weights()[0] for i in range(2)]
    effects = sum(table[inputs["calendar"][:, :, i]] for i, table in enumerate(tables))
    without = inputs["history"] - effects[:, :23]
    np.testing.assert_allclose(output(model, inputs), without[:, -1:] + effects[:, 23:], atol=1e-5)


def test_what_is_known_of_a_step_moves_that_step_alone():
    model = made(num_known=3, num_static=2, calendar=(24,))
    inputs = inputs_of(model)
    before = output(model, inputs)
    inputs["known"][:, 23 + 2] += 1.0
    moved = np.abs(output(model, inputs) - before).max(axis=(0, 2))
    assert moved[2] > 1e-3 and np.delete(moved, 2).max() < 1e-6
    inputs["static"][:, 0] += 1.0
    assert np.abs(output(model, inputs) - before).max(axis=(0, 2)).min() > 1e-4


def test_several_outputs_share_the_way_back():
    model = made(num_outputs=3)
    inputs = inputs_of(model)
    found = output(model, inputs)
    assert found.shape == (3, 5, 2, 3)
    np.testing.assert_allclose(found, np.repeat(output(made(), inputs)[..., None], 3, axis=-1), atol=1e-5)


def test_a_distribution_has_a_scale_in_the_windows_spread():
    model = made(num_outputs=3, student_t=True)
    inputs = inputs_of(model)
    location, scale, freedom = np.moveaxis(output(model, inputs), -1, 0)
    mean, spread = normalised(inputs["history"])
    raw = ((inputs["history"] - mean) / spread)[:, -1:]
    np.testing.assert_allclose(location, np.repeat(inputs["history"][:, -1:], 5, axis=1), atol=1e-5)
    np.testing.assert_allclose(scale, np.repeat(spread * (np.log1p(np.exp(raw)) + 1e-3), 5, axis=1), rtol=1e-4)
    assert freedom.min() > 2.0


def test_without_normalisation_the_core_sees_the_numbers_themselves():
    model = made(normalize=False, masked=True)
    inputs = inputs_of(model)
    expected = np.where(inputs["observed"], inputs["history"], 0.0)[:, -1:]
    np.testing.assert_allclose(output(model, inputs), np.repeat(expected, 5, axis=1), atol=1e-6)


def test_all_inputs_have_their_shapes():
    found = {name: tuple(tensor.shape[1:]) for name, tensor in shape(**EVERYTHING).inputs().items()}
    both = 23 + 5
    assert found == {
        "history": (23, 2),
        "observed": (23, 2),
        "past": (23, 2),
        "known": (both, 3),
        "calendar": (both, 2),
        "static": (2,),
    }


def test_errors():
    with pytest.raises(ValueError, match=r"`horizon` must be a positive integer"):
        shape(horizon=0)
    with pytest.raises(ValueError, match=r"`num_known` must be at least 0"):
        shape(num_known=-1)
    with pytest.raises(ValueError, match=r"has 3 numbers\. Received: num_outputs=2"):
        shape(student_t=True, num_outputs=2)
