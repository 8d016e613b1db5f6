import keras

from keras_attn.layers.conformer_convolution import ConformerConvolution
from keras_attn.layers.feed_forward import FeedForward
from keras_attn.layers.layer import Layer, check_positive, check_rate, head_dim, seeds_from
from keras_attn.layers.multi_head_attention import MultiHeadAttention
from keras_attn.layers.residual import Residual, new_normalization
from keras_attn.layers.transformer_xl_position import TransformerXLPosition


@keras.saving.register_keras_serializable("keras_attn")
class ConformerBlock(Layer):
    """Self-attention for what is far and a convolution for what is near, between two half feed-forward networks.

    `x = x + f1(norm(x)) / 2`, `x = x + attention(norm(x))`, `x = x + convolution(norm(x))`,
    `y = norm(x + f2(norm(x)) / 2)`, with dropout on what each adds. Scores of the attention are those of
    `TransformerXLPosition`, so that any length works.

    Args:
        num_heads: Number of attention heads N; must divide the input's width.
        intermediate_dim: Width F of the feed-forward networks.
        kernel_size: Number of steps that the convolution sees, odd.
        dropout: Share of what each sublayer adds, and of the feed-forward networks' hidden units, set to zero in
            training.
        attention_dropout: Share of the attention probabilities set to zero in training.
        activation: Activation of the feed-forward networks.
        epsilon: Added to the variance, or the mean square, by the normalizations.
        normalization: "layer" or "rms".
        seed: Seed of the dropouts.
        implementation: How attention is computed, see `MultiHeadAttention`; None chooses.
        **kwargs: Keras's own, such as `name` and `dtype`.

    Call arguments:
        inputs: Float tensor [B, T, D].
        padding_mask: Boolean [B, T], False at padding, or None.
        use_causal_mask: Whether each step sees only what comes before it and itself, the convolution too.
        return_attention_scores: Whether to return the attention probabilities too.
        training: Whether dropout is on.

    Returns:
        Tensor [B, T, D]; with `return_attention_scores` also the probabilities [B, N, T, T].

    Masking:
        Padding is neither attended to nor convolved; what comes out there means nothing.

    Raises:
        ValueError: If an argument is out of range, or `num_heads` does not divide D.

    Example:
        >>> import numpy as np
        >>> from keras_attn.layers import ConformerBlock
        >>> tuple(ConformerBlock(num_heads=2, intermediate_dim=16)(np.ones((2, 5, 8), "float32")).shape)
        (2, 5, 8)

    Reference:
        Gulati et al. 2020, "Conformer: Convolution-augmented Transformer for Speech Recognition", equation 1. The
        convolution normalizes over the channels, see `ConformerConvolution`.
    """

    def __init__(
        self,
        num_heads,
        intermediate_dim,
        kernel_size=15,
        dropout=0.0,
        attention_dropout=0.0,
        activation="silu",
        epsilon=1e-5,
        normalization="layer",
        seed=None,
        implementation=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_positive(num_heads=num_heads, intermediate_dim=intermediate_dim)
        check_rate(dropout=dropout, attention_dropout=attention_dropout)
        self.num_heads = num_heads
        self.intermediate_dim = intermediate_dim
        self.kernel_size = kernel_size
        self.dropout = dropout
        self.attention_dropout = attention_dropout
        self.activation = keras.activations.get(activation)
        self.epsilon = epsilon
        self.normalization = normalization
        self.seed = seed
        self.implementation = implementation
        self.supports_masking = True
        self.convolution = ConformerConvolution(
            kernel_size, normalization, epsilon, dtype=self.dtype_policy, name="convolution"
        )

    def build(self, inputs_shape):
        seeds = seeds_from(self.seed)
        self.first_feed_forward = self._feed_forward("first_feed_forward", next(seeds), inputs_shape)
        self.attention = MultiHeadAttention(
            self.num_heads,
            head_dim(inputs_shape[-1], self.num_heads),
            dropout=self.attention_dropout,
            seed=next(seeds),
            position=TransformerXLPosition(dtype=self.dtype_policy),
            implementation=self.implementation,
            dtype=self.dtype_policy,
            name="attention",
        )
        self.attention.build(inputs_shape, inputs_shape)
        self.convolution.build(inputs_shape)
        self.second_feed_forward = self._feed_forward("second_feed_forward", next(seeds), inputs_shape)
        self.residuals = []
        for name in ("first_feed_forward", "attention", "convolution", "second_feed_forward"):
            arguments = (self.dropout, True, self.epsilon, next(seeds), self.normalization)
            self.residuals.append(Residual(*arguments, dtype=self.dtype_policy, name=f"{name}_residual"))
            self.residuals[-1].build(inputs_shape)
        self.norm = new_normalization(self.normalization, epsilon=self.epsilon, dtype=self.dtype_policy, name="norm")
        self.norm.build(inputs_shape)

    def call(self, inputs, padding_mask=None, use_causal_mask=False, return_attention_scores=False, training=None):
        first, attention, convolution, second = self.residuals
        x = first.leave(inputs, 0.5 * self.first_feed_forward(first.enter(inputs), training=training), training)
        normed = attention.enter(x)
        attended = self.attention(
            normed,
            normed,
            value_mask=padding_mask,
            use_causal_mask=use_causal_mask,
            return_attention_scores=return_attention_scores,
            training=training,
        )
        attended, scores = attended if return_attention_scores else (attended, None)
        x = attention.leave(x, attended, training)
        update = self.convolution(convolution.enter(x), padding_mask, use_causal_mask=use_causal_mask)
        x = convolution.leave(x, update, training)
        x = second.leave(x, 0.5 * self.second_feed_forward(second.enter(x), training=training), training)
        x = self.norm(x)  # [B, T, D]
        return (x, scores) if return_attention_scores else x

    def _feed_forward(self, name, seed, shape):
        feed_forward = FeedForward(
            self.intermediate_dim, self.activation, self.dropout, seed=seed, dtype=self.dtype_policy, name=name
        )
        feed_forward.build(shape)
        return feed_forward
