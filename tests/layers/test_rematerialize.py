"""Computed twice or kept, losses, gradients and random numbers are the same, and less memory is needed."""

import subprocess
import sys

import keras
import numpy as np
import pytest

from keras_attn import models

SIZES = {"num_layers": 1, "hidden_dim": 16, "num_heads": 2, "intermediate_dim": 24, "implementation": "dense"}
generator = np.random.default_rng(0)
IDS = {name: generator.integers(1, 11, (3, length)).astype("int32") for name, length in (("source", 7), ("target", 5))}
TARGETS = generator.normal(size=(3, 5, 11)).astype("float32")


def two_steps(rematerialize):
    """The losses of two steps, the weights, and the states of the dropouts after them."""
    keras.utils.set_random_seed(0)
    model = models.transformer(11, rematerialize=rematerialize, dropout=0.2, attention_dropout=0.1, **SIZES)
    model.compile(keras.optimizers.SGD(0.1), "mse", jit_compile=False)
    losses = [float(model.train_on_batch(IDS, TARGETS)) for _ in range(2)]
    seeds = [keras.ops.convert_to_numpy(state) for state in model.non_trainable_variables]
    return losses, model.get_weights(), seeds


def test_training_gives_the_same_numbers():
    (losses, weights, seeds), (again_losses, again_weights, again_seeds) = two_steps(False), two_steps(True)
    assert again_losses == pytest.approx(losses, rel=1e-5) and losses[0] != losses[1]
    for one, other in zip(again_weights, weights, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
    assert len(seeds) > 5
    for one, other in zip(again_seeds, seeds, strict=True):
        assert np.array_equal(one, other)


MEMORY = """
import sys
import keras, numpy as np
from keras_attn import models
from keras_attn.training import peak_memory_gb
model = models.transformer(
    50, 4, 64, 4, 256, dropout=0.1, normalize_first=True, implementation="dense", rematerialize=sys.argv[1] == "True"
)
model.compile("sgd", "mse", jit_compile=False)
ids = {name: np.ones((8, length), "int32") for name, length in (("source", 16), ("target", 16))}
model.train_on_batch(ids, np.zeros((8, 16, 50)))
before = peak_memory_gb()
ids = {name: np.ones((16, 192), "int32") for name in ids}
model.train_on_batch(ids, np.zeros((16, 192, 50)))
print("MB", int(1024 * (peak_memory_gb() - before)))
"""


@pytest.mark.long
def test_the_peak_of_memory_is_lower():
    peaks = []
    for rematerialize in (False, True):
        command = [sys.executable, "-c", MEMORY, str(rematerialize)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr[-3000:]
        peaks.append(int(done.stdout.split("MB")[1]))
    print("MB kept and computed twice:", peaks)
    assert peaks[1] < 0.75 * peaks[0]
