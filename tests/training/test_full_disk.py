"""A disk that is full for a while costs no more than the checkpoints that found no room; on a real, small one."""

import subprocess

import keras
import numpy as np
import pytest

from keras_attn.training import RunFolder, RunRecorder, resumable_fit

EPOCHS = 4


class Batches:
    target_tokens, epoch = 8, 0

    def __len__(self):
        return 1


@pytest.fixture
def disk(tmp_path):
    path = tmp_path / "disk"
    path.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(path)], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"needs the right to mount a file system: {mounted.stderr.decode()}")
    yield path
    subprocess.run(["umount", str(path)], check=True)


@pytest.mark.long
def test_a_full_disk(disk):
    import tensorflow as tf

    folder = RunFolder(disk / "run")
    folder.create({"task": "test"})
    filler, whole = disk / "filler", []

    def fill_or_clear(epoch, logs):
        if epoch == 1:  # the second epoch ends on a full disk, and not a byte of metrics.jsonl has room
            begun = (folder.path / "metrics.jsonl").stat().st_size + len('{"event": ""}\n')
            folder.append_metrics({"event": "-" * (4096 - begun)})
            with open(filler, "wb", buffering=0) as file, pytest.raises(OSError, match="No space left"):
                while True:
                    file.write(b"0" * 4096)
        if epoch == 3:
            model, state = folder.load_checkpoint("last")
            whole.append((state["epoch"], all(np.isfinite(weight).all() for weight in model.get_weights())))
            filler.unlink()

    inputs = keras.Input((8,))
    model = keras.Model(inputs, keras.layers.Dense(1)(keras.layers.Dense(2000)(inputs)))  # 0.2 MB with its optimizer
    model.compile("adam", "mse", jit_compile=False)
    model.optimizer.build(model.trainable_variables)
    rows = np.random.default_rng(1).normal(size=(8, 8)).astype("float32")
    dataset = tf.data.Dataset.from_tensors((rows, rows[:, :1]))
    recorder = RunRecorder(folder, Batches(), dataset, dict, "val_loss", mode="min")
    act = keras.callbacks.LambdaCallback(on_epoch_begin=fill_or_clear)
    with pytest.warns(UserWarning) as told:
        resumable_fit(model, recorder, dataset, EPOCHS, [act])
    messages = " ".join(str(warning.message) for warning in told)
    assert "No checkpoint of step 2 could be written" in messages and "make room" in messages
    assert "metrics.jsonl could not be written" in messages
    assert whole == [(1, True)]  # the good one stayed
    assert folder.load_checkpoint("last")[1]["epoch"] == folder.load_checkpoint("best")[1]["epoch"] == EPOCHS
    assert [line["epoch"] for line in folder.metrics()] == [1, 2, 3, 4]  # the lines that found no room came later
