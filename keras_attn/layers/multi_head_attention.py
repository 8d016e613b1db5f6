import keras

from keras_attn import ops
from keras_attn.layers.layer import Layer, check_positive, check_rate, new_initializer, project_through
from keras_attn.ops.attention import IMPLEMENTATIONS
from keras_attn.ops.sliding_window import SlidingWindow


@keras.saving.register_keras_serializable("keras_attn")
class MultiHeadAttention(Layer):
    """Scaled dot-product attention in several subspaces at once, with or without a key-value cache.

    `head_i = softmax(Q_i K_i^T / sqrt(H)) V_i` with `Q_i = query W_i^Q + b_i^Q` and so on; the heads are joined and
    projected back: `y = concat(head_1 ... head_N) W^O + b^O`. A superset of `keras.layers.MultiHeadAttention`: the same
    arguments (`activity_regularizer` apart, which here regularizes the output), the same call, the same weights.

    Args:
        num_heads: Number of heads N.
        key_dim: Size H of each head's queries and keys.
        value_dim: Size of each head's values; `key_dim` when None.
        dropout: Share of the attention probabilities set to zero in training.
        use_bias: Whether the projections have biases.
        output_shape: Size of the output's last axis, or sizes of its last axes; the query's when None.
        attention_axes: For inputs of more than three axes: those attended over, as one sequence; None for all between
            the batch and the last.
        sliding_window: `keras_attn.ops.SlidingWindow`: which keys near its own position a query sees. An integer w
            is Keras's: those less than w away, on both sides. None for all.
        flash_attention: Keras's word: True is `implementation="fused"`, False or None leave it to `implementation`.
        kernel_initializer: Initializer of the kernels.
        bias_initializer: Initializer of the biases.
        kernel_regularizer: Regularizer of the kernels.
        bias_regularizer: Regularizer of the biases.
        kernel_constraint: Constraint of the kernels.
        bias_constraint: Constraint of the biases.
        use_gate: Whether the heads are multiplied by `sigmoid(query W^G + b^G)` before they are joined.
        seed: Seed of the dropout.
        num_kv_heads: Number K of key-value heads, a divisor of `num_heads`: fewer make grouped-query attention, one
            makes multi-query attention; `num_heads` when None. They are never repeated in memory.
        position: An `AttentionPosition`, such as `RotaryPosition()`, or None. Queries and keys stand in one sequence
            and end together: with more keys than queries the first keys come before the first query.
        normalize_query_key: Whether each head's queries and keys are divided by their root mean square and scaled by
            learned numbers.
        implementation: "dense", "blockwise", "windowed" or "fused", see `keras_attn.ops.dot_product_attention`; None
            chooses.
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
        attention_bias: Float tensor [T, S], [B, T, S] or [B, N, T, S], added to the scores.
        cache: Dict of `key` [B, S, K, H] and `value` [B, S, K, V]. With `cache_index` the new keys and values are
            written into it first and query `i` sees the positions up to `cache_index + i`; with a `sliding_window` it
            holds the last positions only, as many as the window reaches. Without `cache_index` it is used as it stands
            (cross-attention); then the query's batch may be a multiple W*B of the cache's: the W hypotheses of a beam
            search share their source's keys and values without a copy, and of the masks only `value_mask` is taken.
            Masks of keys cover the cache's S positions.
        cache_index: Position of the first query, an integer scalar, or None.

    Returns:
        Tensor [B, T, D]; with `return_attention_scores` also the probabilities [B, N, T, S]; with a `cache_index` also
        the updated cache, last.

    Masking:
        True = may attend. A query that may attend to nothing gives the output of all-zero heads.

    Raises:
        ValueError: If an argument is out of range, a mask has a wrong rank, `value` is missing, or the implementation
            asked for cannot do the call.

    Example:
        >>> import numpy as np
        >>> from keras_attn.layers import MultiHeadAttention
        >>> x, y = np.ones((2, 3, 8), "float32"), np.ones((2, 5, 8), "float32")
        >>> output, scores = MultiHeadAttention(num_heads=4, key_dim=2)(x, y, return_attention_scores=True)
        >>> tuple(output.shape), tuple(scores.shape)
        ((2, 3, 8), (2, 4, 3, 5))

    Reference:
        Vaswani et al. 2017, section 3.2.2: their h, d_k, d_v are our N, H, V. Grouped queries: Ainslie et al. 2023;
        multi-query: Shazeer 2019. Normalized queries and keys: Dehghani et al. 2023, "Scaling Vision Transformers to
        22 Billion Parameters", section 2, with root mean squares in place of layer norms. Gate: Qiu et al. 2025, "Gated
        Attention for Large Language Models", equation 5, position G1.
    """

    def __init__(
        self,
        num_heads,
        key_dim,
        value_dim=None,
        dropout=0.0,
        use_bias=True,
        output_shape=None,
        attention_axes=None,
        sliding_window=None,
        flash_attention=None,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        use_gate=False,
        seed=None,
        num_kv_heads=None,
        position=None,
        normalize_query_key=False,
        implementation=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.num_heads = num_heads
        self.key_dim = key_dim
        self.value_dim = value_dim
        self.dropout = dropout
        self.use_bias = use_bias
        self._output_shape = output_shape  # without the underscore `summary()` would take it for the layer's
        self.attention_axes = attention_axes
        self.sliding_window = sliding_window
        self.flash_attention = flash_attention
        self.kernel_initializer = kernel_initializer
        self.bias_initializer = bias_initializer
        self.kernel_regularizer = kernel_regularizer
        self.bias_regularizer = bias_regularizer
        self.kernel_constraint = kernel_constraint
        self.bias_constraint = bias_constraint
        self.use_gate = use_gate
        self.seed = seed
        self.num_kv_heads = num_kv_heads
        self.position = position
        self.normalize_query_key = normalize_query_key
        self.implementation = implementation
        self._check_arguments()
        self.supports_masking = True
        self.seed_generator = keras.random.SeedGenerator(seed) if dropout > 0 else None

    @classmethod
    def from_keras(cls, layer, **arguments):
        """Makes a layer with the arguments and weights of one of Keras's.

        Args:
            layer: A built `keras.layers.MultiHeadAttention`.
            **arguments: Arguments that differ, none of which may change the weights; such as `implementation`.

        Returns:
            A built `MultiHeadAttention` with copies of the weights. It gives the numbers of `layer`, but for queries
            that may attend to nothing (zeros here) and causal masks where queries and keys differ in number
            (right-aligned here).

        Raises:
            ValueError: If the layer is not one of Keras's, not built, or has an `activity_regularizer`.
        """
        if not isinstance(layer, keras.layers.MultiHeadAttention) or not layer.built:
            raise ValueError(
                "Pass a `keras.layers.MultiHeadAttention` that has been called or built, so that it has weights. "
                f"Received: layer={layer} (built={getattr(layer, 'built', None)})"
            )
        config = layer.get_config()
        if config.pop("activity_regularizer", None):
            raise ValueError(
                "Keras's layer regularizes the outputs of its projections, ours its own output: leave the regularizer "
                f"out. Received: layer={layer} with an activity_regularizer"
            )
        new = cls.from_config({**config, **arguments})
        new.build(**layer.get_build_config()["shapes_dict"])
        for part in ("query", "key", "value", "output", *(["gate"] if new.use_gate else [])):
            weights = getattr(layer, f"_{part}_dense").get_weights()
            getattr(new, f"{part}_dense").set_weights(weights)
        return new

    def build(self, query_shape, value_shape=None, key_shape=None):
        if value_shape is None:
            raise ValueError("The first call makes the weights, so it needs `value` too. Received: value=None")
        key_shape = key_shape or value_shape
        if not len(query_shape) == len(value_shape) == len(key_shape) >= 3:
            raise ValueError(
                "query, value and key must have equally many axes, at least [batch, length, features]. "
                f"Received: query.shape={query_shape}, value.shape={value_shape}, key.shape={key_shape}"
            )
        value_dim, kv_heads = self.value_dim or self.key_dim, self.num_kv_heads or self.num_heads
        self.query_dense = self._dense((self.num_heads, self.key_dim), "query", query_shape[-1])
        self.key_dense = self._dense((kv_heads, self.key_dim), "key", key_shape[-1])
        if self.use_gate:
            self.gate_dense = self._dense((self.num_heads, value_dim), "gate", query_shape[-1])
        self.value_dense = self._dense((kv_heads, value_dim), "value", value_shape[-1])
        output_shape = self._output_shape or query_shape[-1]
        output_shape = (output_shape,) if isinstance(output_shape, int) else tuple(output_shape)
        self.output_dense = self._dense(output_shape, "attention_output", self.num_heads, value_dim)
        if self.normalize_query_key:
            self.query_norm = self._norm("query_norm")
            self.key_norm = self._norm("key_norm")
        if self.position is not None and not self.position.built:
            with keras.name_scope(self.position.name):
                self.position.build((None, None, self.num_heads, self.key_dim), value_dim)
            self.position.built = True

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
        attention_bias=None,
        cache=None,
        cache_index=None,
    ):
        if cache is not None and cache_index is None:
            if use_causal_mask or any(x is not None for x in (query_mask, key_mask, attention_mask, attention_bias)):
                raise ValueError(
                    "Attention to a filled cache takes `value_mask` alone. Received: query_mask, key_mask, "
                    "attention_mask, attention_bias or use_causal_mask"
                )
            return self._attend_to_filled(query, cache, value_mask, return_attention_scores)
        if value is None:
            raise ValueError("`value` may be left out only with a filled `cache`. Received: value=None")
        key = value if key is None else key
        options = {
            "dropout": self.dropout if training else 0.0,
            "seed": self.seed_generator,
            "return_attention_scores": return_attention_scores,
            "is_causal": use_causal_mask,
            "mask": [],
            "bias": [],
        }
        if len(query.shape) > 3:
            if cache is not None or any(x is not None for x in (query_mask, value_mask, key_mask, attention_bias)):
                raise ValueError(
                    "Inputs of more than three axes go with `attention_mask` alone. "
                    f"Received: query.shape={tuple(query.shape)} with another mask, a bias or a cache"
                )
            return self._attend_over_axes(query, key, value, attention_mask, options)
        options["mask"] = ops.expand_masks(query_mask, value_mask, key_mask, attention_mask)
        options["bias"] = ops.expand_bias(attention_bias)
        heads, scores, cache = self._attend(query, key, value, options, cache, cache_index)
        outputs = [self._join_heads(heads)]
        outputs += [scores] if return_attention_scores else []
        outputs += [cache] if cache is not None else []
        return outputs[0] if len(outputs) == 1 else tuple(outputs)

    def empty_cache(self, batch_size, length=None):
        """Makes the cache that `call` fills step by step.

        Args:
            batch_size: B, an integer or an integer scalar tensor.
            length: Number of positions S, likewise; None for a cache that grows, which is the fastest.

        Returns:
            Dict with `key` [B, S, K, H] and `value` [B, S, K, V], zeros; or with `past_key` [B, K, 0, H] and
            `past_value` [B, K, 0, V]. With a `sliding_window` S is at most the number of positions that it reaches
            back, also in a cache that grows.
        """
        sizes = self.num_kv_heads or self.num_heads, self.key_dim, self.value_dim or self.key_dim, self.compute_dtype
        if length is None:
            return ops.empty_past(batch_size, *sizes)
        if self._rolls():
            reach = self._window().reach
            length = min(length, reach) if isinstance(length, int) else keras.ops.minimum(length, reach)
        return ops.empty_cache(batch_size, length, *sizes)

    def filled_cache(self, value, as_past=False):
        """Projects what all later queries attend to, once (cross-attention).

        Args:
            value: Float tensor [B, S, D'], such as the encoder's output.
            as_past: Whether to give it in the form that is fastest for queries of one position.

        Returns:
            Dict with `key` [B, S, K, H] and `value` [B, S, K, V]; or with `past_key` [B, K, S, H] and `past_value`
            [B, K, S, V].

        Raises:
            ValueError: If the layer has a `position` or a window: what stands in another sequence is nowhere near.
        """
        if self.position is not None or self.sliding_window is not None:
            raise ValueError(
                "A `position` or a `sliding_window` is for self-attention; make the layer for cross-attention without. "
                f"Received: position={self.position}, sliding_window={self.sliding_window}"
            )
        key, value = project_through([self.key_dense, self.value_dense], value)
        key = self.key_norm(key) if self.normalize_query_key else key
        return ops.new_past(key, value) if as_past else {"key": key, "value": value}

    def _attend(self, query, key, value, options, cache=None, cache_index=None):
        """Gives heads [B, T, N, V], the probabilities or None, and the updated cache or None."""
        is_past, rolls = cache is not None and "past_key" in cache, cache is not None and self._rolls()
        if rolls and (options["mask"] or options["bias"]):
            raise ValueError(
                "A rolling cache holds no padding: give tokens without masks. Received: a mask or a bias with a cache "
                "and a sliding_window"
            )
        inputs = query
        query, key, value = self._project(query, key, value)  # [B, T, N, H], [B, S, K, H], [B, S, K, V]
        if self.normalize_query_key:
            query, key = self.query_norm(query), self.key_norm(key)
        if self.position is not None:
            query, key, options = self._place(query, key, options, cache_index)
        if cache is not None:
            key, value, cache, options = self._remember(key, value, options, cache, cache_index)
        if is_past and self._sees_all(query, options):
            heads, scores = ops.attend_to_past(query, cache), None
        else:
            result = ops.dot_product_attention(
                query, key, value, window=self._window(), implementation=self._implementation(), **options
            )
            heads, scores = result if options["return_attention_scores"] else (result, None)
        if is_past and rolls:
            cache = {name: x[:, :, -self._window().reach :] for name, x in cache.items()}
        return self._gate(heads, inputs), scores, cache

    def _project(self, query, key, value):
        """Projects with as few matrix products as the inputs allow."""
        denses = [self.query_dense, self.key_dense, self.value_dense]
        if query is key and key is value:
            return project_through(denses, query)
        if key is value:
            return [*project_through(denses[:1], query), *project_through(denses[1:], value)]
        return [project_through([dense], x)[0] for dense, x in zip(denses, (query, key, value), strict=True)]

    def _place(self, query, key, options, cache_index):
        """Lets the position scheme change queries and keys, and add what it adds to scores and outputs."""
        if cache_index is None:  # queries and keys end together
            first_key, first_query = 0, keras.ops.shape(key)[1] - keras.ops.shape(query)[1]
        else:
            first_key = first_query = cache_index
        query = self.position.encode_query(query, first_query)
        key = self.position.encode_key(key, first_key)
        score_bias = self.position.score_bias()
        bias = options["bias"] if score_bias is None else [*options["bias"], score_bias]
        return query, key, {**options, "bias": bias, "value_bias": self.position.value_bias()}

    def _remember(self, key, value, options, cache, cache_index):
        """Puts new keys and values into the cache; gives all that there are, the cache, and who may see them."""
        options = {**options, "is_causal": True}
        if "past_key" in cache:
            cache = ops.extend_past(cache, key, value)
            key, value = (keras.ops.transpose(x, (0, 2, 1, 3)) for x in cache.values())
        elif self._rolls():
            key, value, cache, is_filled = ops.roll_cache(cache, key, value, cache_index)
            options["mask"] = [is_filled[None, None, None]]
        else:
            cache = ops.update_cache(cache, key, value, cache_index)
            key, value = cache["key"], cache["value"]
            options["query_start"] = cache_index
        return key, value, cache, options

    def _sees_all(self, query, options):
        """Whether each query sees all of the past and nothing is added: a step of decoding, in most cases."""
        plain = not (options["mask"] or options["bias"] or options.get("value_bias") or options["dropout"])
        window = self._window()
        is_open = window is None or (self._rolls() and window.dilation == 1)
        return plain and is_open and query.shape[1] == 1 and not options["return_attention_scores"]

    def _gate(self, heads, inputs):
        if not self.use_gate:
            return heads
        (gate,) = project_through([self.gate_dense], inputs)
        return heads * keras.ops.sigmoid(gate)

    def _join_heads(self, heads):
        if self.output_dense.quantization_mode is not None:
            return self.output_dense(heads)
        batch, length = keras.ops.shape(heads)[:2]
        kernel = self.output_dense.kernel  # [N, V, ...]
        heads = keras.ops.reshape(heads, (batch, length, -1))
        kernel = keras.ops.reshape(kernel, (-1, *kernel.shape[2:]))
        return ops.project(heads, [kernel], [self.output_dense.bias])[0]

    def _attend_over_axes(self, query, key, value, attention_mask, options):
        axes = self.attention_axes or tuple(range(1, len(query.shape) - 1))
        axes = (axes,) if isinstance(axes, int) else tuple(axes)
        folded = {id(x): ops.fold_axes(x, axes) for x in (query, key, value)}
        if attention_mask is not None:
            options["mask"] = [ops.fold_mask(attention_mask, query, key, axes)]
        heads, scores, _ = self._attend(*(folded[id(x)] for x in (query, key, value)), options)
        output = ops.unfold_axes(self._join_heads(heads), query, axes)
        return output if scores is None else (output, ops.unfold_scores(scores, query, key, axes))

    def _attend_to_filled(self, query, cache, value_mask, return_attention_scores):
        inputs = query
        (query,) = project_through([self.query_dense], query)  # [W*B, T, N, H]
        if self.normalize_query_key:
            query = self.query_norm(query)
        heads, scores = ops.attend_to_filled(query, cache, value_mask, return_attention_scores)
        output = self._join_heads(self._gate(heads, inputs))
        return (output, scores) if return_attention_scores else output

    def _window(self):
        window = self.sliding_window
        return SlidingWindow(window - 1, window - 1) if isinstance(window, int) else window

    def _rolls(self):
        """Whether the cache keeps the last positions only; global positions have to stay for ever."""
        return self.sliding_window is not None and not self._window().num_global

    def _implementation(self):
        return "fused" if self.flash_attention and self.implementation is None else self.implementation

    def _dense(self, output_shape, name, *input_dims):
        letters = "abcdefghijklmnopqrstuvw"
        inner, outer = letters[: len(input_dims)], letters[len(input_dims) :][: len(output_shape)]
        dense = keras.layers.EinsumDense(
            f"xy{inner},{inner}{outer}->xy{outer}",
            output_shape=(None, *output_shape),
            bias_axes=outer if self.use_bias else None,
            kernel_initializer=new_initializer(self.kernel_initializer),
            bias_initializer=new_initializer(self.bias_initializer),
            kernel_regularizer=self.kernel_regularizer,
            bias_regularizer=self.bias_regularizer,
            kernel_constraint=self.kernel_constraint,
            bias_constraint=self.bias_constraint,
            dtype=self.dtype_policy,
            name=name,
        )
        dense.build((None, None, *input_dims))
        return dense

    def _norm(self, name):
        norm = keras.layers.RMSNormalization(dtype=self.dtype_policy, name=name)
        norm.build((None, None, None, self.key_dim))
        return norm

    def _check_arguments(self):
        optional = {"value_dim": self.value_dim, "num_kv_heads": self.num_kv_heads}
        check_positive(num_heads=self.num_heads, key_dim=self.key_dim)
        check_positive(**{name: value for name, value in optional.items() if value is not None})
        check_rate(dropout=self.dropout)
        if self.num_heads % (self.num_kv_heads or 1):
            raise ValueError(
                f"`num_kv_heads` must divide `num_heads`. Received: num_kv_heads={self.num_kv_heads}, "
                f"num_heads={self.num_heads}"
            )
        if self.sliding_window is not None and not isinstance(self.sliding_window, SlidingWindow):
            check_positive(sliding_window=self.sliding_window)
        if self.implementation not in (None, *IMPLEMENTATIONS):
            names = ", ".join(map(repr, IMPLEMENTATIONS))
            raise ValueError(
                f"`implementation` must be None or {names}. Received: implementation={self.implementation!r}"
            )
