"""Encodings of where in the sequence a token stands."""

import math

from keras import ops


def sinusoidal_positions(length, dim, start=0, dtype="float32"):
    """Sines and cosines of geometrically growing wavelengths, one row a position.

    `PE[p, 2i] = sin(p / 10000^(2i/D))`, `PE[p, 2i+1] = cos(p / 10000^(2i/D))`.

    Args:
        length: Number of positions T, a Python integer or an integer scalar tensor.
        dim: Model size D, an even integer.
        start: Position of the first row, an integer or an integer scalar tensor; or integers [B, T] to add to each
            row's index, where every token counts from a start of its own (packed sequences).
        dtype: Dtype of the result; angles are computed in float32.

    Returns:
        Tensor [T, D], or [B, T, D].

    Raises:
        ValueError: If `dim` is odd.

    Example:
        >>> from keras_attn.ops import sinusoidal_positions
        >>> sinusoidal_positions(2, 4).numpy().round(2).tolist()
        [[0.0, 1.0, 0.0, 1.0], [0.8399999737739563, 0.5400000214576721, 0.009999999776482582, 1.0]]

    Reference:
        Vaswani et al. 2017, section 3.5.
    """
    position = ops.arange(length, dtype="int32") + ops.cast(start, "int32")
    return ops.cast(sinusoids(position, dim), dtype)


def sinusoids(position, dim):
    """The rows of `sinusoidal_positions` for positions in any order, such as distances.

    Args:
        position: Integer tensor [...]; may be negative.
        dim: Model size D, an even integer.

    Returns:
        Float32 tensor [..., D].

    Raises:
        ValueError: If `dim` is odd.
    """
    if dim % 2:
        raise ValueError(f"Sines and cosines come in pairs: `dim` must be even, make it {dim + 1}. Received: dim={dim}")
    rate = ops.exp(ops.arange(0, dim, 2, dtype="float32") * (-math.log(10000.0) / dim))  # [D/2]
    angle = ops.cast(position, "float32")[..., None] * rate  # [..., D/2]
    pairs = ops.stack([ops.sin(angle), ops.cos(angle)], axis=-1)  # [..., D/2, 2]
    return ops.reshape(pairs, (*ops.shape(position), dim))


def rotate_by_position(inputs, start=0, max_wavelength=10000.0):
    """Rotates pairs of numbers by angles that grow with the position.

    The pair `(x[i], x[i + H/2])` turns by `p / max_wavelength^(2i/H)` at position p, so that the product of a rotated
    query and a rotated key depends on the distance of their positions alone.

    Args:
        inputs: Float tensor [B, T, N, H], H even.
        start: Position of the first row, an integer or an integer scalar tensor.
        max_wavelength: Base of the wavelengths.

    Returns:
        Tensor [B, T, N, H].

    Raises:
        ValueError: If H is odd.

    Example:
        >>> import numpy as np
        >>> from keras_attn.ops import rotate_by_position
        >>> rotate_by_position(np.array([[[[1.0, 0.0]], [[1.0, 0.0]]]], "float32"))[0, :, 0].numpy().round(2).tolist()
        [[1.0, 0.0], [0.5400000214576721, 0.8399999737739563]]

    Reference:
        Su et al. 2021, "RoFormer", section 3.2.2, equation 34; they pair neighbours, `(x[2i], x[2i + 1])`, which is
        the same up to the order of the H numbers.
    """
    dim = inputs.shape[-1]
    if dim % 2:
        raise ValueError(f"Numbers are rotated in pairs: the head size must be even. Received: H={dim}")
    start = ops.cast(start, "int32")
    position = ops.cast(ops.arange(ops.shape(inputs)[1], dtype="int32") + start, "float32")[:, None]
    rate = ops.exp(ops.arange(0, dim, 2, dtype="float32") * (-math.log(max_wavelength) / dim))[None, :]
    angle = (position * rate)[:, None]  # [T, 1, H/2]
    cosine, sine = ops.cast(ops.cos(angle), inputs.dtype), ops.cast(ops.sin(angle), inputs.dtype)
    first, second = ops.split(inputs, 2, axis=-1)
    return ops.concatenate([first * cosine - second * sine, first * sine + second * cosine], axis=-1)
