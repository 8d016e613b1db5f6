"""Smaller steps below, and layers that wait for their turn: each alone, and in a run."""

import keras
import numpy as np
import pytest

from keras_attn.training import AdamW, GradualUnfreezing, RunFolder, RunRecorder, layerwise_rates, resumable_fit
from tests.layer_checks import numbers

GROUPS = [["bottom"], ["middle"], ["top", "norm"]]
generator = np.random.default_rng(0)
X, Y = (generator.normal(size=(32, 4)).astype("float32") for _ in range(2))


def make_model(optimizer="sgd"):
    inputs = keras.Input((4,))
    x = keras.layers.Dense(4, "tanh", name="bottom")(inputs)
    x = keras.layers.Dense(4, "tanh", name="middle")(x)
    x = keras.layers.LayerNormalization(name="norm")(keras.layers.Dense(4, name="top")(x))
    model = keras.Model(inputs, x)
    model.compile(optimizer, "mse", jit_compile=False)
    model.optimizer.build(model.trainable_variables)
    return model


class Movements(keras.callbacks.Callback):
    """Which layers moved in each epoch."""

    def on_epoch_begin(self, epoch, logs=None):
        self.before = {layer.name: layer.get_weights() for layer in self.model.layers}

    def on_epoch_end(self, epoch, logs=None):
        moved = {
            layer.name
            for layer in self.model.layers
            if any((a != b).any() for a, b in zip(layer.get_weights(), self.before[layer.name], strict=True))
        }
        self.epochs = [*getattr(self, "epochs", []), moved]


def test_rates_fall_from_the_top():
    assert layerwise_rates(GROUPS, 0.5) == {"bottom": 0.25, "middle": 0.5, "top": 1.0, "norm": 1.0}
    for decay in (0.0, 1.5):
        with pytest.raises(ValueError, match=rf"Received: decay={decay}"):
            layerwise_rates(GROUPS, decay)


def test_one_group_more_each_few_epochs():
    model, movements = make_model(), Movements()
    unfreezing = GradualUnfreezing(GROUPS, epochs_per_group=2)
    model.fit(X, Y, epochs=6, verbose=0, callbacks=[unfreezing, movements])
    top, middle = {"top", "norm"}, {"top", "norm", "middle"}
    assert movements.epochs == [top, top, middle, middle, {*middle, "bottom"}, {*middle, "bottom"}]
    assert all(layer.trainable for layer in model.layers)


def test_a_fit_that_begins_later_begins_with_more_groups():
    model, movements = make_model(), Movements()
    model.fit(X, Y, initial_epoch=1, epochs=2, verbose=0, callbacks=[GradualUnfreezing(GROUPS), movements])
    assert movements.epochs == [{"top", "norm", "middle"}]


def test_while_frozen_a_layer_does_not_decay_either():
    model = make_model(AdamW(0.1, weight_decay=0.5))
    before = model.get_layer("bottom").get_weights()
    model.fit(X, Y, epochs=2, verbose=0, callbacks=[GradualUnfreezing(GROUPS)])
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_layer("bottom").get_weights(), strict=True))


def test_within_a_larger_model():
    inner = make_model()
    inputs = keras.Input((4,))
    model = keras.Model(inputs, keras.layers.Dense(1, name="head")(inner(inputs)))
    model.compile("sgd", "mse", jit_compile=False)
    model.optimizer.build(model.trainable_variables)
    before = inner.get_weights()
    model.fit(X, Y[:, :1], epochs=1, verbose=0, callbacks=[GradualUnfreezing([*GROUPS, ["head"]])])
    assert all(np.array_equal(a, b) for a, b in zip(before, inner.get_weights(), strict=True))


class Batches:
    """What `RunRecorder` wants of batches."""

    epoch, target_tokens = 0, 32

    def __len__(self):
        return 2


def test_in_a_run_with_averaged_weights(tmp_path):
    import tensorflow as tf

    model, movements = make_model(AdamW(0.1, use_ema=True, ema_momentum=0.5)), Movements()
    folder = RunFolder(tmp_path / "run")
    folder.create({"task": "none"})
    dataset = tf.data.Dataset.from_tensor_slices((X, Y)).batch(16)
    recorder = RunRecorder(folder, Batches(), dataset, dict, "val_loss", mode="min")
    resumable_fit(model, recorder, dataset, 3, [GradualUnfreezing(GROUPS), movements])
    assert [len(moved) for moved in movements.epochs] == [2, 3, 4]
    lines = folder.metrics()
    assert len(lines) == 3 and lines[2]["val_loss"] < lines[0]["val_loss"]
    folder.restore_checkpoint(make_model(AdamW(0.1, use_ema=True, ema_momentum=0.5)))


def test_errors():
    with pytest.raises(ValueError, match=r"Received: epochs_per_group=0"):
        GradualUnfreezing(GROUPS, epochs_per_group=0)
    model = make_model()
    with pytest.raises(ValueError, match=r"no such layers.*Received: \['nowhere'\]"):
        model.fit(X, Y, verbose=0, callbacks=[GradualUnfreezing([["nowhere"], ["top"]])])
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match=r"Received: an optimizer that is not built"):
        model.fit(X, Y, verbose=0, callbacks=[GradualUnfreezing(GROUPS)])


def test_rates_and_unfreezing_together():
    model = make_model(AdamW(0.1, beta_1=0.0, beta_2=0.0, rate_factors=layerwise_rates(GROUPS, 0.5)))
    before = numbers(model.get_layer("middle").kernel)
    model.fit(X, Y, batch_size=32, initial_epoch=1, epochs=2, verbose=0, callbacks=[GradualUnfreezing(GROUPS)])
    # Without memory Adam moves each weight by its whole rate: 0.1 times the group's 0.5.
    steps = np.abs(numbers(model.get_layer("middle").kernel) - before)
    np.testing.assert_allclose(steps, 0.05 * np.ones_like(steps), rtol=1e-2)


def test_a_training_that_ends_before_all_had_their_turn_averages_each_weight_in_its_place():
    """Keras hands the optimizer the weights that learn at the end, beside the averages of all."""
    model, tops = make_model(AdamW(0.1, use_ema=True, ema_momentum=0.25)), []
    before = [model.get_layer(name).get_weights()[0] for name in ("bottom", "middle")]
    look = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: tops.append(model.get_layer("top").get_weights()[0])
    )
    model.fit(X, Y, batch_size=16, epochs=1, shuffle=False, verbose=0, callbacks=[GradualUnfreezing(GROUPS), look])
    np.testing.assert_array_equal([model.get_layer(name).get_weights()[0] for name in ("bottom", "middle")], before)
    first, second = tops
    np.testing.assert_allclose(model.get_layer("top").get_weights()[0], 0.25 * first + 0.75 * second, rtol=1e-5)
