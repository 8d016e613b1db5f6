"""The mean of the last epochs' weights, computed beside by another callback."""

import keras
import numpy as np
import pytest

from keras_attn.training import CheckpointAverage

generator = np.random.default_rng(0)
X, Y = (generator.normal(size=(16, size)).astype("float32") for size in (4, 2))


def make_model():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3), keras.layers.Dense(2)])
    model.compile(keras.optimizers.SGD(0.1), "mse", jit_compile=False)
    return model


def fit(model, average, **arguments):
    """Trains; returns the weights after each epoch."""
    weights = []
    record = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: weights.append(model.get_weights()))
    model.fit(X, Y, verbose=0, callbacks=[average, record], **arguments)
    return weights


def check_mean(average, model, epochs):
    before = model.get_weights()
    with average.applied(model):
        for index, weight in enumerate(model.get_weights()):
            np.testing.assert_allclose(weight, np.mean([epoch[index] for epoch in epochs], axis=0), atol=1e-6)
            assert not np.allclose(weight, before[index])
    for weight, old in zip(model.get_weights(), before, strict=True):
        assert np.array_equal(weight, old)


def test_the_last_epochs_are_averaged_and_training_goes_on_without(tmp_path):
    model, average = make_model(), CheckpointAverage(tmp_path / "averages", num_checkpoints=3)
    weights = fit(model, average, epochs=5)
    check_mean(average, model, weights[-3:])
    assert len(list((tmp_path / "averages").iterdir())) == 3
    assert np.array_equal(model.get_weights()[0], weights[-1][0])


def test_a_resumed_training_finds_the_epochs_before(tmp_path):
    model = make_model()
    weights = fit(model, CheckpointAverage(tmp_path, 3), epochs=3)
    average = CheckpointAverage(tmp_path, 3)
    model.set_weights(weights[1])  # the third epoch is lost and done anew
    weights[2:] = fit(model, average, initial_epoch=2, epochs=4)
    check_mean(average, model, weights[1:])


def test_an_error_leaves_the_weights_as_they_were(tmp_path):
    model, average = make_model(), CheckpointAverage(tmp_path)
    fit(model, average, epochs=2)
    before = model.get_weights()
    with pytest.raises(KeyboardInterrupt), average.applied(model):
        raise KeyboardInterrupt
    assert np.array_equal(model.get_weights()[0], before[0])


def test_nothing_to_average_is_said(tmp_path):
    with (
        pytest.raises(FileNotFoundError, match="train with this callback first"),
        CheckpointAverage(tmp_path / "none").applied(make_model()),
    ):
        pass
    with pytest.raises(ValueError, match="Received: num_checkpoints=0"):
        CheckpointAverage(tmp_path, 0)
