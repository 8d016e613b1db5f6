"""Cross-entropy with label smoothing on integer labels."""

import keras
from keras import ops


def crossentropy(labels, logits, label_smoothing=0.0, implementation=None):
    """Cross-entropy between smoothed labels and the softmax of logits, without building either distribution.

    `loss = logsumexp(z) - (1 - e) z[y] - e mean(z)`, in float32 whatever the dtype of the logits.

    Args:
        labels: Integer tensor [...].
        logits: Float tensor [..., V].
        label_smoothing: The share e of the target that is spread evenly over the V classes.
        implementation: "plain" for keras.ops alone, "tensorflow" for few passes with a gradient of their own; None
            chooses by the active backend.

    Returns:
        Float32 tensor [...].

    Raises:
        ValueError: If the implementation is unknown or its backend is not the active one.

    Example:
        >>> import numpy as np
        >>> from keras_attn.ops import crossentropy
        >>> loss = crossentropy(np.array([1]), np.log(np.array([[0.5, 0.25, 0.25]], "float32")))
        >>> round(float(loss[0]), 4)
        1.3863
    """
    fused = keras.backend.backend() == "tensorflow"
    if implementation not in (None, "plain", "tensorflow") or (implementation == "tensorflow" and not fused):
        raise ValueError(
            "`implementation` must be None, 'plain' or, on the TensorFlow backend, 'tensorflow'. "
            f"Received: implementation={implementation!r}"
        )
    if fused and implementation != "plain":
        from keras_attn.ops import tensorflow

        return tensorflow.crossentropy(labels, logits, label_smoothing)
    logits = ops.cast(logits, "float32")
    labels = ops.cast(labels, "int32")
    right = ops.squeeze(ops.take_along_axis(logits, labels[..., None], axis=-1), -1)
    loss = ops.logsumexp(logits, axis=-1) - (1.0 - label_smoothing) * right
    return loss - label_smoothing * ops.mean(logits, axis=-1) if label_smoothing else loss
