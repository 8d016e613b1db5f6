import keras

from keras_attn.layers.rematerialize import rematerialize
from keras_attn.layers.transformer_block import TransformerBlock


@keras.saving.register_keras_serializable("keras_attn")
class TransformerEncoderBlock(TransformerBlock):
    """Self-attention and a feed-forward network, each with a residual connection and normalization.

    With `use_causal_mask` a stack of them is a decoder-only model, which the cache runs token by token.

    Post-norm: `x = norm(x + dropout(f(x)))`; pre-norm (`normalize_first`): `x = x + dropout(f(norm(x)))`, for `f` first
    the attention, then the feed-forward network.

    Args:
        num_heads: Number of attention heads N; must divide the input's width.
        intermediate_dim: Width F of the feed-forward network.
        dropout: Share of each sublayer's output set to zero in training.
        attention_dropout: Share of the attention probabilities set to zero in training.
        activation: Activation of the feed-forward network.
        normalize_first: Whether to normalize before each sublayer rather than after the residual sum.
        epsilon: Added to the variance, or the mean square, by the normalization.
        seed: Seed of the dropouts.
        use_bias: Whether the projections of the attention and of the feed-forward network have biases.
        gated: Whether the feed-forward network is gated, see `FeedForward`.
        normalization: "layer" or "rms".
        num_kv_heads: Number K of key-value heads, a divisor of `num_heads`; `num_heads` when None.
        position: Layer that tells the self-attention where its queries and keys stand, such as `RotaryPosition()`, or
            None.
        sliding_window: Window of the self-attention, see `MultiHeadAttention`; None for all positions.
        normalize_query_key: Whether the attention normalizes its queries and keys.
        implementation: How the attention is computed, see `MultiHeadAttention`; None chooses.
        rematerialize: Whether training computes what the block holds inside a second time for the gradient, rather than
            keep it: less memory, about a third more time.
        **kwargs: Keras's own, such as `name` and `dtype`.

    Call arguments:
        inputs: Float tensor [B, T, D].
        padding_mask: Boolean [B, T], False at padding, or None.
        use_causal_mask: Whether each position sees only what comes before it and itself.
        cache: The self-attention's cache, see `empty_cache`; needs `cache_index`, and makes it causal.
        cache_index: Position of the first input, an integer scalar.
        memory: Float tensor [B, M, D] of what stood before the inputs, attended to as well, or None: in Transformer-XL
            the block's inputs of the last segment, behind `keras.ops.stop_gradient`.
        attention_mask: Boolean [B, T, M+T], such as `keras_attn.ops.segment_mask` of packed sequences, or None.
        training: Whether dropout is on.

    Returns:
        Tensor [B, T, D]; with a `cache` also the updated cache, last.

    Masking:
        True = may attend. Padding is never attended to; what comes out at padded positions means nothing.

    Raises:
        ValueError: If an argument is out of range, `num_heads` does not divide D, or a `cache` comes with a
            `padding_mask` or a `memory`, or without `cache_index`.

    Example:
        >>> import numpy as np
        >>> from keras_attn.layers import TransformerEncoderBlock
        >>> block = TransformerEncoderBlock(num_heads=2, intermediate_dim=16)
        >>> tuple(block(np.ones((2, 3, 8), "float32")).shape)
        (2, 3, 8)

    Reference:
        Vaswani et al. 2017, section 3.1: their h, d_ff, d_model are our N, F, D; pre-norm: Xiong et al. 2020, "On Layer
        Normalization in the Transformer Architecture", figure 1.
    """

    def build(self, inputs_shape):
        self.build_sublayers(inputs_shape)

    def call(
        self,
        inputs,
        padding_mask=None,
        use_causal_mask=False,
        cache=None,
        cache_index=None,
        memory=None,
        attention_mask=None,
        training=None,
    ):
        def run(inputs, memory):
            x, new_cache = self.call_self_attention(
                inputs, padding_mask, use_causal_mask, cache, cache_index, training, memory, attention_mask
            )
            x = self.call_feed_forward(x, training)  # [B, T, D]
            return x if cache is None else (x, new_cache)

        if self.rematerialize and training and cache is None:
            return rematerialize(self, run, inputs, memory)
        return run(inputs, memory)
