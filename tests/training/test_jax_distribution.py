"""On the JAX backend `keras.distribution.DataParallel` over two devices gives the losses of one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("jax")

SCRIPT = """
import keras, numpy as np
from keras_attn import models
from keras_attn.data import TokenBatches
from keras_attn.training import AdamW, MaskedCrossentropy

generator = np.random.default_rng(0)
words = [generator.integers(3, 12, generator.integers(2, 7)) for _ in range(75)]

shape = {"batch_tokens": 112, "max_length": 8, "num_buckets": 1, "shuffle": False}

def losses():
    keras.utils.set_random_seed(1)
    model = models.transformer(12, 1, 16, 2, 32, dropout=0.0, implementation="dense")
    batches = TokenBatches(words, [np.sort(word) for word in words], **shape)
    assert all(len(batches[i][1]) % 2 == 0 for i in range(len(batches)))
    model.compile(AdamW(0.2, epsilon=0.1, weight_decay=0.01, global_clipnorm=0.1), MaskedCrossentropy(0.1))
    steps = []
    note = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: steps.append(float(logs["loss"])))
    model.fit(batches, epochs=2, shuffle=False, verbose=0, callbacks=[note])
    assert keras.backend.backend() == "jax"
    return steps, model.trainable_variables[0].value.sharding.num_devices

wanted, devices = losses()
assert devices == 1
keras.distribution.set_distribution(keras.distribution.DataParallel(devices=keras.distribution.list_devices("cpu")))
found, devices = losses()
assert devices == 2
second = len(wanted) // 2  # where the second epoch begins, with the batch of the first
assert second > 3 and abs(wanted[second] - wanted[0]) > 1e-3, wanted
np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-5)
print("trained")
"""


def test_two_devices_give_the_losses_of_one(tmp_path):
    path = os.pathsep.join([str(Path(__file__).resolve().parents[2]), os.environ.get("PYTHONPATH", "")])
    flags = "--xla_force_host_platform_device_count=2"
    environment = {**os.environ, "KERAS_BACKEND": "jax", "PYTHONPATH": path, "XLA_FLAGS": flags}
    command = [sys.executable, "-c", SCRIPT]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment, timeout=300)
    assert done.returncode == 0 and "trained" in done.stdout, done.stderr[-3000:]
