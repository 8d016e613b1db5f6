"""A decoding step of the Transformer with all that does not change from step to step computed beforehand."""

from keras import ops

from keras_attn.ops import attend_to_past


def prepared_blocks(blocks):
    """Prepares decoder blocks for inputs of one position.

    The weights are read, cast and joined here, outside of the loop that decodes, and all is two-dimensional: a step has
    less than half the operations of one through the blocks themselves, and the same numbers.

    Args:
        blocks: The decoder blocks of a model.

    Returns:
        A list of functions `(x, index, past, cross_past, mask) -> (x, past)`, one a block, with `x` [B*W, D], `index`
        the position, the caches of `TransformerDecoderBlock` in the form of a past, and `mask` [B, S] of the source;
        None where a block does something that only itself knows: a window, a bias of the scores, quantized weights.
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
    own_in, own_out = _joined(width, own.query_dense, own.key_dense, own.value_dense), _joined(width, own.output_dense)
    cross_in, cross_out = _joined(width, cross.query_dense), _joined(width, cross.output_dense)
    hidden = _joined(width, feed_forward.hidden_dense)
    output = _joined(block.intermediate_dim, feed_forward.output_dense)
    gate = _joined(width, feed_forward.gate_dense) if feed_forward.gated else None

    def self_attention(x, index, past):
        ends = [width, width + kv_heads * dim]
        query, key, value = ops.split(_dense(x, own_in), ends, axis=1)
        query = ops.reshape(query, (-1, 1, num_heads, dim))
        key, value = ops.reshape(key, (-1, 1, kv_heads, dim)), ops.reshape(value, (-1, kv_heads, 1, dim))
        if own.normalize_query_key:
            query, key = own.query_norm(query), own.key_norm(key)
        if own.position is not None:
            query, key = own.position.encode_query(query, index), own.position.encode_key(key, index)
        past = {
            "past_key": ops.concatenate([past["past_key"], ops.reshape(key, (-1, kv_heads, 1, dim))], axis=2),
            "past_value": ops.concatenate([past["past_value"], value], axis=2),
        }
        return _dense(_joined_heads(attend_to_past(query, past)), own_out), past

    def cross_attention(x, past, mask):
        query = ops.reshape(_dense(x, cross_in), (ops.shape(mask)[0], -1, num_heads, dim))  # [B, W, N, H]
        if cross.normalize_query_key:
            query = cross.query_norm(query)
        return _dense(_joined_heads(attend_to_past(query, past, mask)), cross_out)

    def step(x, index, past, cross_past, mask):
        residual = block.self_attention_residual
        y, past = self_attention(residual.enter(x), index, past)
        x = residual.leave(x, y)
        residual = block.cross_attention_residual
        x = residual.leave(x, cross_attention(residual.enter(x), cross_past, mask))
        residual = block.feed_forward_residual
        y = residual.enter(x)
        inner = _dense(y, hidden)
        inner = feed_forward.activation(inner) if gate is None else feed_forward.activation(_dense(y, gate)) * inner
        return residual.leave(x, _dense(inner, output)), past

    return step


def _joined(width, *denses):
    """Kernel [D, F] and bias [F] or None of dense layers with the same input of width D, in their compute dtype."""

    def joined(weights, shape):
        parts = [ops.reshape(ops.cast(weight, denses[0].compute_dtype), shape) for weight in weights]
        return ops.concatenate(parts, axis=-1) if len(parts) > 1 else parts[0]

    biases = [dense.bias for dense in denses]
    kernel = joined([dense.kernel for dense in denses], (width, -1))
    return kernel, None if biases[0] is None else joined(biases, (-1,))


def _dense(x, weights):
    kernel, bias = weights
    y = ops.matmul(x, kernel)
    return y if bias is None else y + bias


def _joined_heads(heads):
    return ops.reshape(heads, (-1, heads.shape[2] * heads.shape[3]))
