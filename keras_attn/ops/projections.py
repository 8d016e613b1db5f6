"""Linear projections done as one matrix product."""

import math

from keras import ops


def project(inputs, kernels, biases):
    """Applies several linear maps to the same input with a single two-dimensional matrix product.

    `outputs[i] = inputs @ kernels[i] + biases[i]`. One `[B*T, D] x [D, sum of F_i]` product is faster than several
    small or three-dimensional ones.

    Args:
        inputs: Float tensor [B, T, D].
        kernels: Sequence of tensors [D, ...]; what follows D is the shape of that output.
        biases: Sequence of tensors [...] as long as `kernels`, or all None.

    Returns:
        List of tensors [B, T, ...], one a kernel.

    Example:
        >>> import numpy as np
        >>> from keras_attn.ops import project
        >>> x, kernel = np.ones((2, 3, 5), "float32"), np.ones((5, 7, 11), "float32")
        >>> [tuple(y.shape) for y in project(x, [kernel, kernel], [None, None])]
        [(2, 3, 7, 11), (2, 3, 7, 11)]
    """
    batch, length, dim = ops.shape(inputs)
    batch = -1 if isinstance(length, int) and length else batch  # one unknown size needs no arithmetic in the graph
    shapes = [tuple(kernel.shape[1:]) for kernel in kernels]
    sizes = [math.prod(shape) for shape in shapes]
    flat = [ops.reshape(kernel, (dim, size)) for kernel, size in zip(kernels, sizes, strict=True)]
    joined = flat[0] if len(flat) == 1 else ops.concatenate(flat, axis=1)
    outputs = ops.matmul(ops.reshape(inputs, (-1, dim)), joined)  # [B*T, sum of F_i]
    if biases[0] is not None:
        flat = [ops.reshape(bias, (size,)) for bias, size in zip(biases, sizes, strict=True)]
        outputs = outputs + (flat[0] if len(flat) == 1 else ops.concatenate(flat, axis=0))
    ends = [sum(sizes[: i + 1]) for i in range(len(sizes) - 1)]
    parts = ops.split(outputs, ends, axis=1) if ends else [outputs]
    return [ops.reshape(part, (batch, length, *shape)) for part, shape in zip(parts, shapes, strict=True)]
