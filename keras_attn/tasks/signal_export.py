"""How a trained signal task is put on disk for TF Serving, and what it can be asked there."""

import io

import numpy as np
import tensorflow as tf

from keras_attn.export import check_parity
from keras_attn.tasks.card_facts import card_facts
from keras_attn.tasks.signal_features import padded
from keras_attn.tasks.task_export import export_task

_MOST_EXAMPLES = 16


def export_signal(task, asked, folder, examples=None):
    """Writes a trained signal task as the next version in a model's folder.

    Args:
        task: A trained `Signal`.
        asked: Its `AskedSignals`.
        folder: The model's folder.
        examples: Signals to compare by and to warm up with; when None the run's, or made-up ones.

    Returns:
        The folder of the new version.

    Raises:
        ExportError: If it cannot be written, or does not answer as the task does.
    """
    kept = [np.array(signal, "float32") for signal in task.run.examples()] if task.run else []
    examples = list(examples or kept or _made_up(task.num_channels))[:_MOST_EXAMPLES]
    functions = signatures(asked, task)
    requests = [_request(functions, part, task.features.sample_rate) for part in (examples[:1], examples)]
    requests = [(name, inputs) for request in requests for name, inputs in request.items()]

    def compare(answers):
        pairs = answers["signals"], task.answers(examples)
        return check_parity(*map(task.goal.texts_and_scores, pairs))

    return export_task(asked, functions, folder, requests, compare, "Signals, savedmodel", _facts(task))


def signatures(asked, task):
    """Gives the functions that a SavedModel offers; all inputs and outputs have the batch as their first dimension.

    Args:
        asked: `AskedSignals`.
        task: The `Signal` that it is of.

    Returns:
        Dict of name -> concrete function: `signals`, of recordings also `wav`, and of labels `explain`; the first that
        a client would want is `serving_default` too.
    """
    goal, rate, channels = task.goal, asked.features.sample_rate, task.num_channels

    def signals(signals, lengths):
        return goal.signature_outputs(asked.outputs(signals, lengths))

    def explain(signals, lengths):
        return {"weights": asked.step_weights(signals, lengths)[0]}

    def wav(wav_bytes):
        samples, lengths = decoded(wav_bytes, rate)
        return goal.signature_outputs(asked.outputs(samples, lengths))

    specs = [tf.TensorSpec([None, None, channels], tf.float32, "signals"), tf.TensorSpec([None], tf.int32, "lengths")]
    calls = {"signals": (signals, specs)}
    if task.settings.output == "label":
        calls["explain"] = (explain, specs)
    if rate and channels == 1:
        calls["wav"] = (wav, [tf.TensorSpec([None], tf.string, "wav_bytes")])
    calls["serving_default"] = calls.get("wav", calls["signals"])
    return {
        name: tf.function(call, input_signature=specs, autograph=False).get_concrete_function()
        for name, (call, specs) in calls.items()
    }


def decoded(wav_bytes, sample_rate):
    """Reads wav files of 16-bit samples in the graph; those of several channels are averaged to one.

    Args:
        wav_bytes: String tensor [B], the contents of the files.
        sample_rate: Samples a second that they must have.

    Returns:
        Float32 tensor [B, T, 1], 0 at padding, and int32 tensor [B] of lengths.

    Raises:
        InvalidArgumentError: Of TensorFlow, when it runs, if one is no such file or has another rate.
    """

    def read(content):
        samples, rate = tf.audio.decode_wav(content)
        wanted = f"recordings must have {sample_rate} samples a second: resample them"
        with tf.control_dependencies([tf.debugging.assert_equal(rate, sample_rate, wanted)]):
            return tf.reduce_mean(samples, axis=1)

    signature = tf.RaggedTensorSpec([None], tf.float32, ragged_rank=0)
    ragged = tf.map_fn(read, wav_bytes, fn_output_signature=signature)
    return ragged.to_tensor()[:, :, None], tf.cast(ragged.row_lengths(), tf.int32)


def wav_bytes_of(samples, sample_rate):
    """Writes samples as a wav file of 16 bits.

    Args:
        samples: Float array [T], from -1 to 1.
        sample_rate: Samples a second.

    Returns:
        The file's bytes.
    """
    from scipy.io import wavfile

    file = io.BytesIO()
    wavfile.write(file, sample_rate, np.clip(np.round(samples * 32768.0), -32768, 32767).astype("int16"))
    return file.getvalue()


def _request(functions, examples, sample_rate):
    """An example request of each signature."""
    batch, lengths = padded(examples)
    found = {}
    for name, function in functions.items():
        inputs = [spec.name for spec in tf.nest.flatten(function.structured_input_signature)]
        if "wav_bytes" in inputs:
            found[name] = {"wav_bytes": [wav_bytes_of(signal[:, 0], sample_rate) for signal in examples]}
        else:
            found[name] = {"signals": batch, "lengths": lengths}
    return found


def _made_up(num_channels):
    random = np.random.default_rng(0)
    return [random.normal(size=(length, num_channels)).astype("float32") for length in (40, 64)]


def _facts(task):
    """What the model card says beside the signatures."""
    features = {"features": task.features.kind, "channels": task.num_channels}
    if task.features.sample_rate:
        features["samples a second"] = task.features.sample_rate
    data = {
        "training signals": "training_signals",
        "validation signals": "validation_signals",
        "fingerprint of the training signals": "data",
    }
    limits = [
        "Every signal gets an answer, be it like those of the training or not.",
        "It knows what its training signals hold, with their errors and biases. Measure it on signals of your own.",
    ]
    of_run = card_facts(task, data, limits, measured="Measured, best epoch")  # there may have been no validation
    return {"Answers": task.goal.describe(), "Signals": features, **of_run}
