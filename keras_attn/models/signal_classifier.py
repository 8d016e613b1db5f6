"""A classifier of signals: some encoders that answer together, each pooled into one vector."""

import keras
from keras import ops

from keras_attn import layers
from keras_attn.layers.layer import check_positive


def signal_classifier(encoders, num_classes, num_windows=8, dropout=0.1, dtype=None):
    """Builds a classifier on encoders.

    Each encoder has a windowed pooling, whose vectors are put side by side, and an output layer of its own. Trained
    side by side, on the same batches from other random numbers, they make an ensemble.

    Args:
        encoders: List of M functional models made by `signal_encoder`, with names that differ; they become a part of
            the classifier.
        num_classes: Number of classes.
        num_windows: Number of stretches of time that are pooled by themselves, see `layers.WindowedPooling`.
        dropout: Share of the pooled vectors set to zero in training.
        dtype: Dtype policy of the layers; the logits are float32 in any case.

    Returns:
        A functional `keras.Model` named `signal_classifier`: a dict of `signals`, float [B, T, C], and `mask`, boolean
        [B, T] -> float32 logits [B, M, num_classes]. The answer is the mean of their probabilities, see `class_logits`.

    Raises:
        ValueError: If there is no encoder, or a number is not positive.

    Example:
        >>> from keras_attn import models
        >>> encoders = [models.signal_encoder(1, hidden_dim=8, num_heads=2, name=f"encoder_{i}") for i in range(2)]
        >>> models.signal_classifier(encoders, 3).output.shape
        (None, 2, 3)

    Reference:
        Yang et al. 2016, "Hierarchical Attention Networks for Document Classification", equations 5 to 7 (pooling);
        Fawaz et al. 2020, "InceptionTime", section 3.2 (the ensemble).
    """
    check_positive(num_classes=num_classes, num_windows=num_windows)
    if not encoders:
        raise ValueError("A classifier needs an encoder. Received: encoders=[]")
    inputs = {
        name: keras.Input(tensor.shape[1:], dtype=tensor.dtype, name=name) for name, tensor in encoders[0].input.items()
    }
    logits = []
    for i, encoder in enumerate(encoders):
        encoded = encoder(inputs)
        pooling = layers.WindowedPooling(num_windows, name=f"pooling_{i}", dtype=dtype)
        x = pooling(encoded["steps"], mask=encoded["mask"])  # [B, P, D]
        x = ops.reshape(x, (-1, num_windows * x.shape[-1]))  # [B, P D]
        x = layers.Dropout(dropout, name=f"pooled_dropout_{i}", dtype=dtype)(x)
        logits.append(keras.layers.Dense(num_classes, name=f"output_{i}", dtype="float32")(x))
    return keras.Model(inputs, ops.stack(logits, axis=1), name="signal_classifier")


def class_logits(logits):
    """Gives the logits of the mean of several classifiers' probabilities.

    Args:
        logits: Float tensor [B, M, C].

    Returns:
        Tensor [B, C]: the logarithms of the mean probabilities.

    Example:
        >>> import numpy as np
        >>> from keras_attn.models import class_logits
        >>> logits = np.log(np.array([[[0.9, 0.1], [0.5, 0.5]]], "float32"))
        >>> [round(float(share), 4) for share in np.exp(class_logits(logits))[0]]
        [0.7, 0.3]
    """
    return ops.logsumexp(ops.log_softmax(logits, axis=-1), axis=1) - ops.log(float(logits.shape[1]))


def step_weights(model, inputs):
    """Tells how much of what a classifier pools comes from each step: the mean over its encoders and their windows.

    Args:
        model: A model made by `signal_classifier`, or loaded from a file.
        inputs: Dict of `signals` and `mask`, as the model takes it.

    Returns:
        Float tensor [B, T']; each row sums to 1.
    """
    weights = []
    for i, encoder in enumerate(layer for layer in model.layers if isinstance(layer, keras.Model)):
        encoded = encoder(inputs)
        pooling = model.get_layer(f"pooling_{i}")
        scores = pooling(encoded["steps"], mask=encoded["mask"], return_attention_scores=True)[1]  # [B, P, T']
        weights.append(ops.cast(ops.mean(scores, axis=1), "float32"))
    return sum(weights) / len(weights)
