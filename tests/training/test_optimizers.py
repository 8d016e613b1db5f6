"""Weight decay spares what it is told to, also in a training that goes on from a file."""

import keras
import numpy as np
import pytest

from keras_attn.training import Adafactor, Adam, AdamW
from tests.layer_checks import numbers

NO_DECAY = ("bias", "beta", "gamma")
CLASSES = [(Adam, keras.optimizers.Adam), (AdamW, keras.optimizers.AdamW), (Adafactor, keras.optimizers.Adafactor)]

ROUNDING = {"rtol": 1e-4, "atol": 1e-5}  # in one pass, 1 - 0.999 is taken in float32


def make_model(optimizer):
    layers = [keras.Input((5,)), keras.layers.Dense(3, bias_initializer="ones"), keras.layers.LayerNormalization()]
    model = keras.Sequential(layers)
    model.compile(optimizer, "mse", jit_compile=False)
    return model


def step_without_gradients(model):
    """Weights before and after; what still moves them is the decay alone."""
    before = [numbers(weight) for weight in model.trainable_variables]
    model.optimizer.apply([keras.ops.zeros_like(weight) for weight in model.trainable_variables])
    return before, [numbers(weight) for weight in model.trainable_variables]


def check_decay(model, share):
    names = [weight.name for weight in model.trainable_variables]
    assert names == ["kernel", "bias", "gamma", "beta"]
    before, after = step_without_gradients(model)
    np.testing.assert_allclose(after[0], before[0] * (1 - share), rtol=1e-6)
    for old, new in zip(before[1:], after[1:], strict=True):
        assert np.array_equal(old, new)


@pytest.mark.parametrize("ours", [ours for ours, _ in CLASSES])
def test_only_kernels_decay_also_after_a_reload(ours, tmp_path):
    model = make_model(ours(0.1, weight_decay=0.2, no_decay=NO_DECAY))
    model.optimizer.build(model.trainable_variables)
    check_decay(model, 0.1 * 0.2)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert type(loaded.optimizer) is ours and int(loaded.optimizer.iterations) == 1
    check_decay(loaded, 0.1 * 0.2)


@pytest.mark.parametrize(("ours", "keras_own"), CLASSES)
def test_by_default_it_is_keras_own(ours, keras_own):
    x, y = (np.random.default_rng(0).normal(size=size).astype("float32") for size in ((8, 5), (8, 3)))
    models = [make_model(optimizer_class(0.1, weight_decay=0.2)) for optimizer_class in (ours, keras_own)]
    models[1].set_weights(models[0].get_weights())
    for model in models:
        model.fit(x, y, epochs=3, verbose=0, shuffle=False)
    for one, other in zip(*(model.get_weights() for model in models), strict=True):
        np.testing.assert_allclose(one, other, **ROUNDING)


@pytest.mark.parametrize(
    "options", [{"amsgrad": True}, {"use_ema": True, "ema_momentum": 0.5}, {"global_clipnorm": 0.1}]
)
def test_adam_with_its_options_is_keras_own(options):
    x, y = (np.random.default_rng(0).normal(size=size).astype("float32") for size in ((8, 5), (8, 3)))
    rate = keras.optimizers.schedules.InverseTimeDecay(0.1, 1, 0.5)
    models = [make_model(optimizer_class(rate, **options)) for optimizer_class in (Adam, keras.optimizers.Adam)]
    models[1].set_weights(models[0].get_weights())
    for model in models:
        model.fit(x, y, epochs=3, verbose=0, shuffle=False)
        model.optimizer.finalize_variable_values(model.trainable_variables)
    for one, other in zip(*(model.get_weights() for model in models), strict=True):
        np.testing.assert_allclose(one, other, **ROUNDING)


def test_adam_adds_the_rows_of_one_word_before_it_squares_them():
    """Words that occur not at all, once and twice, against the equations; Keras's own squares each row by itself."""
    ids, targets = np.array([[1, 2, 2]]), np.random.default_rng(0).normal(size=(1, 3, 4)).astype("float32")
    model = keras.Sequential([keras.Input((3,)), keras.layers.Embedding(4, 4)])
    model.compile(Adam(0.1), "mse", jit_compile=False)
    weights = model.get_weights()[0].astype("float64")
    momentum, velocity = np.zeros_like(weights), np.zeros_like(weights)
    for step in (1, 2, 3):
        gradient = np.zeros_like(weights)
        for word, target in zip(ids[0], targets[0], strict=True):
            gradient[word] += 2 * (weights[word] - target) / targets.size
        momentum += 0.1 * (gradient - momentum)
        velocity += 0.001 * (gradient**2 - velocity)
        weights -= 0.1 * np.sqrt(1 - 0.999**step) / (1 - 0.9**step) * momentum / (np.sqrt(velocity) + 1e-7)
        model.train_on_batch(ids, targets)
    np.testing.assert_allclose(model.get_weights()[0], weights, **ROUNDING)


def test_rows_of_one_word_are_added_before_the_norm_is_taken():
    """Twice the same word makes a gradient of norm 2 sqrt(3), not of sqrt(2 * 3)."""
    table = keras.layers.Embedding(5, 3, embeddings_initializer="zeros")
    model = keras.Sequential([keras.Input((2,), dtype="int32"), table])
    model.compile(Adam(1.0, beta_1=0.0, beta_2=0.0, epsilon=1e6, global_clipnorm=1.0), lambda y, x: keras.ops.sum(x))
    model.train_on_batch(np.array([[4, 4]]), np.zeros((1, 2, 3)))
    np.testing.assert_allclose(table.get_weights()[0][4] * 1e6, -np.full(3, 3**-0.5), rtol=1e-4)


FACTORS = {"below": 0.25, "above": 0.5}


def make_stack(optimizer):
    names = ("below", "above", "head")
    model = keras.Sequential([keras.Input((5,)), *(keras.layers.Dense(5, name=name) for name in names)])
    model.compile(optimizer, "mse", jit_compile=False)
    model.optimizer.build(model.trainable_variables)
    return model


@pytest.mark.parametrize(("ours", "keras_own"), CLASSES)
def test_each_layer_moves_as_by_an_optimizer_of_its_own_rate(ours, keras_own):
    x, y = (np.random.default_rng(seed).normal(size=(8, 5)).astype("float32") for seed in (0, 1))
    model = make_stack(ours(0.1, weight_decay=0.2, rate_factors=FACTORS))
    before = model.get_weights()
    gradients = [keras.ops.convert_to_tensor(np.full(w.shape, 0.3 + i, "float32")) for i, w in enumerate(before)]
    for _ in range(2):
        model.optimizer.apply(gradients)
    for place, name in enumerate(("below", "above", "head")):
        weights = [keras.Variable(weight) for weight in before[2 * place : 2 * place + 2]]
        alone = keras_own(0.1 * FACTORS.get(name, 1.0), weight_decay=0.2)
        for _ in range(2):
            alone.apply(gradients[2 * place : 2 * place + 2], weights)
        for moved, expected in zip(model.get_layer(name).get_weights(), weights, strict=True):
            np.testing.assert_allclose(moved, numbers(expected), **ROUNDING)
    assert model.evaluate(x, y, verbose=0) > 0 and model.optimizer.weight_decay == 0.2


def test_rates_of_layers_survive_a_reload(tmp_path):
    model = make_stack(Adam(0.1, rate_factors=FACTORS))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.optimizer.rate_factors == FACTORS
    before = loaded.get_weights()
    loaded.optimizer.apply([keras.ops.ones_like(weight) for weight in loaded.trainable_variables])
    steps = [np.abs(new - old).mean() for new, old in zip(loaded.get_weights(), before, strict=True)]
    np.testing.assert_allclose(steps, 0.1 * np.repeat([0.25, 0.5, 1.0], 2), rtol=1e-4)
