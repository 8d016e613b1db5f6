"""Dropout with few random numbers."""

import keras


def dropout(x, rate, seed, implementation=None):
    """Sets a random share of a tensor to zero and scales up the rest.

    `y = x m / (1 - rate)`, where m is 0 with probability `rate` and else 1.

    Args:
        x: Float tensor.
        rate: Share set to zero, at least 0 and below 1; "tensorflow" rounds it to a multiple of 1/256, of 1/65536 below
            1/16 and above 15/16, and scales by the rounded one.
        seed: A `keras.random.SeedGenerator` or an integer.
        implementation: "plain" for `keras.random` alone, "tensorflow" for 8 or 16 random bits an element; None chooses
            by the active backend.

    Returns:
        Tensor like `x`.

    Raises:
        ValueError: If the implementation is unknown or its backend is not the active one.

    Example:
        >>> import numpy as np
        >>> from keras_attn.ops import dropout
        >>> sorted(set(np.array(dropout(np.ones((40, 5), "float32"), rate=0.5, seed=1)).ravel().tolist()))
        [0.0, 2.0]

    Reference:
        Srivastava et al. 2014, "Dropout: A Simple Way to Prevent Neural Networks from Overfitting", section 4, scaled
        in training rather than at test time.
    """
    few_bits = keras.backend.backend() == "tensorflow"
    if implementation not in (None, "plain", "tensorflow") or (implementation == "tensorflow" and not few_bits):
        raise ValueError(
            "`implementation` must be None, 'plain' or, on the TensorFlow backend, 'tensorflow'. "
            f"Received: implementation={implementation!r}"
        )
    if few_bits and implementation != "plain":
        from keras_attn.ops import tensorflow

        return tensorflow.dropout(x, rate, seed)
    return keras.random.dropout(x, rate, seed=seed)
