"""Encodings of where in the sequence a token stands."""

import math

from keras import ops


def sinusoidal_positions(length, dim, start=0, dtype="float32"):
    """Sines and cosines of geometrically growing wavelengths, one row a position.

    `PE[p, 2i] = sin(p / 10000^(2i/D))`, `PE[p, 2i+1] = cos(p / 10000^(2i/D))`.

    Args:
        length: Number of positions T, a Python integer or an integer scalar tensor.
        dim: Model size D, an even integer.
        start: Position of the first row, an integer or an integer scalar tensor.
        dtype: Dtype of the result; angles are computed in float32.

    Returns:
        Tensor [T, D].

    Raises:
        ValueError: If `dim` is odd.

    Example:
        >>> from keras_attn.ops import sinusoidal_positions
        >>> sinusoidal_positions(2, 4).numpy().round(2).tolist()
        [[0.0, 1.0, 0.0, 1.0], [0.8399999737739563, 0.5400000214576721, 0.009999999776482582, 1.0]]

    Reference:
        Vaswani et al. 2017, section 3.5.
    """
    if dim % 2:
        raise ValueError(f"Sines and cosines come in pairs: `dim` must be even, make it {dim + 1}. Received: dim={dim}")
    position = ops.arange(length, dtype="int32") + ops.cast(start, "int32")
    position = ops.cast(position, "float32")[:, None]
    rate = ops.exp(ops.arange(0, dim, 2, dtype="float32") * (-math.log(10000.0) / dim))[None, :]
    angle = position * rate  # [T, D/2]
    pairs = ops.stack([ops.sin(angle), ops.cos(angle)], axis=-1)  # [T, D/2, 2]
    return ops.cast(ops.reshape(pairs, (-1, dim)), dtype)
