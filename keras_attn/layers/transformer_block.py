import keras

from keras_attn.layers.feed_forward import FeedForward
from keras_attn.layers.layer import Layer, check_positive, check_rate, head_dim, seeds_from
from keras_attn.layers.multi_head_attention import MultiHeadAttention
from keras_attn.layers.residual import Residual


class TransformerBlock(Layer):
    """What encoder and decoder blocks share: their arguments, self-attention, feed-forward network and cache.

    The arguments are those of `TransformerEncoderBlock` and `TransformerDecoderBlock`, which describe them.
    """

    def __init__(
        self,
        num_heads,
        intermediate_dim,
        dropout=0.0,
        attention_dropout=0.0,
        activation="relu",
        normalize_first=False,
        epsilon=1e-5,
        seed=None,
        use_bias=True,
        gated=False,
        normalization="layer",
        num_kv_heads=None,
        position=None,
        sliding_window=None,
        normalize_query_key=False,
        implementation=None,
        rematerialize=False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_positive(num_heads=num_heads, intermediate_dim=intermediate_dim)
        check_rate(dropout=dropout, attention_dropout=attention_dropout)
        self.num_heads = num_heads
        self.intermediate_dim = intermediate_dim
        self.dropout = dropout
        self.attention_dropout = attention_dropout
        self.activation = keras.activations.get(activation)
        self.normalize_first = normalize_first
        self.epsilon = epsilon
        self.seed = seed
        self.use_bias = use_bias
        self.gated = gated
        self.normalization = normalization
        self.num_kv_heads = num_kv_heads
        self.position = position
        self.sliding_window = sliding_window
        self.normalize_query_key = normalize_query_key
        self.implementation = implementation
        self.rematerialize = rematerialize
        self.supports_masking = True

    def build_sublayers(self, inputs_shape, encoder_output_shape=None, cross_attention=False):
        """Makes and builds the sublayers, each with its residual connection.

        Args:
            inputs_shape: Shape of the block's inputs (B, T, D).
            encoder_output_shape: Shape of what the cross-attention attends to (B, S, D').
            cross_attention: Whether there is a cross-attention.
        """
        seeds = seeds_from(self.seed)
        key_dim = head_dim(inputs_shape[-1], self.num_heads)
        self.self_attention = self._attention(
            "self_attention",
            key_dim,
            next(seeds),
            position=self.position,
            sliding_window=self.sliding_window,
            implementation=self.implementation,
        )
        self.self_attention.build(inputs_shape, inputs_shape)
        if cross_attention:
            own = self.implementation if self.implementation != "windowed" else None
            self.cross_attention = self._attention("cross_attention", key_dim, next(seeds), implementation=own)
            self.cross_attention.build(inputs_shape, encoder_output_shape)
        self.feed_forward = FeedForward(
            self.intermediate_dim,
            self.activation,
            use_bias=self.use_bias,
            gated=self.gated,
            dtype=self.dtype_policy,
            name="feed_forward",
        )
        self.feed_forward.build(inputs_shape)
        self.self_attention_residual = self._residual("self_attention", next(seeds), inputs_shape)
        if cross_attention:
            self.cross_attention_residual = self._residual("cross_attention", next(seeds), inputs_shape)
        self.feed_forward_residual = self._residual("feed_forward", next(seeds), inputs_shape)

    def call_self_attention(
        self, inputs, padding_mask, use_causal_mask, cache, cache_index, training, memory=None, attention_mask=None
    ):
        """Applies the self-attention and its residual connection.

        Args:
            inputs: Float tensor [B, T, D].
            padding_mask: Boolean [B, T], or None.
            use_causal_mask: Whether each position sees only what comes before it and itself.
            cache: See `empty_cache`, or None.
            cache_index: Position of the first input.
            training: Whether dropout is on.
            memory: Float tensor [B, M, D] of what stood before the inputs, or None.
            attention_mask: Boolean [B, T, M+T] or None, for calls without a `cache`.

        Returns:
            Tensor [B, T, D], and the updated cache or None.

        Raises:
            ValueError: If a `cache` comes with a `padding_mask` or a `memory`, or without `cache_index`.
        """
        if cache is not None and (padding_mask is not None or memory is not None):
            raise ValueError(
                "`padding_mask` and `memory` are for whole inputs; with a `cache` give tokens only. Received: both"
            )
        if cache is not None and cache_index is None:
            raise ValueError("A `cache` needs the position of the first input. Received: cache_index=None")
        x = self.self_attention_residual.enter(inputs)
        if cache is None:
            value = x
            if memory is not None:
                value = keras.ops.concatenate([self.self_attention_residual.enter(memory), x], axis=1)  # [B, M+T, D]
                if padding_mask is not None:
                    is_memory = keras.ops.ones(keras.ops.shape(memory)[:2], "bool")
                    padding_mask = keras.ops.concatenate([is_memory, keras.ops.cast(padding_mask, "bool")], axis=1)
            x = self.self_attention(
                x,
                value,
                value_mask=padding_mask,
                attention_mask=attention_mask,
                use_causal_mask=use_causal_mask,
                training=training,
            )
        else:
            x, cache = self.self_attention(x, x, cache=cache, cache_index=cache_index, training=training)
        return self.self_attention_residual.leave(inputs, x, training), cache

    def call_feed_forward(self, inputs, training):
        """Applies the feed-forward network and its residual connection.

        Args:
            inputs: Float tensor [B, T, D].
            training: Whether dropout is on.

        Returns:
            Tensor [B, T, D].
        """
        x = self.feed_forward(self.feed_forward_residual.enter(inputs), training=training)
        return self.feed_forward_residual.leave(inputs, x, training)

    def empty_cache(self, batch_size, length=None):
        """Makes the self-attention's cache.

        Args:
            batch_size: B, an integer or an integer scalar tensor.
            length: Number of positions, likewise; None for a cache that grows, which is the fastest.

        Returns:
            Dict of two tensors, see `MultiHeadAttention.empty_cache`.
        """
        return self.self_attention.empty_cache(batch_size, length)

    def _attention(self, name, key_dim, seed, **arguments):
        return MultiHeadAttention(
            self.num_heads,
            key_dim,
            dropout=self.attention_dropout,
            use_bias=self.use_bias,
            seed=seed,
            num_kv_heads=self.num_kv_heads,
            dtype=self.dtype_policy,
            name=name,
            normalize_query_key=self.normalize_query_key,
            **arguments,
        )

    def _residual(self, name, seed, shape):
        residual = Residual(
            self.dropout,
            self.normalize_first,
            self.epsilon,
            seed,
            self.normalization,
            dtype=self.dtype_policy,
            name=f"{name}_residual",
        )
        residual.build(shape)
        return residual
