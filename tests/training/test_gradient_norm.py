"""The mean norm of the gradients, told by NumPy, and what stays as it was."""

import keras
import numpy as np
import pytest

from keras_attn.training import record_gradient_norm

ROWS = np.random.default_rng(3).normal(size=(12, 3)).astype("float32")
LABELS = ROWS @ np.array([[1.0], [-2.0], [0.5]], "float32")


def make_model(**optimizer):
    inputs = keras.Input((3,))
    model = keras.Model(inputs, keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")(inputs))
    model.compile(keras.optimizers.SGD(0.1, **optimizer), "mse", jit_compile=False)
    return model


def gradient(weights):
    """Of the mean squared error."""
    return 2 * ROWS.T @ (ROWS @ weights - LABELS) / len(ROWS)


@pytest.mark.parametrize("clip", [{}, {"global_clipnorm": 0.5}, {"clipvalue": 0.1}], ids=str)
def test_the_norm_is_that_before_clipping(clip):
    model = make_model(**clip)
    norm = record_gradient_norm(model.optimizer)
    weights, norms = np.zeros((3, 1)), []
    for _ in range(3):
        step = gradient(weights)
        norms.append(np.linalg.norm(step))
        if "global_clipnorm" in clip:
            step *= min(1, 0.5 / norms[-1])
        weights = weights - 0.1 * (np.clip(step, -0.1, 0.1) if "clipvalue" in clip else step)
    model.fit(ROWS, LABELS, batch_size=12, epochs=3, verbose=0)
    assert float(norm.result()) == pytest.approx(np.mean(norms), rel=1e-5)
    np.testing.assert_allclose(model.get_weights()[0], weights, atol=1e-6)  # it clips as before


def test_a_file_stays_what_it_was(tmp_path):
    models = {name: make_model(momentum=0.9) for name in ("plain", "recorded")}
    record_gradient_norm(models["recorded"].optimizer)
    for name, model in models.items():
        model.fit(ROWS, LABELS, batch_size=4, shuffle=False, verbose=0)
        model.save(tmp_path / f"{name}.keras")
    plain, recorded = (keras.models.load_model(tmp_path / f"{name}.keras").optimizer for name in models)
    assert type(recorded) is keras.optimizers.SGD
    assert {**recorded.get_config(), "name": None} == {**plain.get_config(), "name": None}
    assert [variable.shape for variable in recorded.variables] == [variable.shape for variable in plain.variables]


def test_it_records_once():
    optimizer = keras.optimizers.Adam()
    assert record_gradient_norm(optimizer) is record_gradient_norm(optimizer)
