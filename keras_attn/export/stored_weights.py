"""How an export stores a model's weights: as they are, in bfloat16, or in int8."""

import contextlib

import keras
import numpy as np
import tensorflow as tf


class StoredWeights:
    """The weights of a model, or of several, in the form in which a SavedModel keeps them.

    int8 keeps of each matrix `round(W / s)`, with one scale `s = max|W| / 127` for each output, and what it computes
    with is `s * round(W / s)`, in the model's compute dtype, made once a call and not once a step. Vectors, such as
    biases and the weights of norms, stay as they are.

    Args:
        models: A functional model, or a list of them.
        quantize: "int8", or None.
        dtype: "bfloat16" to store the matrices so, which fits a model that computes in it; or None.

    Attributes:
        module: `tf.Module` that holds what is stored, to be part of what is saved.

    Example:
        >>> import keras
        >>> from keras_attn.export.stored_weights import StoredWeights
        >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, kernel_initializer="ones")])
        >>> stored = StoredWeights(model, quantize="int8")
        >>> with stored.in_use():
        ...     model(keras.ops.ones((1, 3))).numpy().tolist()
        [[3.0, 3.0]]

    Reference:
        Jacob et al. 2018, "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
        Inference", equation 1, with a zero-point of 0 and a scale for each channel.
    """

    def __init__(self, models, quantize=None, dtype=None):
        self._values = []  # what computes each weight that is not stored as it is
        self._stored = []
        for model in models if isinstance(models, list | tuple) else [models]:
            compute_dtype = next(layer.compute_dtype for layer in model.layers if layer.weights)
            for weight in model.weights:
                if len(weight.shape) < 2 or not (quantize or dtype):
                    self._stored.append(weight.value)
                elif quantize == "int8":
                    self._values.append((weight, self._as_int8(weight, compute_dtype)))
                else:
                    self._stored.append(tf.Variable(tf.cast(weight.value, dtype), trainable=False))
                    self._values.append((weight, self._stored[-1].value))
        self.module = tf.Module()
        self.module.stored = self._stored

    @contextlib.contextmanager
    def in_use(self):
        """Has the model compute with what is stored, within the block: the `tf.function` that is being traced.

        Yields:
            None
        """
        with keras.StatelessScope() as scope:
            for weight, value in self._values:
                scope.add_update((weight, value()))  # not as an argument, which would be cast to the weight's dtype
            yield

    def _as_int8(self, weight, compute_dtype):
        values = keras.ops.convert_to_numpy(weight.value).astype("float32")
        largest = np.abs(values).max(axis=_input_axes(weight), keepdims=True)
        scale = np.where(largest == 0, 1.0, largest / 127).astype("float32")
        stored = tf.Variable(tf.constant(np.rint(values / scale), tf.int8), trainable=False)
        scales = tf.Variable(scale, trainable=False, name="scale")
        self._stored += [stored, scales]
        return lambda: tf.cast(tf.cast(stored, tf.float32) * scales, compute_dtype)


def _input_axes(weight):
    """The axes that a product with the weight sums over."""
    if weight.path.endswith("embeddings"):
        return (1,)  # [V, D]: an output a row, as the tied output layer takes it
    if weight.path.endswith("attention_output/kernel"):
        return (0, 1)  # [N, H, D]
    return (0,)
