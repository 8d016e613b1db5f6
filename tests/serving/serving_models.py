"""Small SavedModels that the tests serve, made with TensorFlow alone."""

import os
from pathlib import Path


def write_plain(folder, addend=3.0):
    """Write a version with a signature for each rule of the API; `serving_default` halves and adds `addend`."""
    import tensorflow as tf

    addend = tf.constant(addend)

    def spec(dtype, *shape):
        return tf.TensorSpec(shape, dtype)

    def half_plus(x):
        return {"y": x / 2 + addend}

    def several(number, name):
        return {"total": tf.reduce_sum(number, axis=1), "name": name, "name_bytes": name}

    def no_batch(x):
        return {"y": x + 1}

    def summary(x):  # the first axis of the output is not the batch
        return {"y": tf.stack([tf.reduce_sum(x), tf.reduce_max(x)])}

    def row_sums(x):
        return {"y": tf.reduce_sum(x, axis=1)}

    def types(whole, flag, wide, small):
        return {"whole": whole, "flag": flag, "wide": wide, "small": small}

    def positive(x):
        with tf.control_dependencies([tf.debugging.assert_non_negative(x, "x must not be negative")]):
            return {"y": tf.identity(x)}

    def spin(steps):
        done = tf.while_loop(lambda i: i < tf.reduce_max(steps), lambda i: [i + 1], [tf.constant(0, tf.int64)])
        return {"done": steps + 0 * done[0]}

    def classes(text):
        length = tf.cast(tf.strings.length(text), tf.float32)
        names = tf.tile(tf.constant([["short", "long"]]), [tf.shape(text)[0], 1])
        return {"classes": names, "scores": tf.stack([1 / (1 + length), length / (1 + length)], axis=1)}

    def features(examples):
        parsed = tf.io.parse_example(examples, {"x": tf.io.FixedLenFeature([], tf.float32)})
        return {"outputs": parsed["x"] / 2 + addend}

    functions = {
        "serving_default": (half_plus, spec(tf.float32, None)),
        "several": (several, spec(tf.float32, None, 2), spec(tf.string, None)),
        "no_batch": (no_batch, spec(tf.int32)),
        "summary": (summary, spec(tf.float32, None)),
        "row_sums": (row_sums, spec(tf.float32, None, None)),
        "types": (types, spec(tf.int32, None), spec(tf.bool, None), spec(tf.int64, None), spec(tf.uint8, None)),
        "positive": (positive, spec(tf.float32, None)),
        "spin": (spin, spec(tf.int64, None)),
        "classes": (classes, spec(tf.string, None)),
        "features": (features, spec(tf.string, None)),
        "complex": (lambda x: {"y": tf.abs(x)}, spec(tf.complex64, None)),
    }
    write_saved_model(folder, functions)
    _set_method(folder, "features", "tensorflow/serving/regress")


def write_half_plus(folder, addend):
    """Write a version with one signature, moved into place whole."""
    import tensorflow as tf

    constant = tf.constant(addend)
    temporary = Path(folder).parent / f".tmp-{Path(folder).name}"
    write_saved_model(temporary, {"serving_default": (lambda x: {"y": x / 2 + constant}, tf.TensorSpec([None]))})
    os.replace(temporary, folder)


def write_reader(folder):
    """Write a model with the signatures that the page shows: it answers a text with its words in reverse order."""
    import tensorflow as tf

    text = tf.TensorSpec([None], tf.string)

    def words(text):
        return tf.strings.split(text).to_tensor("")

    def serving_default(text):
        answer = tf.strings.reduce_join(tf.reverse(words(text), [1]), axis=1, separator=" ")
        return {"text": tf.strings.strip(answer), "score": -0.25 * tf.cast(tf.strings.length(text), tf.float32)}

    def nbest(text):
        first = serving_default(text)["text"]
        return {"texts": tf.stack([first, text], 1), "scores": tf.tile([[-0.5, -1.5]], [tf.shape(text)[0], 1])}

    def explain(text):
        source = words(text)
        size = tf.shape(source)[1]
        identity = tf.eye(size, batch_shape=tf.shape(source)[:1])
        return {
            "source_tokens": source,
            "target_tokens": tf.reverse(source, [1]),
            "alignment": tf.reverse(identity, [1]) * 0.75 + 0.25 / tf.cast(size, tf.float32),
        }

    write_saved_model(folder, {f.__name__: (f, text) for f in (serving_default, nbest, explain)})


def write_sorter(folder):
    """Write a model with the outputs of a classification: the longer a text, the longer its class."""
    import tensorflow as tf

    text = tf.TensorSpec([None], tf.string)

    def serving_default(text):
        length = tf.cast(tf.strings.length(text), tf.float32)
        scores = tf.stack([1 / (1 + length), length / (1 + length)], axis=1)
        classes = tf.tile(tf.constant([["short", "long"]]), [tf.shape(text)[0], 1])
        best = tf.argmax(scores, axis=1)
        label = tf.gather(tf.constant(["short", "long"]), best)
        return {"label": label, "score": tf.reduce_max(scores, axis=1), "classes": classes, "scores": scores}

    def explain(text):
        tokens = tf.strings.split(text).to_tensor("")
        length = tf.cast(tf.strings.length(tokens), tf.float32)
        return {"tokens": tokens, "weights": length / tf.reduce_sum(length, axis=1, keepdims=True)}

    write_saved_model(folder, {f.__name__: (f, text) for f in (serving_default, explain)})


def write_saved_model(folder, functions):
    """Write a SavedModel of functions, a dict of name -> (function, one `TensorSpec` for each argument)."""
    import inspect

    import tensorflow as tf

    signatures = {}
    for name, (function, *specs) in functions.items():
        names = list(inspect.signature(function).parameters)
        named = [tf.TensorSpec(spec.shape, spec.dtype, key) for key, spec in zip(names, specs, strict=True)]
        traced = tf.function(function, input_signature=named, autograph=False)
        signatures[name] = traced.get_concrete_function()
    tf.saved_model.save(tf.Module(), str(folder), signatures=signatures)


def _set_method(folder, name, method):
    """Say what a signature is for, as models written for the first TensorFlow do."""
    from tensorflow.core.protobuf import saved_model_pb2

    path = Path(folder, "saved_model.pb")
    saved = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    saved.meta_graphs[0].signature_def[name].method_name = method
    path.write_bytes(saved.SerializeToString())
