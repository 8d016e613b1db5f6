"""The models train with `model.fit` on the JAX backend, from ids in an `.npz` file, where there is no TensorFlow."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("jax")

SCRIPT = """
import sys
sys.modules["tensorflow"] = None  # as if it were not installed
import keras, numpy as np
from keras_attn import models
from keras_attn.data import TokenBatches
from keras_attn.training import AdamW, CheckpointAverage, MaskedAccuracy, MaskedCrossentropy, WarmupCosine

with np.load("ids.npz") as file:
    sources, targets = (np.split(file[side], file[side + "_ends"])[:-1] for side in ("source", "target"))
name = sys.argv[1]
packing = name == "packed"
if name == "rnn":
    model = models.rnn_seq2seq(12, hidden_dim=32, dropout=0.0, word_dropout=0.01)
else:
    model = models.transformer(
        12, 1, 32, 2, 64, dropout=0.0, word_dropout=0.01, implementation="dense", packed=packing
    )
batches = TokenBatches(
    sources, targets, batch_tokens=128, max_length=8, num_buckets=1, packing=packing, accumulate=2
)
optimizer = AdamW(
    WarmupCosine(0.02, 10, 10_000), weight_decay=0.01, no_decay=("bias",), gradient_accumulation_steps=2,
    use_ema=True, global_clipnorm=1.0,
)
model.compile(optimizer, MaskedCrossentropy(0.1), metrics=[MaskedAccuracy()])
average = CheckpointAverage("averages-" + name, 2)
losses = model.fit(batches, epochs=4, shuffle=False, verbose=0, callbacks=[average]).history["loss"]
assert batches.epoch == 4 and losses[-1] < 0.8 * losses[0], (name, losses)
assert int(optimizer.iterations) == 4 * len(batches) // 2
with average.applied(model):
    assert np.isfinite(model.evaluate(batches, verbose=0)[0])
assert keras.backend.backend() == "jax"
print("trained")
"""


@pytest.mark.parametrize(
    "model", ["packed", *(pytest.param(name, marks=pytest.mark.long) for name in ("transformer", "rnn"))]
)
def test_a_model_trains(model, tmp_path):
    generator = np.random.default_rng(0)
    words = [generator.integers(3, 12, generator.integers(2, 7)) for _ in range(120)]
    ends = np.cumsum([len(word) for word in words])
    sides = {"source": np.concatenate(words), "target": np.concatenate([np.sort(word) for word in words])}
    np.savez(tmp_path / "ids.npz", **sides, source_ends=ends, target_ends=ends)
    path = os.pathsep.join([str(Path(__file__).resolve().parents[2]), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "KERAS_BACKEND": "jax", "PYTHONPATH": path}
    command = [sys.executable, "-c", SCRIPT, model]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment, timeout=300)
    assert done.returncode == 0 and "trained" in done.stdout, done.stderr[-3000:]
