import keras

from keras_attn.layers.feed_forward import FeedForward
from keras_attn.layers.layer import Layer, check_positive, check_rate, head_dim, seeds_from
from keras_attn.layers.multi_head_attention import MultiHeadAttention
from keras_attn.layers.residual import Residual


@keras.saving.register_keras_serializable("keras_attn")
class TransformerEncoderBlock(Layer):
    """Self-attention and a feed-forward network, each with a residual connection and layer normalization.

    Post-norm: `x = norm(x + dropout(f(x)))`; pre-norm (`normalize_first`): `x = x + dropout(f(norm(x)))`, for `f` first
    the attention, then the feed-forward network.

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
        padding_mask: Boolean [B, T], False at padding, or None.
        training: Whether dropout is on.

    Returns:
        Tensor [B, T, D].

    Masking:
        Padding is never attended to; what comes out at padded positions means nothing.

    Raises:
        ValueError: If an argument is out of range or `num_heads` does not divide D.

    Example:
        >>> import numpy as np
        >>> from keras_attn.layers import TransformerEncoderBlock
        >>> block = TransformerEncoderBlock(num_heads=2, intermediate_dim=16)
        >>> tuple(block(np.ones((2, 3, 8), "float32")).shape)
        (2, 3, 8)

    Reference:
        Vaswani et al. 2017, section 3.1; pre-norm: Xiong et al. 2020, "On Layer Normalization in the Transformer
        Architecture".
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

    def build(self, input_shape):
        seeds = seeds_from(self.seed)
        self.self_attention = MultiHeadAttention(
            self.num_heads,
            head_dim(input_shape[-1], self.num_heads),
            dropout=self.attention_dropout,
            seed=next(seeds),
            dtype=self.dtype_policy,
            name="self_attention",
        )
        self.self_attention.build(input_shape, input_shape)
        self.feed_forward = FeedForward(
            self.intermediate_dim,
            self.activation,
            dtype=self.dtype_policy,
            name="feed_forward",
        )
        self.feed_forward.build(input_shape)
        rule = {
            "dropout": self.dropout,
            "normalize_first": self.normalize_first,
            "epsilon": self.epsilon,
            "dtype": self.dtype_policy,
        }
        self.self_attention_residual = Residual(seed=next(seeds), name="self_attention_residual", **rule)
        self.self_attention_residual.build(input_shape)
        self.feed_forward_residual = Residual(seed=next(seeds), name="feed_forward_residual", **rule)
        self.feed_forward_residual.build(input_shape)

    def call(self, inputs, padding_mask=None, training=None):
        x = inputs
        y = self.self_attention_residual.enter(x)
        y = self.self_attention(y, y, value_mask=padding_mask, training=training)
        x = self.self_attention_residual.leave(x, y, training)  # [B, T, D]

        y = self.feed_forward_residual.enter(x)
        y = self.feed_forward(y, training=training)
        return self.feed_forward_residual.leave(x, y, training)

    def compute_output_shape(self, input_shape):
        return input_shape
