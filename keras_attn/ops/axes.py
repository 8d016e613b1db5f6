"""Attention over some axes of an input of many: those axes become one sequence, the others part of the batch."""

import math

from keras import ops


def fold_axes(inputs, axes):
    """Makes [B, T, D] of an input with any number of axes between batch and features.

    Args:
        inputs: Tensor [B, ..., D] of rank r.
        axes: The axes attended over, integers from 1 to r - 2, or negative ones.

    Returns:
        Tensor [B * sizes of the other axes, product of the sizes of `axes`, D].
    """
    order, count = _order(len(inputs.shape), axes)
    inputs = ops.transpose(inputs, order)
    *sizes, dim = ops.shape(inputs)
    return ops.reshape(inputs, (-1, math.prod(sizes[-count:]), dim))


def unfold_axes(outputs, inputs, axes):
    """Undoes `fold_axes` on what was made of the folded tensor.

    Args:
        outputs: Tensor [B * others, T, ...].
        inputs: The tensor that was folded, for its sizes.
        axes: As given to `fold_axes`.

    Returns:
        Tensor [B, ..., ...] with the axes of `inputs` but its last, then those of `outputs` from its third on.
    """
    order, _ = _order(len(inputs.shape), axes)
    sizes = ops.shape(inputs)
    features = ops.shape(outputs)[2:]
    outputs = ops.reshape(outputs, (*(sizes[axis] for axis in order[:-1]), *features))
    back = sorted(range(len(order) - 1), key=lambda place: order[place])
    return ops.transpose(outputs, (*back, *range(len(back), len(back) + len(features))))


def unfold_scores(scores, query, key, axes):
    """Gives attention scores of folded inputs the axes of these.

    Args:
        scores: Tensor [B * others, N, T, S].
        query: Tensor [B, ..., D], unfolded.
        key: Tensor [B, ..., D'], unfolded.
        axes: As given to `fold_axes`.

    Returns:
        Tensor [B, others, N, query's attended axes, key's attended axes].
    """
    order, count = _order(len(query.shape), axes)
    sizes, key_sizes = ops.shape(query), ops.shape(key)
    others, attended = order[: -count - 1], order[-count - 1 : -1]
    shape = [sizes[axis] for axis in others], [sizes[axis] for axis in attended], [key_sizes[axis] for axis in attended]
    return ops.reshape(scores, (*shape[0], ops.shape(scores)[1], *shape[1], *shape[2]))


def fold_mask(mask, query, key, axes):
    """Folds a mask of pairs as the inputs are folded.

    Args:
        mask: Boolean tensor [B, others, N, query's attended axes, key's attended axes]; N, or N and others, may be
            left out, and any size before the attended axes may be 1.
        query: Tensor [B, ..., D], unfolded.
        key: Tensor [B, ..., D'], unfolded.
        axes: As given to `fold_axes`.

    Returns:
        Boolean tensor [B * others, N or 1, T, S].

    Raises:
        ValueError: If the mask has too few or too many axes.
    """
    order, count = _order(len(query.shape), axes)
    least, most = 2 * count + 1, len(order) + count
    if not least <= len(mask.shape) <= most:
        raise ValueError(
            f"`attention_mask` must have {least} to {most} axes: batch, axes not attended over, heads, then the "
            f"{count} attended axes of the query and of the key. Received: attention_mask.shape={tuple(mask.shape)}"
        )
    for _ in range(most - len(mask.shape)):
        mask = ops.expand_dims(mask, -2 * count - 1)
    sizes, key_sizes = ops.shape(query), ops.shape(key)
    others = [sizes[axis] for axis in order[: -count - 1]]
    attended = order[-count - 1 : -1]
    length, key_length = (math.prod(x[axis] for axis in attended) for x in (sizes, key_sizes))
    mask = ops.broadcast_to(mask, (*others, *ops.shape(mask)[len(others) :]))
    return ops.reshape(mask, (-1, ops.shape(mask)[len(others)], length, key_length))


def _order(rank, axes):
    """The axes of an input of that rank with the attended ones behind the others, and how many those are."""
    attended = [axis if axis >= 0 else rank + axis for axis in axes]
    if not attended or len(set(attended)) < len(attended) or not all(0 < axis < rank - 1 for axis in attended):
        raise ValueError(
            f"`attention_axes` must be different axes between the batch and the last of inputs of rank {rank}, so from "
            f"1 to {rank - 2}. Received: attention_axes={tuple(axes)}"
        )
    others = [axis for axis in range(rank - 1) if axis not in attended]
    return (*others, *attended, rank - 1), len(attended)
