"""Attention masks: boolean tensors, True where a query may attend to a key."""

import functools

from keras import ops


def causal_mask(query_length, key_length, query_start=None):
    """Lets each query attend to itself and to what comes before it.

    Query `i` stands at position `query_start + i` and may attend to the keys at positions up to its own. Without
    `query_start` the two sequences end together (right-aligned), so that `T` new queries see all `S - T` older keys.

    Args:
        query_length: Number of queries T, a Python integer or an integer scalar tensor.
        key_length: Number of keys S, likewise.
        query_start: Position of the first query, an integer or an integer scalar tensor; `S - T` when None.

    Returns:
        Boolean tensor [T, S].

    Example:
        >>> from keras_attn.ops import causal_mask
        >>> causal_mask(2, 3).numpy().astype(int).tolist()
        [[1, 1, 0], [1, 1, 1]]
    """
    if query_start is None:
        query_start = key_length - query_length
    query_position = ops.arange(query_length, dtype="int32") + ops.cast(query_start, "int32")
    key_position = ops.arange(key_length, dtype="int32")
    return key_position[None, :] <= query_position[:, None]  # [T, S]


def segment_mask(query_segments, key_segments):
    """Lets the tokens of packed rows attend to those of their own segment only.

    Args:
        query_segments: Integer tensor [B, T]: which of the sequences in its row a token belongs to, 0 for none.
        key_segments: Integer tensor [B, S], likewise.

    Returns:
        Boolean tensor [B, T, S].

    Example:
        >>> import numpy as np
        >>> from keras_attn.ops import segment_mask
        >>> segment_mask(np.array([[1, 2]]), np.array([[1, 1, 2, 0]])).numpy().astype(int).tolist()
        [[[1, 1, 0, 0], [0, 0, 1, 0]]]

    Reference:
        Krell et al. 2021, "Efficient Sequence Packing without Cross-contamination", section 3.2.
    """
    is_token = ops.not_equal(key_segments, 0)[:, None, :]
    return ops.logical_and(ops.equal(query_segments[:, :, None], key_segments[:, None, :]), is_token)


def segment_starts(segments):
    """Finds where in its row each token's segment begins.

    Args:
        segments: Integer tensor [B, T] of numbers that rise along the row, from 1, then 0 for padding.

    Returns:
        Int32 tensor [B, T]; 0 at padding.

    Example:
        >>> import numpy as np
        >>> from keras_attn.ops import segment_starts
        >>> segment_starts(np.array([[1, 1, 2, 2, 3, 0]])).numpy().tolist()
        [[0, 0, 2, 2, 4, 0]]
    """
    comes_before = ops.logical_and(segments[:, None, :] < segments[:, :, None], ops.not_equal(segments, 0)[:, None, :])
    return ops.sum(ops.cast(comes_before, "int32"), axis=-1)


def expand_masks(query_mask=None, value_mask=None, key_mask=None, attention_mask=None):
    """Gives masks of different ranks the four axes of attention scores.

    Args:
        query_mask: Boolean [B, T] or None; a query that is False attends to nothing.
        value_mask: Boolean [B, S] or None; a key whose value is False is attended to by nobody.
        key_mask: Boolean [B, S] or None, likewise.
        attention_mask: Boolean [T, S], [B, T, S], [B, N, T, S] or None.

    Returns:
        List of boolean tensors that broadcast to [B, N, T, S].

    Raises:
        ValueError: If a mask has a rank that its place does not allow.
    """
    parts = []
    if query_mask is not None:
        parts.append(_expand(query_mask, {2: (1, 3)}, "query_mask", "[B, T]"))
    if value_mask is not None:
        parts.append(_expand(value_mask, {2: (1, 2)}, "value_mask", "[B, S]"))
    if key_mask is not None and key_mask is not value_mask:
        parts.append(_expand(key_mask, {2: (1, 2)}, "key_mask", "[B, S]"))
    if attention_mask is not None:
        axes = {2: (0, 0), 3: (1,), 4: ()}
        parts.append(_expand(attention_mask, axes, "attention_mask", "[T, S], [B, T, S] or [B, N, T, S]"))
    return parts


def combine_masks(masks):
    """Allows what all masks allow.

    Args:
        masks: Boolean tensors that broadcast with one another.

    Returns:
        Boolean tensor, or None when there are none.
    """
    return functools.reduce(ops.logical_and, masks) if masks else None


def expand_bias(attention_bias):
    """Gives a bias the four axes of attention scores.

    Args:
        attention_bias: Float tensor [T, S], [B, T, S], [B, N, T, S] or None.

    Returns:
        List of it as a tensor that broadcasts to [B, N, T, S], or an empty list.

    Raises:
        ValueError: If it has another rank.
    """
    if attention_bias is None:
        return []
    rank = len(attention_bias.shape)
    if rank not in (2, 3, 4):
        raise ValueError(
            f"`attention_bias` has rank {rank}; expected a float tensor of shape [T, S], [B, T, S] or [B, N, T, S]. "
            f"Received: attention_bias.shape={tuple(attention_bias.shape)}"
        )
    return [{2: lambda x: x[None, None], 3: lambda x: x[:, None], 4: lambda x: x}[rank](attention_bias)]


def _expand(mask, axes_of_rank, name, expected):
    shape = tuple(mask.shape)
    if len(shape) not in axes_of_rank:
        raise ValueError(
            f"`{name}` has rank {len(shape)}; expected a boolean tensor of shape {expected}. "
            f"Received: {name}.shape={shape}"
        )
    mask = ops.cast(mask, "bool")
    for axis in axes_of_rank[len(shape)]:
        mask = ops.expand_dims(mask, axis)
    return mask
