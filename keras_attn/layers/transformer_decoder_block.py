import keras

from keras_attn.layers.feed_forward import FeedForward
from keras_attn.layers.layer import Layer, check_positive, check_rate, head_dim, seeds_from
from keras_attn.layers.multi_head_attention import MultiHeadAttention
from keras_attn.layers.residual import Residual


@keras.saving.register_keras_serializable("keras_attn")
class TransformerDecoderBlock(Layer):
    """Causal self-attention, attention to the encoder and a feed-forward network, each with residual and norm.

    Post-norm: `x = norm(x + dropout(f(x)))`; pre-norm (`normalize_first`): `x = x + dropout(f(norm(x)))`, for `f` in
    turn the self-attention, the cross-attention and the feed-forward network.

    Args:
        num_heads: Number of attention heads N; must divide the input's width.
        intermediate_dim: Width F of the feed-forward network.
        dropout: Share of each sublayer's output set to zero in training.
        attention_dropout: Share of the attention probabilities set to zero in training.
        activation: Activation of the feed-forward network.
        normalize_first: Whether to normalize before each sublayer rather than after the residual sum.
        epsilon: Added to the variance by the normalization.
        seed: Seed of the dropouts.
        **kwargs: Keras's own, such as `name` and `dtype`.

    Call arguments:
        inputs: Float tensor [B, T, D].
        encoder_output: Float tensor [B, S, D']; None when `cross_cache` is given.
        padding_mask: Boolean [B, T] of the inputs, False at padding, or None.
        encoder_padding_mask: Boolean [B, S], False at padding, or None.
        cache: The self-attention's cache, see `empty_cache`; needs `cache_index`.
        cache_index: Position of the first input, an integer scalar.
        cross_cache: The encoder's keys and values, see `filled_cache`.
        return_attention_scores: Whether to return the cross-attention's probabilities too.
        training: Whether dropout is on.

    Returns:
        Tensor [B, T, D]; with `return_attention_scores` also [B, N, T, S]; with a `cache` also the updated cache, last.

    Masking:
        True = may attend. Self-attention is causal always.

    Raises:
        ValueError: If an argument is out of range or `num_heads` does not divide D.

    Example:
        >>> import numpy as np
        >>> from keras_attn.layers import TransformerDecoderBlock
        >>> block = TransformerDecoderBlock(num_heads=2, intermediate_dim=16)
        >>> tuple(block(np.ones((2, 3, 8), "float32"), np.ones((2, 5, 8), "float32")).shape)
        (2, 3, 8)

    Reference:
        Vaswani et al. 2017, section 3.1.
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
        self.supports_masking = True

    def build(self, inputs_shape, encoder_output_shape=None):
        seeds = seeds_from(self.seed)
        heads = (self.num_heads, head_dim(inputs_shape[-1], self.num_heads))
        attention = {"dropout": self.attention_dropout, "dtype": self.dtype_policy}
        self.self_attention = MultiHeadAttention(*heads, seed=next(seeds), name="self_attention", **attention)
        self.self_attention.build(inputs_shape, inputs_shape)
        self.cross_attention = MultiHeadAttention(*heads, seed=next(seeds), name="cross_attention", **attention)
        self.cross_attention.build(inputs_shape, encoder_output_shape)
        self.feed_forward = FeedForward(
            self.intermediate_dim,
            self.activation,
            dtype=self.dtype_policy,
            name="feed_forward",
        )
        self.feed_forward.build(inputs_shape)
        rule = {
            "dropout": self.dropout,
            "normalize_first": self.normalize_first,
            "epsilon": self.epsilon,
            "dtype": self.dtype_policy,
        }
        self.self_attention_residual = Residual(seed=next(seeds), name="self_attention_residual", **rule)
        self.cross_attention_residual = Residual(seed=next(seeds), name="cross_attention_residual", **rule)
        self.feed_forward_residual = Residual(seed=next(seeds), name="feed_forward_residual", **rule)
        for residual in (self.self_attention_residual, self.cross_attention_residual, self.feed_forward_residual):
            residual.build(inputs_shape)

    def call(
        self,
        inputs,
        encoder_output=None,
        padding_mask=None,
        encoder_padding_mask=None,
        cache=None,
        cache_index=None,
        cross_cache=None,
        return_attention_scores=False,
        training=None,
    ):
        if cache is not None and padding_mask is not None:
            raise ValueError("`padding_mask` is for whole inputs; with a `cache` give tokens only. Received: both")
        x = inputs
        y = self.self_attention_residual.enter(x)
        if cache is None:
            y = self.self_attention(y, y, value_mask=padding_mask, use_causal_mask=True, training=training)
        else:
            y, cache = self.self_attention(y, y, cache=cache, cache_index=cache_index, training=training)
        x = self.self_attention_residual.leave(x, y, training)  # [B, T, D]

        y = self.cross_attention_residual.enter(x)
        y, scores = self.cross_attention(
            y,
            encoder_output,
            value_mask=encoder_padding_mask,
            cache=cross_cache,
            return_attention_scores=True,
            training=training,
        )
        x = self.cross_attention_residual.leave(x, y, training)

        y = self.feed_forward_residual.enter(x)
        y = self.feed_forward(y, training=training)
        x = self.feed_forward_residual.leave(x, y, training)

        outputs = [x, scores] if return_attention_scores else [x]
        outputs += [cache] if cache is not None else []
        return outputs[0] if len(outputs) == 1 else tuple(outputs)

    def empty_cache(self, batch_size, length):
        """Makes the self-attention's cache.

        Args:
            batch_size: B, an integer or an integer scalar tensor.
            length: Number of positions, likewise.

        Returns:
            Dict with `key` and `value` [B, length, N, H], zeros.
        """
        return self.self_attention.empty_cache(batch_size, length)

    def filled_cache(self, encoder_output):
        """Projects the encoder's output into the cross-attention's keys and values, once.

        Args:
            encoder_output: Float tensor [B, S, D'].

        Returns:
            Dict with `key` and `value` [B, S, N, H].
        """
        return self.cross_attention.filled_cache(encoder_output)
