import keras

from keras_attn import ops
from keras_attn.layers.layer import Layer, check_positive, check_rate, new_initializer, project_through


@keras.saving.register_keras_serializable("keras_attn")
class MultiHeadAttention(Layer):
    """Scaled dot-product attention in several subspaces at once, with or without a key-value cache.

    `head_i = softmax(Q_i K_i^T / sqrt(H)) V_i` with `Q_i = query W_i^Q + b_i^Q` and so on; the heads are joined and
    projected back: `y = concat(head_1 ... head_N) W^O + b^O`. Weights have the layout of
    `keras.layers.MultiHeadAttention`.

    Args:
        num_heads: Number of heads N.
        key_dim: Size H of each head's queries and keys.
        value_dim: Size of each head's values; `key_dim` when None.
        dropout: Share of the attention probabilities set to zero in training.
        use_bias: Whether the projections have biases.
        kernel_initializer: Initializer of the four kernels.
        seed: Seed of the dropout.
        num_kv_heads: Number K of key-value heads, a divisor of `num_heads`: fewer make grouped-query attention, one
            makes multi-query attention; `num_heads` when None.
        position: Layer that rotates queries and keys by their positions, such as `RotaryPosition()`, or None. For
            self-attention, with or without a cache; fewer queries than keys stand at the keys' end.
        **kwargs: Keras's own, such as `name` and `dtype`.

    Call arguments:
        query: Float tensor [B, T, D].
        value: Float tensor [B, S, D']; None when `cache` already holds the projected keys and values.
        key: Float tensor [B, S, D'']; `value` when None.
        query_mask: Boolean [B, T], False at padding.
        value_mask: Boolean [B, S], False at padding.
        key_mask: Boolean [B, S], False at padding.
        attention_mask: Boolean [T, S], [B, T, S] or [B, N, T, S].
        return_attention_scores: Whether to return the attention probabilities too.
        training: Whether dropout is on.
        use_causal_mask: Whether queries see only what comes before them and themselves (right-aligned).
        cache: Dict of `key` [B, S, K, H] and `value` [B, S, K, V]. With `cache_index` the new keys and values are
            written into it first and query `i` sees the positions up to `cache_index + i`. Without, it is used as it
            stands (cross-attention); then the query's batch may be a multiple W*B of the cache's: the W hypotheses
            of a beam search share their source's keys and values without a copy, and of the masks only `value_mask`
            is taken. Masks of keys cover the cache's S positions.
        cache_index: Position of the first query, an integer scalar, or None.

    Returns:
        Tensor [B, T, D]; with `return_attention_scores` also the probabilities [B, N, T, S]; with a `cache_index` also
        the updated cache, last.

    Masking:
        True = may attend. A query that may attend to nothing gives the output of all-zero heads.

    Raises:
        ValueError: If an argument is out of range, a mask has a wrong rank, or `value` is missing.

    Example:
        >>> import numpy as np
        >>> from keras_attn.layers import MultiHeadAttention
        >>> x, y = np.ones((2, 3, 8), "float32"), np.ones((2, 5, 8), "float32")
        >>> output, scores = MultiHeadAttention(num_heads=4, key_dim=2)(x, y, return_attention_scores=True)
        >>> tuple(output.shape), tuple(scores.shape)
        ((2, 3, 8), (2, 4, 3, 5))

    Reference:
        Vaswani et al. 2017, section 3.2.2: their h, d_k, d_v are our N, H, V. Grouped queries: Ainslie et al. 2023;
        multi-query: Shazeer 2019.
    """

    def __init__(
        self,
        num_heads,
        key_dim,
        value_dim=None,
        dropout=0.0,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        seed=None,
        num_kv_heads=None,
        position=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_positive(num_heads=num_heads, key_dim=key_dim)
        if num_kv_heads is not None:
            check_positive(num_kv_heads=num_kv_heads)
            if num_heads % num_kv_heads:
                raise ValueError(
                    f"`num_kv_heads` must divide `num_heads`. Received: num_kv_heads={num_kv_heads}, "
                    f"num_heads={num_heads}"
                )
        if value_dim is not None:
            check_positive(value_dim=value_dim)
        check_rate(dropout=dropout)
        self.num_heads = num_heads
        self.key_dim = key_dim
        self.value_dim = value_dim
        self.dropout = dropout
        self.use_bias = use_bias
        self.kernel_initializer = kernel_initializer
        self.seed = seed
        self.num_kv_heads = num_kv_heads
        self.position = position
        self.supports_masking = True
        self.seed_generator = keras.random.SeedGenerator(seed) if dropout > 0 else None

    def build(self, query_shape, value_shape=None, key_shape=None):
        if value_shape is None:
            raise ValueError("The first call makes the weights, so it needs `value` too. Received: value=None")
        value_dim = self.value_dim or self.key_dim
        key_shape = key_shape or value_shape
        heads_shape = (*query_shape[:-1], self.num_heads, value_dim)
        kv_heads = self.num_kv_heads or self.num_heads
        self.query_dense = self._dense("abc,cde->abde", (self.num_heads, self.key_dim), "de", "query", query_shape)
        self.key_dense = self._dense("abc,cde->abde", (kv_heads, self.key_dim), "de", "key", key_shape)
        self.value_dense = self._dense("abc,cde->abde", (kv_heads, value_dim), "de", "value", value_shape)
        self.output_dense = self._dense("abcd,cde->abe", query_shape[-1:], "e", "attention_output", heads_shape)

    def call(
        self,
        query,
        value=None,
        key=None,
        query_mask=None,
        value_mask=None,
        key_mask=None,
        attention_mask=None,
        return_attention_scores=False,
        training=None,
        use_causal_mask=False,
        cache=None,
        cache_index=None,
    ):
        mask = ops.combine_masks(query_mask, value_mask, attention_mask)
        if key_mask is not None and key_mask is not value_mask:
            mask = ops.both_masks(mask, ops.combine_masks(key_mask=key_mask))
        if cache is not None and cache_index is None:
            if query_mask is not None or attention_mask is not None or use_causal_mask:
                raise ValueError(
                    "Attention to a filled cache takes `value_mask` alone. Received: query_mask, attention_mask or "
                    "use_causal_mask"
                )
            return self._attend_to_cache(query, cache, mask, return_attention_scores)
        if value is None:
            raise ValueError("`value` may be left out only with a filled `cache`. Received: value=None")
        query, key, value = self._project(query, value if key is None else key, value)  # [B, T, N, H], [B, S, K, H]
        if self.position is not None:
            first_key = 0 if cache_index is None else cache_index
            first_query = keras.ops.shape(key)[1] - keras.ops.shape(query)[1] if cache_index is None else cache_index
            query, key = self.position(query, start=first_query), self.position(key, start=first_key)
        if cache is not None:
            cache = ops.update_cache(cache, key, value, cache_index)
            key, value = cache["key"], cache["value"]
            use_causal_mask = True
        if use_causal_mask:
            lengths = keras.ops.shape(query)[1], keras.ops.shape(key)[1]
            mask = ops.both_masks(mask, ops.causal_mask(*lengths, query_start=cache_index)[None, None])
        output, scores = ops.dot_product_attention(
            query,
            key,
            value,
            mask=mask,
            dropout=self.dropout if training else 0.0,
            seed=self.seed_generator,
            return_attention_scores=True,
        )
        output = self._join_heads(output)
        outputs = [output, scores] if return_attention_scores else [output]
        outputs += [cache] if cache is not None else []
        return outputs[0] if len(outputs) == 1 else tuple(outputs)

    def empty_cache(self, batch_size, length):
        """Makes the cache that `call` fills step by step.

        Args:
            batch_size: B, an integer or an integer scalar tensor.
            length: Number of positions S, likewise.

        Returns:
            Dict with `key` [B, S, K, H] and `value` [B, S, K, V], zeros.
        """
        value_dim = self.value_dim or self.key_dim
        kv_heads = self.num_kv_heads or self.num_heads
        return ops.empty_cache(batch_size, length, kv_heads, self.key_dim, value_dim, self.compute_dtype)

    def filled_cache(self, value):
        """Projects what all later queries attend to, once (cross-attention).

        Args:
            value: Float tensor [B, S, D'], such as the encoder's output.

        Returns:
            Dict with `key` [B, S, K, H] and `value` [B, S, K, V].

        Raises:
            ValueError: If the layer has a `position`: what stands in another sequence has none here.
        """
        if self.position is not None:
            raise ValueError(
                "A `position` is for self-attention; make the layer for cross-attention without one. "
                f"Received: position={self.position}"
            )
        key, value = project_through([self.key_dense, self.value_dense], value)
        return {"key": key, "value": value}

    def _project(self, query, key, value):
        """Projects with as few matrix products as the inputs allow."""
        denses = [self.query_dense, self.key_dense, self.value_dense]
        if query is key and key is value:
            return project_through(denses, query)
        if key is value:
            return [*project_through(denses[:1], query), *project_through(denses[1:], value)]
        return [project_through([dense], x)[0] for dense, x in zip(denses, (query, key, value), strict=True)]

    def _attend_to_cache(self, query, cache, mask, return_attention_scores):
        (query,) = project_through([self.query_dense], query)  # [W*B, T, N, H]
        shape = keras.ops.shape(query)
        batch = keras.ops.shape(cache["key"])[0]
        query = keras.ops.reshape(query, (batch, -1, *shape[2:]))  # [B, W*T, N, H]: beams become queries
        output, scores = ops.dot_product_attention(
            query, cache["key"], cache["value"], mask=mask, return_attention_scores=True
        )
        output = self._join_heads(keras.ops.reshape(output, (shape[0], shape[1], *output.shape[2:])))
        if not return_attention_scores:
            return output
        _, heads, _, length = keras.ops.shape(scores)  # [B, N, W*T, S]
        scores = keras.ops.reshape(scores, (batch, heads, -1, shape[1], length))
        scores = keras.ops.transpose(scores, (0, 2, 1, 3, 4))  # [B, W, N, T, S]
        return output, keras.ops.reshape(scores, (shape[0], heads, shape[1], length))

    def _join_heads(self, heads):
        if self.output_dense.quantization_mode is not None:
            return self.output_dense(heads)
        batch, length = keras.ops.shape(heads)[:2]
        kernel = self.output_dense.kernel  # [N, V, D]
        heads = keras.ops.reshape(heads, (batch, length, -1))
        return ops.project(heads, [keras.ops.reshape(kernel, (-1, kernel.shape[-1]))], [self.output_dense.bias])[0]

    def _dense(self, equation, output_shape, bias_axes, name, input_shape):
        dense = keras.layers.EinsumDense(
            equation,
            output_shape=(None, *output_shape),
            bias_axes=bias_axes if self.use_bias else None,
            kernel_initializer=new_initializer(self.kernel_initializer),
            dtype=self.dtype_policy,
            name=name,
        )
        dense.build(input_shape)
        return dense
