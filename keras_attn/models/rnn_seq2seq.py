"""The recurrent encoder-decoder with attention: one functional model to train, and its layers step by step to decode.

It answers to the same functions as `keras_attn.models.transformer`: a decoder's cache is its recurrent state, the
cross cache is what it attends to. All read the layers of a model by name.
"""

import math

import keras
from keras import ops

from keras_attn import layers
from keras_attn.layers.attention_cell import beams_apart
from keras_attn.layers.layer import check_positive

_CELLS = {"simple": keras.layers.SimpleRNNCell, "gru": keras.layers.GRUCell, "lstm": keras.layers.LSTMCell}
_ATTENTION = ("dot", "general", "concat", "cosine", "additive")


def rnn_seq2seq(
    vocabulary_size,
    num_layers=1,
    hidden_dim=256,
    cell="gru",
    attention="general",
    dropout=0.2,
    use_previous_state=False,
    dtype=None,
    embedding_dim=None,
    word_dropout=0.0,
):
    """Builds a bidirectional encoder and an attending decoder with one embedding for source, target and output.

    Args:
        vocabulary_size: Number of ids V; id 0 is padding on both sides.
        num_layers: Number of recurrent layers of the encoder, and of the decoder.
        hidden_dim: Width D of the encoder (half of it a direction) and of the decoder's states; even.
        cell: "simple", "gru" or "lstm".
        attention: The score: "dot", "general", "concat", "cosine" (Luong) or "additive" (Bahdanau).
        dropout: Share of the embeddings, of each encoder layer's output and of the decoder's output set to zero in
            training.
        use_previous_state: Whether the decoder attends with the state before each step (Bahdanau) rather than with
            the one after it (Luong), see `layers.AttentionCell`.
        dtype: Dtype policy of all layers; Keras's global one when None.
        embedding_dim: Width E of the embedding and of the attentional vectors; `hidden_dim` when None. A narrow one
            makes the product with the vocabulary cheap, which is most of a step.
        word_dropout: Share of the tokens, of source and target, whose embeddings are set to zero in training.

    Returns:
        A functional `keras.Model`: `{"source": [B, S], "target": [B, T]}` integer ids -> logits [B, T, V]. Position
        `t` of the logits predicts what follows `target[:, t]`.

    Raises:
        ValueError: If a size is not positive, `hidden_dim` is odd, or `cell` or `attention` is unknown.

    Example:
        >>> from keras_attn import models
        >>> model = models.rnn_seq2seq(50, hidden_dim=8, cell="lstm", attention="additive")
        >>> model.output_shape
        (None, None, 50)

    Reference:
        Bahdanau et al. 2015, "Neural Machine Translation by Jointly Learning to Align and Translate", appendix A.2
        (bidirectional encoder, initial state `tanh(W h)`, from both directions here); Luong et al. 2015, "Effective
        Approaches to Attention-based Neural Machine Translation", section 3 (attentional vector, without its tanh here;
        input feeding). Both have untied embeddings; tied ones are from Press and Wolf 2017, "Using the Output Embedding
        to Improve Language Models".
    """
    embedding_dim = hidden_dim if embedding_dim is None else embedding_dim
    check_positive(vocabulary_size=vocabulary_size, num_layers=num_layers)
    check_positive(hidden_dim=hidden_dim, embedding_dim=embedding_dim)
    _check(hidden_dim, cell, attention)
    common = {"dtype": dtype}
    cells = [_CELLS[cell](hidden_dim, **common) for _ in range(num_layers)]
    decoder_cell = layers.AttentionCell(
        cells[0] if num_layers == 1 else keras.layers.StackedRNNCells(cells, **common),
        _attention_layer(attention, hidden_dim, dtype),
        memory_dim=hidden_dim,
        attention_dim=embedding_dim,
        use_previous_state=use_previous_state,
        activation="linear",  # a tanh would keep the logits small: rows of the embedding have a norm of about 1
        **common,
    )
    parts = [
        keras.layers.ReversibleEmbedding(
            vocabulary_size,
            embedding_dim,
            embeddings_initializer=keras.initializers.RandomNormal(stddev=embedding_dim**-0.5),
            name="embedding",
            **common,
        ),
        layers.AttentionRNN(decoder_cell, return_sequences=True, name="decoder", **common),
    ]
    for i in range(num_layers):
        one_way = keras.layers.RNN(
            _CELLS[cell](hidden_dim // 2, **common), return_sequences=True, return_state=True, **common
        )
        parts.append(keras.layers.Bidirectional(one_way, name=f"encoder_{i}", **common))
        parts.append(layers.Dropout(dropout, name=f"encoder_dropout_{i}", **common))
    bridges = range(len(decoder_cell.state_size) - 1)  # one a state of the decoder's cells
    parts += [keras.layers.Dense(hidden_dim, activation="tanh", name=f"bridge_{i}", **common) for i in bridges]
    parts += [layers.Dropout(dropout, name=f"{name}_dropout", **common) for name in ("embedding", "output")]
    parts += [layers.WordDropout(word_dropout, name="word_dropout", **common)] if word_dropout else []
    named = {layer.name: layer for layer in parts}

    source = keras.Input((None,), dtype="int32", name="source")
    target = keras.Input((None,), dtype="int32", name="target")
    logits = decode(named, target, *encode(named, source))
    return keras.Model({"source": source, "target": target}, logits, name="rnn_seq2seq")


def encode(model, source, training=None):
    """Runs the encoder.

    Args:
        model: A model made by `rnn_seq2seq`, or its layers by name.
        source: Integer ids [B, S], 0 at padding.
        training: Whether dropout is on.

    Returns:
        List of the memory [B, S, D] and the decoder's first states, the attentional vector (zeros) [B, E] and those of
        the cells [B, D]; and the padding mask, boolean [B, S].
    """
    layer = _layers_by_name(model)
    padding_mask = ops.not_equal(source, 0)
    x, states = _embed(layer, source, training), []  # [B, S, E]
    vector = ops.zeros_like(x[:, 0])
    for i in range(_count(layer, "encoder")):
        x, *last = layer[f"encoder_{i}"](x, mask=padding_mask)  # [B, S, D]
        half = len(last) // 2
        states += [ops.concatenate(pair, axis=-1) for pair in zip(last[:half], last[half:], strict=True)]
        x = layer[f"encoder_dropout_{i}"](x, training=training)
    return [x, vector, *(layer[f"bridge_{i}"](state) for i, state in enumerate(states))], padding_mask


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
):
    """Runs the decoder, over whole targets or, with caches, over the next tokens only.

    Args:
        model: A model made by `rnn_seq2seq`, or its layers by name.
        target: Integer ids [B, T], beginning with the start id.
        encoder_output: List from `encode`; None with `cross_caches`.
        encoder_padding_mask: Boolean [B, S] from `encode`.
        caches: States from `empty_caches`.
        cache_index: Position of the first token of `target`, an integer scalar; needed with `caches`.
        cross_caches: Keys, memory and first states from `filled_caches`; the batch of `target` may then be a multiple
            of theirs (beams).
        return_attention_scores: Whether to return the attention's probabilities too.
        training: Whether dropout is on.

    Returns:
        Logits [B, T, V]; with `return_attention_scores` also a list of one [B, 1, T, S]; with `caches` also the
        updated caches, last.
    """
    layer = _layers_by_name(model)
    x = _embed(layer, target, training)  # [B, T, E]
    if caches is None and not return_attention_scores:
        memory, *first = encoder_output
        vectors = layer["decoder"](x, initial_state=[*first, memory, encoder_padding_mask])
        return _logits(layer, vectors, training)
    keys, memory, *first = filled_caches(layer, encoder_output) if cross_caches is None else cross_caches
    states = first if caches is None else _started(first, caches, cache_index)
    vectors, scores, states = _steps(layer["decoder"].cell, x, states, [memory, encoder_padding_mask, keys])
    outputs = [_logits(layer, vectors, training)]
    outputs += [[scores]] if return_attention_scores else []
    outputs += [states] if caches is not None else []
    return outputs[0] if len(outputs) == 1 else tuple(outputs)


def empty_caches(model, batch_size, length=None):
    """Makes the decoder's states before the first step.

    Args:
        model: A model made by `rnn_seq2seq`.
        batch_size: Number of rows, beams counted, an integer or an integer scalar tensor.
        length: Not used: states do not grow.

    Returns:
        List of the attentional vector [B, E] and the states of the cells [B, D].
    """
    cell = _layers_by_name(model)["decoder"].cell
    return [ops.zeros((batch_size, size), cell.compute_dtype) for size in cell.state_size]


def filled_caches(model, encoder_output):
    """Projects the encoder's output once for all decoding steps.

    Args:
        model: A model made by `rnn_seq2seq`.
        encoder_output: List from `encode`.

    Returns:
        List of the keys [B, S, U], the memory [B, S, D], and the decoder's first states.
    """
    memory, *first = encoder_output
    return [_layers_by_name(model)["decoder"].cell.project_memory(memory), memory, *first]


def stepper(model, candidates=None, max_length=None):
    """Prepares decoding position by position.

    Args:
        model: A model made by `rnn_seq2seq`, or its layers by name.
        candidates: The ids whose logits are asked for, integers [C]; all of them when None.
        max_length: Most positions that there will be; nothing depends on it here.

    Returns:
        Function `(tokens, index, caches, cross_caches, encoder_padding_mask) -> (logits, caches)`, as that of
        `transformer`.
    """

    def step(tokens, index, caches, cross_caches, encoder_padding_mask):
        logits, caches = decode(model, tokens[:, None], None, encoder_padding_mask, caches, index, cross_caches)
        return logits[:, 0] if candidates is None else ops.take(logits[:, 0], candidates, axis=1), caches

    return step


def _check(hidden_dim, cell, attention):
    if hidden_dim % 2:
        raise ValueError(
            "`hidden_dim` must be even: half of it goes to each direction of the encoder. "
            f"Received: hidden_dim={hidden_dim}"
        )
    for name, value, known in (("cell", cell, _CELLS), ("attention", attention, _ATTENTION)):
        if value not in known:
            raise ValueError(f"`{name}` must be one of {', '.join(map(repr, known))}. Received: {name}={value!r}")


def _attention_layer(attention, hidden_dim, dtype):
    if attention == "additive":
        return layers.BahdanauAttention(hidden_dim, dtype=dtype)
    return layers.LuongAttention(attention, dtype=dtype)


def _layers_by_name(model):
    return model if isinstance(model, dict) else {layer.name: layer for layer in model.layers}


def _count(layer, side):
    return next(i for i in range(len(layer)) if f"{side}_{i}" not in layer)


def _embed(layer, ids, training):
    x = layer["embedding"](ids)
    x = x * math.sqrt(x.shape[-1])
    if "word_dropout" in layer:
        x = layer["word_dropout"](x, training=training)
    return layer["embedding_dropout"](x, training=training)


def _logits(layer, vectors, training):
    return layer["embedding"](layer["output_dropout"](vectors, training=training), reverse=True)


def _steps(cell, inputs, states, memory):
    """Steps one by one: vectors [B, T, E], attention scores [B, 1, T, S], and the states after the last step."""
    if inputs.shape[1] is None:
        return _scan(cell, inputs, states, memory)
    vectors, scores = [], []
    for t in range(inputs.shape[1]):
        vector, states, step_scores = cell(inputs[:, t], [*states, *memory], return_attention_scores=True)
        states = states[: -len(memory)]
        vectors.append(vector)
        scores.append(step_scores)
    return ops.stack(vectors, axis=1), ops.stack(scores, axis=1)[:, None], states


def _scan(cell, inputs, states, memory):
    """The same in a loop, for a number of steps that is not known."""

    def step(carry, inputs):
        _, states, scores = cell(inputs, [*carry[:-1], *memory], return_attention_scores=True)
        carry = [*states[: -len(memory)], ops.cast(scores, "float32")]
        return carry, carry

    carry = [*states, ops.zeros_like(memory[1], "float32")]
    last, steps = ops.scan(step, carry, ops.transpose(inputs, (1, 0, 2)))
    vectors, scores = (ops.transpose(steps[i], (1, 0, 2)) for i in (0, -1))  # the first state is the vector
    return vectors, scores[:, None], last[:-1]


def _started(first, caches, cache_index):
    """The caches, or at position 0 the first states, one for all hypotheses of a row."""

    def choose(first, cache):
        batch, dim = ops.shape(first)
        states = ops.where(ops.equal(cache_index, 0), first[:, None], beams_apart(cache, batch))  # [B, W, D]
        return ops.reshape(states, (-1, dim))

    return [choose(*pair) for pair in zip(first, caches, strict=True)]
