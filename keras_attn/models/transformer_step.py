"""A decoding step of the Transformer with all that does not change from step to step computed beforehand."""

import math

import keras
from keras import ops

from keras_attn.ops import attend_scaled


def prepared_blocks(blocks):
    """Prepares decoder blocks for inputs of one position.

    The weights are read, cast and joined here, outside of the loop that decodes, and all is two-dimensional: a step has
    less than half the operations of one through the blocks themselves, and the same numbers. The inputs of pre-norm
    blocks must be centered (`center`); so are their outputs.

    Args:
        blocks: The decoder blocks of a model.

    Returns:
        A list of functions `(x, index, past, cross_past, bias) -> (x, past)`, one a block, with `x` [B*W, D], `index`
        the position, the caches of `TransformerDecoderBlock` in the form of a past, and `bias` [B, 1, 1, 1, S], which
        forbids the padding of the source; None where a block does something that only itself knows: a window, a bias of
        the scores, quantized weights.
    """
    return [_prepared(block) for block in blocks] if all(map(_is_plain, blocks)) else None


def _is_plain(block):
    position = block.self_attention.position
    has_bias = position is not None and (position.score_bias() is not None or position.value_bias() is not None)
    quantized = any(getattr(layer, "quantization_mode", None) for layer in block._flatten_layers())
    return block.sliding_window is None and not has_bias and not quantized


def _prepared(block):
    own, cross, feed_forward = block.self_attention, block.cross_attention, block.feed_forward
    num_heads, dim = block.num_heads, own.key_dim
    kv_heads, width = block.num_kv_heads or num_heads, num_heads * dim
    heads, scale = (kv_heads, num_heads // kv_heads, dim), 1.0 / math.sqrt(dim)
    query_scale = 1.0 if own.normalize_query_key else scale  # a norm would undo it
    residual = block.self_attention_residual
    own_in = _entering(residual, own.query_dense, own.key_dense, own.value_dense, first_scale=query_scale)
    own_out = _leaving(residual, own.output_dense)
    residual = block.cross_attention_residual
    cross_in = _entering(residual, cross.query_dense, first_scale=query_scale)
    cross_out = _leaving(residual, cross.output_dense)
    residual = block.feed_forward_residual
    hidden, output = _entering(residual, feed_forward.hidden_dense), _leaving(residual, feed_forward.output_dense)
    gate = _entering(residual, feed_forward.gate_dense) if feed_forward.gated else None

    def normalized(norm, x):
        return norm(ops.reshape(x, (-1, 1, x.shape[-1] // dim, dim)))

    def self_attention(x, index, past):
        query, key, value = ops.split(_dense(x, own_in), [width, width + kv_heads * dim], axis=1)
        if own.normalize_query_key:
            query, key = normalized(own.query_norm, query) * scale, normalized(own.key_norm, key)
        if own.position is not None:
            query = own.position.encode_query(ops.reshape(query, (-1, 1, num_heads, dim)), index)
            key = own.position.encode_key(ops.reshape(key, (-1, 1, kv_heads, dim)), index)
        new = {"past_key": key, "past_value": value}
        past = {
            name: ops.concatenate([past[name], ops.reshape(new[name], (-1, kv_heads, 1, dim))], axis=2) for name in new
        }
        found = attend_scaled(ops.reshape(query, (-1, 1, *heads)), past)
        return _dense(ops.reshape(found, (-1, width)), own_out), past

    def cross_attention(x, past, bias):
        query = _dense(x, cross_in)
        if cross.normalize_query_key:
            query = normalized(cross.query_norm, query) * scale
        query = ops.reshape(query, (ops.shape(bias)[0], -1, *heads))  # [B, W, K, G, H]
        return _dense(ops.reshape(attend_scaled(query, past, bias), (-1, width)), cross_out)

    def feed_forward_network(x):
        inner = _dense(x, hidden)
        inner = feed_forward.activation(inner) if gate is None else feed_forward.activation(_dense(x, gate)) * inner
        return _dense(inner, output)

    def step(x, index, past, cross_past, bias):
        residual = block.self_attention_residual
        y, past = self_attention(_enter(residual, x), index, past)
        x = _leave(residual, x, y)
        residual = block.cross_attention_residual
        x = _leave(residual, x, cross_attention(_enter(residual, x), cross_past, bias))
        residual = block.feed_forward_residual
        return _leave(residual, x, feed_forward_network(_enter(residual, x))), past

    return step


# Pre-norm blocks read the residual stream through norms alone, so two things can be done beforehand. The norm's gain
# and shift go into the weights behind it. And what a layer norm subtracts, the mean of the stream, is zero at all times
# if everything that is added to the stream has a mean of zero: then it is `x / sqrt(mean(x^2) + epsilon)`.


def center(norm, x):
    """Takes the mean off what is to be added to the residual stream, if its norm would.

    Args:
        norm: The `LayerNormalization` or `RMSNormalization` that the stream goes through.
        x: Float tensor [..., D].

    Returns:
        Tensor [..., D].
    """
    return x - ops.mean(x, axis=-1, keepdims=True) if isinstance(norm, keras.layers.LayerNormalization) else x


def normalize_centered(norm, x):
    """Normalizes a centered stream, without the norm's gain and shift.

    Args:
        norm: The `LayerNormalization` or `RMSNormalization`.
        x: Float tensor [..., D].

    Returns:
        Tensor [..., D].
    """
    wide = ops.cast(x, "float32")
    scale = ops.rsqrt(ops.mean(ops.square(wide), axis=-1, keepdims=True) + norm.epsilon)
    return ops.cast(wide * scale, x.dtype)


def fold_norm(norm, kernel, bias=None):
    """Gives the weights of a dense layer behind `normalize_centered` that gives the numbers of one behind the norm.

    Args:
        norm: The `LayerNormalization` or `RMSNormalization`.
        kernel: Float32 tensor [D, F].
        bias: Float32 tensor [F], or None.

    Returns:
        Kernel [D, F] and bias [F], or None.
    """
    is_layer_norm = isinstance(norm, keras.layers.LayerNormalization)
    if is_layer_norm and norm.beta is not None:
        shift = ops.matmul(ops.cast(norm.beta, "float32")[None], kernel)[0]
        bias = shift if bias is None else bias + shift
    gain = ops.cast(norm.gamma if is_layer_norm else norm.scale, "float32")
    return gain[:, None] * kernel, bias


def _enter(residual, x):
    return normalize_centered(residual.norm, x) if residual.normalize_first else x


def _leave(residual, x, y):
    return x + y if residual.normalize_first else residual.leave(x, y)


def _entering(residual, *denses, first_scale=1.0):
    """Kernel [D, F] and bias [F] or None of dense layers that share their input, joined, behind the residual's norm.

    What the first of them gives comes out multiplied by `first_scale`.
    """
    kernel, bias = _joined(denses, denses[0].kernel.shape[0], first_scale)
    if residual.normalize_first:
        kernel, bias = fold_norm(residual.norm, kernel, bias)
    return _cast(denses[0], kernel, bias)


def _leaving(residual, dense):
    """Kernel [D, F] and bias [F] or None of a dense layer whose output is added to the residual stream."""
    kernel, bias = _joined([dense], math.prod(dense.kernel.shape[:-1]))
    if residual.normalize_first:
        kernel, bias = center(residual.norm, kernel), None if bias is None else center(residual.norm, bias)
    return _cast(dense, kernel, bias)


def _joined(denses, width, first_scale=1.0):
    def joined(weights, shape):
        # An export may keep them in fewer bits; what is folded together is worked out in float32.
        parts = [ops.reshape(ops.cast(weight, "float32"), shape) for weight in weights]
        parts[0] = parts[0] * first_scale
        return ops.concatenate(parts, axis=-1) if len(parts) > 1 else parts[0]

    kernel = joined([dense.kernel for dense in denses], (width, -1))
    return kernel, None if denses[0].bias is None else joined([dense.bias for dense in denses], (-1,))


def _cast(dense, *weights):
    return [None if weight is None else ops.cast(weight, dense.compute_dtype) for weight in weights]


def _dense(x, weights):
    kernel, bias = weights
    y = ops.matmul(x, kernel)
    return y if bias is None else y + bias
