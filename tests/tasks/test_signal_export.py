"""SavedModels of signals, asked in a fresh process by plain TensorFlow."""

import json
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from scipy.io import wavfile

from keras_attn.tasks import Signal
from keras_attn.tasks.signal_export import decoded, wav_bytes_of
from tests.tasks.signal_cases import SMALL, beeps

CLIENT = """
import json, sys
import numpy as np
import tensorflow as tf
model = tf.saved_model.load(sys.argv[1])
inputs = np.load(sys.argv[2])
found = model.signatures["serving_default"](**{name: tf.constant(inputs[name]) for name in inputs.files})
print(json.dumps({name: tensor.numpy().tolist() for name, tensor in found.items() if tensor.dtype != tf.string}
                 | {name: [text.decode() for text in tensor.numpy().ravel()] for name, tensor in found.items()
                    if tensor.dtype == tf.string}))
"""


def asked(version, folder, **inputs):
    np.savez(folder / "inputs.npz", **inputs)
    command = [sys.executable, "-c", CLIENT, str(version), str(folder / "inputs.npz")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def version(signal_task, tmp_path_factory):
    return signal_task.task.export(tmp_path_factory.mktemp("export") / "shapes")


def test_a_fresh_process_answers_as_the_task_does(signal_task, version, tmp_path):
    signals = signal_task.validation.signals[:5]
    batch = np.zeros((5, 50, 2), "float32")
    for row, signal in enumerate(signals):
        batch[row, : len(signal)] = signal
        batch[row, len(signal) :] = 99.0  # behind the end anything may stand
    outputs = asked(version, tmp_path, signals=batch, lengths=np.array([len(s) for s in signals], "int32"))
    answers = signal_task.task.answers(signals)
    assert outputs["label"] == [answer.label for answer in answers]
    np.testing.assert_allclose(outputs["score"], [answer.confidence for answer in answers], atol=1e-4)
    assert outputs["is_confident"] == [answer.is_confident for answer in answers]


def test_explain_and_what_stands_beside(signal_task, version):
    signal = signal_task.validation.signals[0]
    explain = tf.saved_model.load(str(version)).signatures["explain"]
    found = explain(signals=tf.constant(signal[None]), lengths=tf.constant([len(signal)]))["weights"].numpy()[0]
    np.testing.assert_allclose(found, signal_task.task.explain(signal).weights, atol=1e-5)
    card = (version / "README.md").read_text("utf-8")
    for part in (
        "`serving_default`",
        "`signals` float32 [B, -, 2]",
        "spike, square, wave",
        "answers are those of the task",
    ):
        assert part in card, part
    assert (version / "assets.extra" / "tf_serving_warmup_requests").stat().st_size > 100
    assert "Xla" not in (version / "ops.txt").read_text("utf-8")


@pytest.mark.long
def test_wav_bytes_in_text_out(tmp_path):
    settings = {**SMALL, "mel_bands": 12, "reduction": 2, "batch_size": 8, "members": 1, "num_layers": 1, "epochs": 1}
    task = Signal("transcribe", **settings)
    data = beeps(40, 1)
    task.fit(data, beeps(8, 2), run=tmp_path / "run")
    version = task.export(tmp_path / "model")
    signals = [signal[:, 0] for signal in data.signals[:3]]
    contents = [wav_bytes_of(samples, 4000) for samples in signals]
    found = asked(version, tmp_path, wav_bytes=np.array(contents, object).astype("S"))
    expected = task.answers([np.round(samples * 32768) / 32768 for samples in signals])
    assert found["text"] == [answer.text for answer in expected]
    np.testing.assert_allclose(found["score"], [answer.score for answer in expected], atol=1e-2)


def test_wav_files_are_read_in_the_graph(tmp_path):
    samples = [np.linspace(-0.5, 0.5, length).astype("float32") for length in (7, 12)]
    both = np.stack([samples[1], samples[1] / 2], axis=1)
    wavfile.write(tmp_path / "stereo.wav", 4000, (both * 32767).astype("int16"))
    contents = [wav_bytes_of(part, 4000) for part in samples] + [(tmp_path / "stereo.wav").read_bytes()]
    batch, lengths = decoded(tf.constant(contents), 4000)
    assert batch.shape == (3, 12, 1) and lengths.numpy().tolist() == [7, 12, 12]
    np.testing.assert_allclose(batch[0, :7, 0], samples[0], atol=1e-4)
    np.testing.assert_allclose(batch[2, :, 0], 0.75 * samples[1], atol=1e-3)
    assert not batch[0, 7:].numpy().any()
    with pytest.raises(tf.errors.InvalidArgumentError, match="must have 8000 samples a second"):
        decoded(tf.constant(contents), 8000)
