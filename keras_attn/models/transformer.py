"""The Transformer encoder-decoder: one functional model to train, and the same layers step by step to decode.

`encode` and `decode` read the layers of a model by name, so they work on a model just built and on one reloaded from
a `.keras` file alike.
"""

import math

import keras
from keras import ops

from keras_attn import layers
from keras_attn.layers.residual import new_normalization
from keras_attn.models.text_encoder import split_position
from keras_attn.models.transformer_step import center, fold_norm, normalize_centered, prepared_blocks
from keras_attn.ops import forbidding_bias, segment_mask, segment_starts


def transformer(
    vocabulary_size,
    num_layers=6,
    hidden_dim=512,
    num_heads=8,
    intermediate_dim=2048,
    dropout=0.1,
    attention_dropout=0.0,
    normalize_first=False,
    dtype=None,
    num_kv_heads=None,
    position="sinusoidal",
    sliding_window=None,
    normalize_query_key=False,
    normalization="layer",
    activation="relu",
    gated=False,
    use_bias=True,
    implementation=None,
    word_dropout=0.0,
    packed=False,
    rematerialize=False,
):
    """Builds the Transformer encoder-decoder with one embedding shared by source, target and output.

    Args:
        vocabulary_size: Number of ids V; id 0 is padding on both sides.
        num_layers: Number of encoder blocks, and of decoder blocks.
        hidden_dim: Width D of the model; even, and a multiple of `num_heads`.
        num_heads: Number of attention heads N.
        intermediate_dim: Width F of the feed-forward networks.
        dropout: Share of each sublayer's output and of the embeddings set to zero in training.
        attention_dropout: Share of the attention probabilities set to zero in training.
        normalize_first: Pre-norm rather than post-norm blocks.
        dtype: Dtype policy of all layers; Keras's global one when None.
        num_kv_heads: Number of key-value heads, a divisor of `num_heads`; `num_heads` when None.
        position: "sinusoidal"; a layer that adds to the embeddings, such as `layers.LearnedPosition(512)`; or one for
            attention, such as `layers.RotaryPosition()`, of which each self-attention gets a copy of its own.
        sliding_window: Window of the self-attentions, see `layers.MultiHeadAttention`; None for all positions.
        normalize_query_key: Whether the attentions normalize their queries and keys.
        normalization: "layer" or "rms".
        activation: Activation of the feed-forward networks.
        gated: Whether the feed-forward networks are gated, see `layers.FeedForward`.
        use_bias: Whether the blocks' projections have biases.
        implementation: How attention is computed, see `layers.MultiHeadAttention`; None chooses, and where lengths are
            not known puts both ways into the graph.
        word_dropout: Share of the tokens, of source and target, whose embeddings are set to zero in training.
        packed: Whether a row may hold several sequences, as `data.TokenBatches(packing=True)` makes them: each attends
            to itself and its own source alone, and its positions count from 0.
        rematerialize: Whether training keeps the inputs of blocks alone and computes what is inside a second time, for
            long inputs; see `layers.TransformerEncoderBlock`.

    Returns:
        A functional `keras.Model`: `{"source": [B, S], "target": [B, T]}` integer ids -> logits [B, T, V]. Position
        `t` of the logits predicts what follows `target[:, t]`. With `packed` its inputs are also `source_segments` and
        `target_segments`, see `encode`.

    Raises:
        ValueError: If a size is not positive, `num_heads` does not divide `hidden_dim`, or the position or the
            normalization is unknown.

    Example:
        >>> from keras_attn import models
        >>> model = models.transformer(50, num_layers=1, hidden_dim=8, num_heads=2, intermediate_dim=16)
        >>> model.output_shape
        (None, None, 50)

    Reference:
        Vaswani et al. 2017, figure 1 and section 3.4 (shared embeddings, scaled by the root of the width).
    """
    common = {"dtype": dtype}
    block = {
        "num_heads": num_heads,
        "intermediate_dim": intermediate_dim,
        "dropout": dropout,
        "attention_dropout": attention_dropout,
        "normalize_first": normalize_first,
        "num_kv_heads": num_kv_heads,
        "sliding_window": sliding_window,
        "normalize_query_key": normalize_query_key,
        "normalization": normalization,
        "activation": activation,
        "gated": gated,
        "use_bias": use_bias,
        "implementation": implementation,
        "rematerialize": rematerialize,
        **common,
    }
    added, in_attention = split_position(position)
    parts = _embedding_layers(vocabulary_size, hidden_dim, dropout, added, common)
    parts += [layers.WordDropout(word_dropout, name="word_dropout", **common)] if word_dropout else []
    for side, block_class in (("encoder", layers.TransformerEncoderBlock), ("decoder", layers.TransformerDecoderBlock)):
        for i in range(num_layers):
            own_position = None if in_attention is None else _copy(in_attention, **common)
            parts.append(block_class(name=f"{side}_block_{i}", position=own_position, **block))
        if normalize_first:
            parts.append(new_normalization(normalization, epsilon=1e-5, name=f"{side}_norm", **common))
    named = {layer.name: layer for layer in parts}

    names = ("source", "target", *(("source_segments", "target_segments") if packed else ()))
    inputs = {name: keras.Input((None,), dtype="int32", name=name) for name in names}
    segments = inputs.get("source_segments"), inputs.get("target_segments")
    encoder_output, padding_mask = encode(named, inputs["source"], segments=segments[0])
    logits = decode(named, inputs["target"], encoder_output, padding_mask, segments=segments)
    return keras.Model(inputs, logits, name="transformer")


def encode(model, source, training=None, segments=None):
    """Runs the encoder.

    Args:
        model: A model made by `transformer`, or its layers by name.
        source: Integer ids [B, S], 0 at padding.
        training: Whether dropout is on.
        segments: Integers [B, S] that number the sequences packed into a row from 1, 0 at padding; None where each row
            is one.

    Returns:
        The encoder's output [B, S, D] and its padding mask, boolean [B, S].
    """
    layer = _layers_by_name(model)
    padding_mask = ops.not_equal(source, 0)
    masks = {"padding_mask": padding_mask} if segments is None else {"attention_mask": segment_mask(segments, segments)}
    x = _embed(layer, source, 0 if segments is None else -segment_starts(segments), training)
    for block in _blocks(layer, "encoder"):
        x = block(x, training=training, **masks)  # [B, S, D]
    return _final_norm(layer, "encoder", x), padding_mask


def decode(
    model,
    target,
    encoder_output,
    encoder_padding_mask,
    caches=None,
    cache_index=None,
    cross_caches=None,
    return_attention_scores=False,
    training=None,
    segments=(None, None),
):
    """Runs the decoder, over whole targets or, with caches, over the next tokens only.

    Args:
        model: A model made by `transformer`, or its layers by name.
        target: Integer ids [B, T], beginning with the start id.
        encoder_output: Output of `encode` [B, S, D]; None with `cross_caches`.
        encoder_padding_mask: Boolean [B, S] from `encode`.
        caches: Self-attention caches from `empty_caches`, one a block.
        cache_index: Position of the first token of `target`, an integer scalar; needed with `caches`.
        cross_caches: Keys and values from `filled_caches`, one a block; the batch of `target` may then be a multiple
            of theirs (beams).
        return_attention_scores: Whether to return the cross-attention's probabilities too.
        training: Whether dropout is on.
        segments: The numbers of the sequences packed into a row, of the source [B, S] and of the target [B, T]; see
            `encode`. Without caches only.

    Returns:
        Logits [B, T, V]; with `return_attention_scores` also a list of [B, N, T, S], one a block; with `caches` also
        the updated caches, last.
    """
    layer = _layers_by_name(model)
    start, masks = 0 if cache_index is None else cache_index, {"encoder_padding_mask": encoder_padding_mask}
    source_segments, target_segments = segments
    if target_segments is not None:
        start = -segment_starts(target_segments)
        masks = {
            "attention_mask": segment_mask(target_segments, target_segments),
            "cross_attention_mask": segment_mask(target_segments, source_segments),
        }
    x = _embed(layer, target, start, training)
    all_scores, new_caches = [], []
    for i, block in enumerate(_blocks(layer, "decoder")):
        outputs = block(
            x,
            encoder_output,
            cache=None if caches is None else caches[i],
            cache_index=cache_index,
            cross_cache=None if cross_caches is None else cross_caches[i],
            return_attention_scores=return_attention_scores,
            training=training,
            **masks,
        )
        x, *others = outputs if isinstance(outputs, tuple) else (outputs,)  # [B, T, D]
        if return_attention_scores:
            all_scores.append(others[0])
        if caches is not None:
            new_caches.append(others[-1])
    logits = layer["embedding"](_final_norm(layer, "decoder", x), reverse=True)  # [B, T, V]
    outputs = [logits]
    outputs += [all_scores] if return_attention_scores else []
    outputs += [new_caches] if caches is not None else []
    return outputs[0] if len(outputs) == 1 else tuple(outputs)


def empty_caches(model, batch_size, length=None):
    """Makes the caches that `decode` fills token by token.

    Args:
        model: A model made by `transformer`.
        batch_size: Number of rows, beams counted, an integer or an integer scalar tensor.
        length: Number of positions, likewise; None for caches that grow, which are the fastest.

    Returns:
        List of caches, one a decoder block.
    """
    return [block.empty_cache(batch_size, length) for block in _blocks(_layers_by_name(model), "decoder")]


def filled_caches(model, encoder_output):
    """Projects the encoder's output once for all decoding steps.

    Args:
        model: A model made by `transformer`.
        encoder_output: Output of `encode` [B, S, D].

    Returns:
        List of keys and values, one a decoder block.
    """
    return [block.filled_cache(encoder_output, as_past=True) for block in _blocks(_layers_by_name(model), "decoder")]


def stepper(model, candidates=None, max_length=None):
    """Prepares decoding position by position: what stays the same at each step is computed here, once.

    Args:
        model: A model made by `transformer`, or its layers by name.
        candidates: The ids whose logits are asked for, integers [C]; all of them when None.
        max_length: Most positions that there will be; then what is added to their embeddings is worked out once.

    Returns:
        Function `(tokens, index, caches, cross_caches, encoder_padding_mask) -> (logits, caches)`: the integer ids
        [B*W] of position `index`, an integer scalar tensor, caches that grow from `empty_caches`, and `cross_caches`
        and the boolean mask for B rows; logits [B*W, V], or [B*W, C] of the candidates.
    """
    layer = _layers_by_name(model)
    blocks = prepared_blocks(_blocks(layer, "decoder"))
    norm = layer.get("decoder_norm")  # of pre-norm blocks
    output = None if blocks is None else _output_weights(layer, norm, candidates)
    positions = None if max_length is None else _position_table(layer, max_length)

    def step(tokens, index, caches, cross_caches, encoder_padding_mask):
        if blocks is None:
            logits, caches = decode(layer, tokens[:, None], None, encoder_padding_mask, caches, index, cross_caches)
            return logits[:, 0] if candidates is None else ops.take(logits[:, 0], candidates, axis=1), caches
        if positions is None:
            x = _embed(layer, tokens[:, None], index, training=False)[:, 0]  # [B*W, D]
        else:
            x = _scaled(layer["embedding"](tokens)) + positions[index]
        new_caches = []
        x = x if norm is None else center(norm, x)
        bias = forbidding_bias(encoder_padding_mask)[:, None, None, None]
        for block, cache, cross_cache in zip(blocks, caches, cross_caches, strict=True):
            x, cache = block(x, index, cache, cross_cache, bias)
            new_caches.append(cache)
        kernel, bias = output
        logits = ops.matmul(x if norm is None else normalize_centered(norm, x), kernel)
        return logits if bias is None else logits + bias, new_caches

    return step


def _output_weights(layer, norm, candidates):
    """Kernel [D, V] and bias [V] or None of the logits: the embedding transposed, once, which makes products faster."""
    embedding = layer["embedding"]
    rows = embedding.embeddings if candidates is None else ops.take(embedding.embeddings, candidates, axis=0)
    kernel, bias = ops.cast(ops.transpose(rows), "float32"), None
    if norm is not None:
        kernel, bias = fold_norm(norm, kernel)
    dtype = embedding.compute_dtype
    return ops.cast(kernel, dtype), None if bias is None else ops.cast(bias, dtype)


def _embedding_layers(vocabulary_size, hidden_dim, dropout, position, common):
    embedding = keras.layers.ReversibleEmbedding(
        vocabulary_size,
        hidden_dim,
        embeddings_initializer=keras.initializers.RandomNormal(stddev=hidden_dim**-0.5),
        name="embedding",
        **common,
    )
    positions = [] if position is None else [_copy(position, name="position", **common)]
    return [embedding, *positions, layers.Dropout(dropout, name="embedding_dropout", **common)]


def _copy(layer, **changes):
    return type(layer).from_config({**layer.get_config(), **changes})


def _layers_by_name(model):
    return model if isinstance(model, dict) else {layer.name: layer for layer in model.layers}


def _blocks(layer, side):
    return [layer[name] for i in range(len(layer)) if (name := f"{side}_block_{i}") in layer]


def _position_table(layer, max_length):
    """What is added to the embeddings of each position [T, D], or None where nothing is."""
    if "position" not in layer:
        return None
    embedding = layer["embedding"]
    nothing = ops.zeros((1, max_length, embedding.embeddings.shape[1]), embedding.compute_dtype)
    return layer["position"](nothing)[0]


def _scaled(embeddings):
    return embeddings * math.sqrt(embeddings.shape[-1])


def _embed(layer, ids, start, training):
    x = _scaled(layer["embedding"](ids))  # [B, T, D]
    if "word_dropout" in layer:
        x = layer["word_dropout"](x, training=training)
    if "position" in layer:
        x = layer["position"](x, start=start)
    return layer["embedding_dropout"](x, training=training)


def _final_norm(layer, side, x):
    norm = layer.get(f"{side}_norm")
    return x if norm is None else norm(x)
